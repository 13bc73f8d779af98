use llmlite_core::{
    limits::{Ceiling, Fit, Limit, Period, Scope},
    ports::directory::Directory,
};

use super::*;
use crate::build::{a_key, a_new_key, only};

fn rpm(each: Option<Member>, ceiling: i64) -> LimitChange {
    LimitChange::Set(LimitSetting {
        limit: Limit {
            id: LimitId(0),
            scope: Scope {
                subject: Subject::Organisation,
                model: None,
            },
            measure: Measure::RequestsPerMinute,
            ceiling: Ceiling::At(ceiling),
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        },
        each,
        inherited_from: None,
    })
}

fn no_rpm(each: Option<Member>) -> LimitChange {
    LimitChange::Remove {
        model: None,
        measure: Measure::RequestsPerMinute,
        each,
    }
}

#[tokio::test]
async fn the_nearest_default_holds_unless_the_member_has_its_own() {
    let store = MemoryStore::default();
    let team = store.create_team("alpha").await.unwrap();
    let user = store.create_user("a@b", Some(team.id)).await.unwrap();
    let mut new = a_new_key(&a_key().0);
    new.user = Some(user.id);
    let key = Subject::Key(store.create_key(&new).await.unwrap().id);
    let (user, team) = (Subject::User(user.id), Subject::Team(team.id));
    let org = Subject::Organisation;
    let each = Some(Member::Key);
    let mut ids = BTreeSet::new();

    //    whose, change,            the key's limit then, and whose default it is
    let steps = [
        (org, rpm(each, 1), Some((1, Some(org)))),
        (user, rpm(each, 3), Some((3, Some(user)))),
        (team, rpm(each, 2), Some((3, Some(user)))),
        (user, no_rpm(each), Some((2, Some(team)))),
        (key, rpm(None, 9), Some((9, None))),
        (team, rpm(each, 4), Some((9, None))),
        (key, no_rpm(None), Some((4, Some(team)))),
        (team, no_rpm(each), Some((1, Some(org)))),
    ];
    for (whose, change, want) in steps {
        store.change_limits(whose, &[change]).await.unwrap();
        let limits = store.limits(key).await.unwrap();
        let got = limits.first().map(|s| (s.limit.ceiling, s.inherited_from));
        assert_eq!(got, want.map(|(n, from)| (Ceiling::At(n), from)));
        ids.extend(limits.iter().map(|s| s.limit.id));
    }
    assert_eq!(ids.len(), 1, "one of a kind keeps its number");
    store.change_limits(org, &[no_rpm(each)]).await.unwrap();
    assert_eq!(store.limits(key).await.unwrap(), []);
}

#[tokio::test]
async fn a_grant_has_the_limits_of_all_above_it_and_the_models_that_all_allow() {
    let store = MemoryStore::default();
    let team = store.create_team("alpha").await.unwrap();
    let mut new = a_new_key(&a_key().0);
    new.team = Some(team.id);
    let key = store.create_key(&new).await.unwrap().id;
    let team = Subject::Team(team.id);
    for (subject, ceiling) in [
        (Subject::Organisation, 3),
        (team, 2),
        (Subject::Key(key), 1),
    ] {
        let change = rpm(None, ceiling);
        store.change_limits(subject, &[change]).await.unwrap();
    }
    store.set_models(team, &only(&["a", "b"])).await.unwrap();
    let own = only(&["b", "c"]);
    store.set_models(Subject::Key(key), &own).await.unwrap();

    let grant = LimitDirectory::grant(&store, key).await.unwrap().unwrap();

    let heights: Vec<_> = grant.rules.all().map(|limit| limit.ceiling).collect();
    assert_eq!(heights, [1, 2, 3].map(Ceiling::At));
    assert_eq!(grant.models, only(&["b"]));
    assert_eq!(store.models(Subject::Key(key)).await.unwrap(), own);
    let nobody = Subject::Team(llmlite_core::ids::TeamId(9));
    let missing = store.change_limits(nobody, &[]).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { what } if what == "team 9"));
}

#[tokio::test]
async fn a_budget_stands_at_what_was_charged_to_its_present_window() {
    let store = MemoryStore::default();
    let org = Subject::Organisation;
    let LimitChange::Set(mut day) = rpm(None, 5) else {
        panic!("it sets");
    };
    day.limit.measure = Measure::Budget(Period::Day);
    let change = LimitChange::Set(day);
    store.change_limits(org, &[change]).await.unwrap();
    let id = store.limits(org).await.unwrap()[0].limit.id;
    let account = store.states(&[id]).await.unwrap()[0].account;

    let mut record = crate::build::a_record(1);
    record.accounts.extend(account);
    record.cost = Nanodollars(7);
    let other = crate::build::a_record(2);
    let instance = llmlite_core::ids::InstanceId(1);
    let batch = [record, other];
    llmlite_core::ports::ledger::Ledger::flush(&store, instance, &batch)
        .await
        .unwrap();

    let state = store.states(&[id, LimitId(99)]).await.unwrap();
    assert_eq!((state[0].used, state[0].leased), (7, 0));
    assert_eq!((state[1].used, state[1].account), (0, None));
    store.set_standing(id, 2, 1);
    let state = store.states(&[id]).await.unwrap()[0];
    assert_eq!((state.used, state.leased), (2, 1));
}
