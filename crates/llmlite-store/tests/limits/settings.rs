use super::*;

#[tokio::test]
async fn a_setting_comes_back_as_it_was_given() {
    let world = world().await;
    let subject = Subject::Team(world.team);
    let plain = limit(subject, RPM, Ceiling::At(7));
    let full = Limit {
        raise: Some(Raise {
            to: Ceiling::Unlimited,
            until: at(4_102_444_800) + Duration::from_micros(500_001),
        }),
        overdraft: Nanodollars(3),
        fit: Fit::Clamp,
        shadow: true,
        thresholds: vec![50.try_into().unwrap(), 100.try_into().unwrap()],
        durability: Some(Durability::Sync),
        ..limit(
            subject,
            Measure::Budget(Period::FinancialYear),
            Ceiling::At(i64::MAX),
        )
    };
    let of_a_model = Limit {
        scope: Scope {
            subject,
            model: Some(Arc::from("o'pus; DROP TABLE limits --\"")),
        },
        raise: Some(Raise {
            to: Ceiling::At(0),
            until: at(1),
        }),
        ..limit(subject, Measure::TokensPerMinute, Ceiling::Unlimited)
    };
    let parallel = limit(subject, Measure::ParallelRequests, Ceiling::At(0));
    let given = [
        setting(full, None),
        setting(plain.clone(), None),
        setting(parallel, None),
        setting(plain, Some(Member::User)),
        setting(of_a_model, None),
    ];
    // In whatever order they are given, they are told in theirs; of two of a kind, the last counts.
    let mut changes: Vec<_> = given.iter().rev().cloned().map(LimitChange::Set).collect();
    changes.insert(0, set(limit(subject, RPM, Ceiling::At(1)), None));
    changes.insert(0, remove(RPM, Some(Member::User)));
    world.store.change_limits(subject, &changes).await.unwrap();
    let mut found = world.store.limits(subject).await.unwrap();
    for setting in &mut found {
        assert!(setting.limit.id.0 > 0);
        setting.limit.id = LimitId(0);
    }
    assert_eq!(found, given);
    let nothing = [
        remove(Measure::ParallelRequests, None),
        remove(Measure::Budget(Period::Day), None),
        set(limit(subject, RPM, Ceiling::At(9)), None),
        remove(RPM, None),
    ];
    world.store.change_limits(subject, &nothing).await.unwrap();
    assert_eq!(world.store.limits(subject).await.unwrap().len(), 3);
}

#[tokio::test]
async fn all_changes_are_carried_out_or_none() {
    let world = world().await;
    let subject = Subject::Team(world.team);
    let bad = [
        set(limit(subject, RPM, Ceiling::At(5)), None),
        set(
            limit(subject, Measure::TokensPerMinute, Ceiling::At(-1)),
            None,
        ),
    ];
    let refused = world.store.change_limits(subject, &bad).await;
    assert!(
        matches!(refused, Err(StoreError::InvalidData(_))),
        "{refused:?}"
    );
    assert_eq!(world.store.limits(subject).await.unwrap(), []);
    // A team has no teams.
    let bad = [set(limit(subject, RPM, Ceiling::At(5)), Some(Member::Team))];
    let refused = world.store.change_limits(subject, &bad).await;
    assert!(
        matches!(refused, Err(StoreError::InvalidData(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn who_is_not_there_is_said_to_be_missing() {
    let world = world().await;
    for (subject, what) in [
        (Subject::Key(KeyId(999)), "key 999"),
        (Subject::User(UserId(999)), "user 999"),
        (Subject::Team(TeamId(999)), "team 999"),
    ] {
        let change = [set(limit(subject, RPM, Ceiling::At(5)), None)];
        let answers = [
            world.store.change_limits(subject, &change).await,
            world.store.change_limits(subject, &[]).await,
            world.store.set_models(subject, &ModelScope::All).await,
        ];
        for answer in answers {
            let said = matches!(&answer, Err(StoreError::Missing { what: w }) if w == what);
            assert!(said, "{answer:?}");
        }
        let models = world.store.models(subject).await;
        assert!(
            matches!(models, Err(StoreError::Missing { .. })),
            "{models:?}"
        );
        assert_eq!(world.store.limits(subject).await.unwrap(), []);
    }
    let expiry = world.store.set_expiry(KeyId(999), None).await;
    assert!(
        matches!(expiry, Err(StoreError::Missing { .. })),
        "{expiry:?}"
    );
    assert_eq!(world.store.grant(KeyId(999)).await.unwrap(), None);
    let subject = Subject::Organisation;
    world.store.change_limits(subject, &[]).await.unwrap();
}

#[tokio::test]
async fn a_limit_stands_at_what_was_used_in_its_time_and_is_on_lease() {
    let world = world().await;
    let subject = Subject::Team(world.team);
    let measures = [
        Measure::Budget(Period::Lifetime),
        Measure::Budget(Period::Month),
        RPM,
        Measure::ParallelRequests,
    ];
    let changes = measures.map(|m| set(limit(subject, m, Ceiling::At(100)), None));
    world.store.change_limits(subject, &changes).await.unwrap();
    let set = world.store.limits(subject).await.unwrap();
    let id = |measure| {
        set.iter()
            .find(|s| s.limit.measure == measure)
            .unwrap()
            .limit
            .id
    };
    let [ever, month, rate, parallel] = measures.map(id);
    let row = world.admin.query_one("SELECT now()", &[]).await.unwrap();
    let starts = Window::of(Period::Month, row.get(0)).starts;
    let sql = format!(
        "INSERT INTO gateway_instances (host) VALUES ('a'), ('b'), ('gone');
         UPDATE gateway_instances SET heard_at = now() - interval '1 hour' WHERE host = 'gone';
         INSERT INTO budget_accounts (limit_id, starts, settled, granted)
         VALUES ({ever}, 'epoch', 10, 20), ({month}, now() - interval '70 days', 11, 21);
         INSERT INTO rate_windows (limit_id, head, used)
         SELECT {rate}, floor(extract(epoch FROM now()) / 2) - 20, array_agg(n)
           FROM generate_series(1, 31) n;
         INSERT INTO permit_leases (limit_id, instance_id, permits)
         SELECT {parallel}, id, 4 FROM gateway_instances"
    );
    world.sql(&sql).await;
    let asked = [parallel, rate, month, LimitId(999), ever];
    let states = world.store.states(&asked).await.unwrap();
    let told: Vec<LimitId> = states.iter().map(|s| s.limit).collect();
    assert_eq!(told, asked);
    let amounts = |n: usize| (states[n].used, states[n].leased);
    assert_eq!(amounts(0), (0, 8));
    // The slots 21 to 31 are still in the ring, unless the next one has begun meanwhile.
    let sum = (21..=31).sum::<i64>();
    assert!([sum, sum - 21].contains(&states[1].used), "{:?}", states[1]);
    assert_eq!(amounts(2), (0, 0), "the last window is over");
    let account = |limit, starts| Some(AccountKey { limit, starts });
    assert_eq!(states[2].account, account(month, starts));
    assert_eq!((amounts(3), states[3].account), ((0, 0), None));
    assert_eq!(
        (amounts(4), states[4].account),
        ((10, 20), account(ever, at(0)))
    );
    let opened =
        "INSERT INTO budget_accounts (limit_id, starts, settled, granted) VALUES ($1, $2, 5, 6)";
    world
        .admin
        .execute(opened, &[&month.0, &starts])
        .await
        .unwrap();
    let states = world.store.states(&[month]).await.unwrap();
    assert_eq!((states[0].used, states[0].leased), (5, 6));
}
