//! The use cases over a store in memory.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use llmlite_control::{
    ControlError,
    keys::{self, CreatedKey, KeyOrder},
    reports, teams, users,
    views::{CreatedKeyView, KeyView, RevocationView, UsageView},
};
use llmlite_core::{
    catalogue::Catalogue,
    ids::KeyId,
    keys::KeyStatus,
    money::Nanodollars,
    ports::{
        StoreError, clock::Clock, directory::Directory, keys::KeyStore, ledger::Ledger,
        reports::GroupBy,
    },
    usage::{Ending, UsageRecord},
};
use llmlite_testkit::{
    ManualClock, MemoryStore,
    build::{a_record, at, only, pepper},
};

/// A store with ada of team alpha, and a team beta.
async fn store() -> MemoryStore {
    let store = MemoryStore::default();
    teams::create(&store, " alpha ").await.unwrap();
    teams::create(&store, "beta").await.unwrap();
    users::create(&store, "Ada@Example.com", Some("alpha"))
        .await
        .unwrap();
    store
}

async fn create(store: &MemoryStore, order: KeyOrder<'_>) -> Result<CreatedKey, ControlError> {
    let clock = ManualClock::at(1_000);
    let draft = keys::draft(store, &clock, &pepper(), &Catalogue::embedded(), &order).await?;
    keys::create(store, draft).await
}

fn order() -> KeyOrder<'static> {
    KeyOrder {
        name: "laptop",
        ..KeyOrder::default()
    }
}

#[tokio::test]
async fn names_are_stored_tidy_and_taken_once() {
    let store = store().await;
    assert_eq!(store.users().await.unwrap()[0].email, "ada@example.com");
    assert!(matches!(
        teams::create(&store, "alpha").await,
        Err(ControlError::Store(StoreError::Exists { .. }))
    ));
    assert!(matches!(
        users::create(&store, "ADA@example.com", None).await,
        Err(ControlError::Store(StoreError::Exists { .. }))
    ));
}

#[tokio::test]
async fn a_created_key_is_found_by_its_hash_and_grants_what_was_ordered() {
    let store = store().await;
    let models = ["claude-sonnet-4-5-20250929".to_owned()];
    let created = create(
        &store,
        KeyOrder {
            user: Some(" ADA@example.com"),
            team: Some("beta"),
            models: Some(&models),
            expires_at: Some(at(1_001)),
            ..order()
        },
    )
    .await
    .unwrap();

    let grant = store
        .find(&created.plaintext.hash(&pepper()))
        .await
        .unwrap()
        .unwrap();

    assert_eq!(grant.key_id, created.info.id);
    assert_eq!(grant.models, only(&["claude-sonnet-4-5"]));
    assert_eq!(grant.expires_at, Some(at(1_001)));
    assert_eq!(grant.user_id, created.info.user.map(|user| user.id));
    assert_eq!(created.info.team.unwrap().name, "beta");
    assert!(
        created
            .plaintext
            .reveal()
            .ends_with(&created.info.last_four)
    );
}

#[tokio::test]
async fn a_draft_changes_nothing() {
    let store = store().await;
    let clock = ManualClock::default();
    let draft = keys::draft(&store, &clock, &pepper(), &Catalogue::embedded(), &order()).await;
    assert!(draft.is_ok());
    assert_eq!(keys::list(&store).await.unwrap(), []);
}

#[track_caller]
fn check_refused(result: Result<CreatedKey, ControlError>, want: &str) {
    assert_eq!(result.unwrap_err().to_string(), want);
}

#[tokio::test]
#[rustfmt::skip]
async fn an_order_that_makes_no_sense_creates_no_key() {
    let store = store().await;
    let models = ["gpt-4o".to_owned()];
    check_refused(create(&store, KeyOrder { name: " ", ..order() }).await,                      "the key's name is empty");
    check_refused(create(&store, KeyOrder { user: Some("bob@example.com"), ..order() }).await,  "there is no user \"bob@example.com\"");
    check_refused(create(&store, KeyOrder { team: Some("gamma"), ..order() }).await,            "there is no team \"gamma\"");
    check_refused(create(&store, KeyOrder { models: Some(&models), ..order() }).await,          "there is no model \"gpt-4o\"");
    check_refused(create(&store, KeyOrder { expires_at: Some(at(1_000)), ..order() }).await,    "the key would have expired already");
    assert_eq!(keys::list(&store).await.unwrap(), []);
}

#[tokio::test]
async fn a_revocation_says_whether_it_changed_anything() {
    let store = store().await;
    let id = create(&store, order()).await.unwrap().info.id;

    let first = keys::revoke(&store, id, false).await.unwrap();
    let again = keys::revoke(&store, id, false).await.unwrap();

    assert_eq!((first.already, again.already), (false, true));
    assert_eq!(first.key.revoked_at, again.key.revoked_at);
    assert_eq!(keys::show(&store, id).await.unwrap(), again.key);
    for missing in [
        keys::show(&store, KeyId(99)).await.err(),
        keys::revoke(&store, KeyId(99), false).await.err(),
    ] {
        assert_eq!(missing.unwrap().to_string(), "there is no key 99");
    }
}

