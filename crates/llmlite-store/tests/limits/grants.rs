use super::*;

#[tokio::test]
async fn a_key_is_found_with_all_that_binds_it_in_the_order_of_refusals() {
    let world = world().await;
    let (key, ada) = (Subject::Key(world.key), Subject::User(world.ada));
    let (team, all) = (Subject::Team(world.team), Subject::Organisation);
    let strangers = Subject::Team(world.other);
    let month = Measure::Budget(Period::Month);
    let day = Measure::Budget(Period::Day);
    for (subject, measure, each) in [
        (all, Measure::ParallelRequests, None),
        (team, Measure::TokensPerMinute, None),
        (team, RPM, None),
        (team, month, None),
        (strangers, RPM, None),
        (strangers, RPM, Some(Member::Key)),
        (ada, RPM, None),
        (ada, day, Some(Member::Key)),
        (key, RPM, None),
        (key, month, None),
    ] {
        let change = set(limit(subject, measure, Ceiling::At(9)), each);
        world.change(subject, change).await;
    }
    let model = Scope {
        subject: key,
        model: Some(Arc::from("opus")),
    };
    let of_a_model = Limit {
        scope: model,
        ..limit(key, day, Ceiling::At(1))
    };
    world.change(key, set(of_a_model, None)).await;
    let grant = world.store.find(&world.hash).await.unwrap().unwrap();
    let told = |limits: &[Limit]| -> Vec<(Subject, Measure, bool)> {
        let one = |l: &Limit| (l.scope.subject, l.measure, l.scope.model.is_some());
        limits.iter().map(one).collect()
    };
    let overall = [
        (key, day, false),
        (key, month, false),
        (key, RPM, false),
        (ada, RPM, false),
        (team, month, false),
        (team, RPM, false),
        (team, Measure::TokensPerMinute, false),
        (all, Measure::ParallelRequests, false),
    ];
    assert_eq!(told(grant.rules.overall()), overall);
    let mut of_opus = overall.to_vec();
    of_opus.insert(1, (key, day, true));
    assert_eq!(told(grant.rules.of("opus")), of_opus);
    assert_eq!(world.store.grant(world.key).await.unwrap(), Some(grant));
}

#[tokio::test]
async fn a_key_may_call_what_its_user_its_team_and_the_organisation_may_call_too() {
    let world = world().await;
    let models = async || world.store.find(&world.hash).await.unwrap().unwrap().models;
    for (subject, scope, want) in [
        (
            Subject::Key(world.key),
            only(&["a", "b", "c", "d"]),
            only(&["a", "b", "c", "d"]),
        ),
        (
            Subject::User(world.ada),
            only(&["a", "b", "c", "x"]),
            only(&["a", "b", "c"]),
        ),
        (
            Subject::Team(world.team),
            only(&["a", "b"]),
            only(&["a", "b"]),
        ),
        (Subject::Team(world.other), only(&[]), only(&["a", "b"])),
        (Subject::Organisation, only(&["b", "'"]), only(&["b"])),
        (Subject::Organisation, only(&["c"]), only(&[])),
        (Subject::Team(world.team), ModelScope::All, only(&["c"])),
        (Subject::Key(world.key), ModelScope::All, only(&["c"])),
        (
            Subject::Organisation,
            ModelScope::All,
            only(&["a", "b", "c", "x"]),
        ),
        (
            Subject::Organisation,
            ModelScope::All,
            only(&["a", "b", "c", "x"]),
        ),
        (Subject::User(world.ada), ModelScope::All, ModelScope::All),
    ] {
        world.store.set_models(subject, &scope).await.unwrap();
        assert_eq!(world.store.models(subject).await.unwrap(), scope);
        assert_eq!(models().await, want, "{subject:?}: {scope:?}");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_is_told_to_or_never() {
    let world = world().await;
    for end in [Some(at(1)), Some(at(4_102_444_800)), None] {
        world.store.set_expiry(world.key, end).await.unwrap();
        let grant = world.store.find(&world.hash).await.unwrap().unwrap();
        assert_eq!(grant.expires_at, end);
    }
}
