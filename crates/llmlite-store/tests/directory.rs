//! Teams, users, keys, settings and models, on PostgreSQL and in memory alike.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use llmlite_core::{
    catalogue::Catalogue,
    ids::{KeyId, TeamId},
    keys::{ModelScope, Pepper, VirtualKey},
    people::{KeyInfo, NewKey},
    ports::{StoreError, directory::Directory, keys::KeyStore},
};
use llmlite_store::PepperError;
use llmlite_testkit::{
    MemoryStore,
    build::{a_key, a_new_key, at, only, pepper},
    postgres,
};
use tokio_postgres::{Client, SimpleQueryMessage};

trait Both: Directory + KeyStore {}
impl<T: Directory + KeyStore> Both for T {}

async fn on_both(check: impl AsyncFn(&dyn Both)) {
    check(&MemoryStore::default()).await;
    let database = postgres::fresh().await;
    check(&database.store().await).await;
}

fn exists<T: std::fmt::Debug>(result: Result<T, StoreError>, what: &str) {
    match result {
        Err(StoreError::Exists { what: said }) => assert_eq!(said, what),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn teams_and_users_are_found_by_name_and_taken_names_are_refused() {
    on_both(async |store| {
        let beta = store.create_team("beta").await.unwrap();
        let alpha = store.create_team("alpha").await.unwrap();
        assert_eq!(store.teams().await.unwrap(), [alpha.clone(), beta.clone()]);
        assert_eq!(store.team("beta").await.unwrap(), Some(beta));
        assert_eq!(store.team("Beta").await.unwrap(), None);
        exists(store.create_team("alpha").await, "team \"alpha\"");

        let zoe = store.create_user("zoe@example.com", None).await.unwrap();
        let ada = store
            .create_user("ada@example.com", Some(alpha.id))
            .await
            .unwrap();
        assert_eq!(ada.team, Some(alpha));
        assert_eq!(store.users().await.unwrap(), [ada, zoe.clone()]);
        assert_eq!(store.user("zoe@example.com").await.unwrap(), Some(zoe));
        let again = store.create_user("ada@example.com", None).await;
        exists(again, "user \"ada@example.com\"");
        let orphan = store.create_user("x@example.com", Some(TeamId(999))).await;
        assert!(
            matches!(orphan, Err(StoreError::InvalidData(_))),
            "{orphan:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_is_charged_to_its_own_team_else_to_its_holders() {
    on_both(async |store| {
        let own = store.create_team("own").await.unwrap();
        let home = store.create_team("home").await.unwrap();
        let ada = store
            .create_user("ada@example.com", Some(home.id))
            .await
            .unwrap();
        for (team, user, charged) in [
            (None, None, None),
            (None, Some(ada.id), Some(home.clone())),
            (Some(own.id), Some(ada.id), Some(own.clone())),
            (Some(own.id), None, Some(own.clone())),
        ] {
            let (key, hash) = a_key();
            let new = NewKey {
                team,
                user,
                ..a_new_key(&key)
            };
            let info = store.create_key(&new).await.unwrap();
            assert_eq!(info.team, charged);
            assert_eq!(info.user.as_ref().map(|u| u.id), user);
            let grant = store.find(&hash).await.unwrap().unwrap();
            assert_eq!(grant.key_id, info.id);
            assert_eq!(grant.team_id, charged.map(|t| t.id));
            assert_eq!(grant.user_id, user);
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_keeps_its_models_and_dates_and_a_revoked_one_its_first_date() {
    on_both(async |store| {
        for (models, expires_at) in [
            (ModelScope::All, None),
            (only(&[]), Some(at(1))),
            (only(&["claude-3-opus", "x"]), Some(at(4_102_444_800))),
        ] {
            let (key, hash) = a_key();
            let new = NewKey {
                models,
                expires_at,
                ..a_new_key(&key)
            };
            let info = store.create_key(&new).await.unwrap();
            assert_eq!(
                (&info.models, info.expires_at, info.revoked_at),
                (&new.models, expires_at, None)
            );
            assert_eq!(info.last_four, key.last_four());
            assert_eq!(store.key(info.id).await.unwrap(), Some(info.clone()));
            exists(store.create_key(&new).await, "this key");

            let revoked = store.revoke_key(info.id, false).await.unwrap();
            assert!(revoked.revoked_at.is_some());
            assert_eq!(store.revoke_key(info.id, true).await.unwrap(), revoked);
            let grant = store.find(&hash).await.unwrap().unwrap();
            assert_eq!(grant.revoked_at, revoked.revoked_at);
            assert_eq!(grant.models, new.models);
        }
        let ids: Vec<KeyId> = store.keys().await.unwrap().iter().map(|k| k.id).collect();
        assert_eq!(ids.len(), 3);
        assert!(ids.is_sorted_by(|a, b| a > b), "the newest first: {ids:?}");
        assert_eq!(store.find(&a_key().1).await.unwrap(), None);
        assert_eq!(store.key(KeyId(999)).await.unwrap(), None);
        match store.revoke_key(KeyId(999), false).await {
            Err(StoreError::Missing { what }) => assert_eq!(what, "key 999"),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_as_strict_as_it_was_last_told_to_be() {
    on_both(async |store| {
        let (key, hash) = a_key();
        let new = NewKey {
            strict: true,
            ..a_new_key(&key)
        };
        let other = store.create_key(&a_new_key(&a_key().0)).await.unwrap();
        let info = store.create_key(&new).await.unwrap();
        assert!(info.strict && !other.strict);
        assert!(store.find(&hash).await.unwrap().unwrap().strict);
        for strict in [false, false, true] {
            let changed = store.set_key_strict(info.id, strict).await.unwrap();
            let want = KeyInfo {
                strict,
                ..info.clone()
            };
            assert_eq!(changed, want);
            assert_eq!(store.key(info.id).await.unwrap(), Some(want));
            assert_eq!(store.find(&hash).await.unwrap().unwrap().strict, strict);
        }
        assert_eq!(store.key(other.id).await.unwrap(), Some(other));
        match store.set_key_strict(KeyId(999), true).await {
            Err(StoreError::Missing { what }) => assert_eq!(what, "key 999"),
            unexpected => panic!("{unexpected:?}"),
        }
    })
    .await;
}

/// Every column of every table, as text.
async fn dump(client: &Client) -> String {
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
    let mut dump = String::new();
    for row in client.query(tables, &[]).await.unwrap() {
        let table: &str = row.get(0);
        let rows = format!("SELECT t::text FROM {table} t");
        for message in client.simple_query(&rows).await.unwrap() {
            if let SimpleQueryMessage::Row(row) = message {
                dump.push_str(row.get(0).unwrap_or_default());
                dump.push('\n');
            }
        }
    }
    dump
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test]
async fn the_database_holds_no_key_and_no_plain_digest_of_one() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let key = VirtualKey::generate().unwrap();
    store.check_or_set_pepper(&pepper()).await.unwrap();
    store.create_key(&a_new_key(&key)).await.unwrap();
    let client = database.client().await;
    let dump = dump(&client).await;

    let hash = key.hash(&pepper());
    assert!(dump.contains(&hex(hash.as_bytes())), "the dump is a dump");
    let secret = &key.reveal()["sk-llm-".len()..][..40];
    assert!(!dump.contains(secret));
    let digests = client
        .query_one(
            "SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex'), md5($1)",
            &[&key.reveal()],
        )
        .await
        .unwrap();
    for digest in 0..2 {
        assert!(!dump.contains(digests.get::<_, &str>(digest)));
    }
}

#[tokio::test]
async fn the_pepper_of_the_first_key_is_the_pepper_of_all() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let other = Pepper::parse(&"0123456789abcdef".repeat(4)).unwrap();
    store.check_pepper(&other).await.unwrap();
    store.check_or_set_pepper(&pepper()).await.unwrap();
    store.check_or_set_pepper(&pepper()).await.unwrap();
    store.check_pepper(&pepper()).await.unwrap();
    for refused in [
        store.check_pepper(&other).await,
        store.check_or_set_pepper(&other).await,
    ] {
        assert!(matches!(refused, Err(PepperError::Different)));
    }
}

#[tokio::test]
async fn the_operators_models_replace_those_before_and_keep_their_order() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    assert!(store.model_overrides().await.unwrap().models.is_empty());

    let embedded = Catalogue::embedded();
    let some = |names: &[usize]| Catalogue {
        models: names
            .iter()
            .map(|&n| {
                let mut entry = embedded.models[n].clone();
                entry.configured = true;
                entry
            })
            .collect(),
    };
    for given in [some(&[3, 1, 2]), some(&[2, 4]), some(&[])] {
        store.replace_model_overrides(&given).await.unwrap();
        assert_eq!(store.model_overrides().await.unwrap(), given);
    }

    database
        .client()
        .await
        .batch_execute("INSERT INTO models VALUES ('x', 0, '{\"name\": \"x\"}')")
        .await
        .unwrap();
    let corrupt = store.model_overrides().await;
    assert!(matches!(corrupt, Err(StoreError::Corrupt { .. })));
}