#[tokio::test]
async fn a_key_is_as_strict_as_it_was_last_told_to_be() {
    let store = store().await;
    for ordered in [false, true] {
        let strict = KeyOrder {
            strict: ordered,
            ..order()
        };
        let created = create(&store, strict).await.unwrap();
        assert_eq!(created.info.strict, ordered);
        for wanted in [true, true, false] {
            let key = keys::set_strict(&store, created.info.id, wanted).await;
            let key = key.unwrap();
            assert_eq!(key.strict, wanted);
            assert_eq!(keys::show(&store, key.id).await.unwrap(), key);
            let grant = store.find(&created.plaintext.hash(&pepper())).await;
            assert_eq!(grant.unwrap().unwrap().strict, wanted);
        }
    }
    let missing = keys::set_strict(&store, KeyId(99), true).await;
    assert_eq!(missing.unwrap_err().to_string(), "there is no key 99");
}

#[tokio::test]
async fn a_failing_store_is_named_as_the_reason() {
    let store = store().await;
    store.set_down(true);
    let error = create(&store, order()).await.unwrap_err();
    assert!(
        matches!(error, ControlError::Store(StoreError::Unavailable(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_json_of_a_key_shows_it_only_when_it_is_new() {
    let store = store().await;
    let created = create(
        &store,
        KeyOrder {
            expires_at: Some(at(2_000)),
            ..order()
        },
    )
    .await
    .unwrap();
    let plaintext = created.plaintext.reveal();
    let last_four = &created.info.last_four;
    let created_at = llmlite_control::dates::rfc3339(created.info.created_at);
    let key = serde_json::json!({
        "id": created.info.id.0, "name": "laptop", "last_four": last_four, "user": null,
        "team": null, "models": null, "strict": false, "status": "active", "created_at": created_at,
        "expires_at": "1970-01-01T00:33:20Z", "revoked_at": null,
    });
    let mut new = key.clone();
    new["key"] = plaintext.into();

    let shown = CreatedKeyView::at(at(1_000), &created);
    assert_eq!(serde_json::to_value(&shown).unwrap(), new);
    assert!(!format!("{shown:?} {created:?}").contains(plaintext));
    let listed = KeyView::at(at(1_000), &created.info);
    assert_eq!(serde_json::to_value(&listed).unwrap(), key);
    assert_eq!(
        KeyView::at(at(2_000), &created.info).status,
        KeyStatus::Expired
    );

    let revocation = keys::revoke(&store, created.info.id, true).await.unwrap();
    let revoked = serde_json::to_value(RevocationView::at(at(1_000), &revocation)).unwrap();
    assert_eq!(
        (&revoked["already_revoked"], &revoked["status"]),
        (&false.into(), &"revoked".into())
    );
    assert!(revoked["revoked_at"].is_string());
}

/// The 15th of November 2026, at noon.
fn november() -> ManualClock {
    ManualClock::at(1_794_744_000)
}

#[tokio::test]
#[rustfmt::skip]
async fn a_report_covers_the_month_unless_days_are_given() {
    let store = MemoryStore::default();
    let days = async |from, to| {
        let report = reports::usage(&store, &november(), GroupBy::Day, from, to).await;
        report.map(|r| (r.query.from, r.query.to)).map_err(|e| e.to_string())
    };
    let good = |from: &str, to: &str| Ok((from.to_owned(), to.to_owned()));
    let bad = |text: &str| Err(text.to_owned());
    assert_eq!(days(None, None).await,                             good("2026-11-01", "2026-11-15"));
    assert_eq!(days(Some("2026-10-20"), None).await,               good("2026-10-20", "2026-11-15"));
    assert_eq!(days(None, Some("2026-02-28")).await,               good("2026-02-01", "2026-02-28"));
    assert_eq!(days(Some("2026-11-03"), Some("2026-11-03")).await, good("2026-11-03", "2026-11-03"));
    assert_eq!(days(Some("2026-11-16"), None).await,               bad("the report would begin on 2026-11-16 and end before it, on 2026-11-15"));
    assert_eq!(days(Some("2026-02-29"), None).await,               bad("\"2026-02-29\" is no day: give it as 2026-11-01 (UTC)"));
    assert_eq!(days(None, Some("yesterday")).await,                bad("\"yesterday\" is no day: give it as 2026-11-01 (UTC)"));
}

#[tokio::test]
async fn the_total_of_a_report_is_the_sum_of_its_lines() {
    let store = MemoryStore::default();
    let clock = november();
    let today = clock.now().duration_since(at(0)).unwrap();
    let yesterday = today - Duration::from_secs(24 * 60 * 60);
    let failed = UsageRecord {
        ending: Ending::UpstreamFailed,
        cost: Nanodollars(3),
        ..a_record(yesterday.as_secs())
    };
    store
        .flush(
            llmlite_core::ids::InstanceId(1),
            &[a_record(today.as_secs()), failed],
        )
        .await
        .unwrap();

    let report = reports::usage(&store, &clock, GroupBy::Day, None, None)
        .await
        .unwrap();

    assert_eq!(report.lines.len(), 2);
    assert_eq!((report.total.requests, report.total.failed), (2, 1));
    assert_eq!(report.total.cost, Nanodollars(4_612_503));
    assert_eq!(report.total.tokens.input_in_all(), 2 * 1_080);
    let json = serde_json::to_value(UsageView::from(&report)).unwrap();
    assert_eq!(json["by"], "day");
    assert_eq!(json["lines"][0]["group"], "2026-11-14");
    assert_eq!(json["total"]["group"], serde_json::Value::Null);
    assert_eq!(json["total"]["cost_nanodollars"], 4_612_503);
    assert_eq!(json["total"]["cost_usd"], "0.004612503");
}
