//! Builders: a test states what matters to it and takes the rest as it comes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use llmlite_core::{
    catalogue::Residency,
    ids::{EventId, KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash, ModelScope, Pepper, VirtualKey},
    money::Nanodollars,
    people::NewKey,
    usage::{Ending, Tokens, UsageRecord},
};

/// A pepper for tests, always the same.
pub fn pepper() -> Pepper {
    Pepper::parse(PEPPER).expect("it is 32 different bytes in hexadecimal")
}

/// The same pepper as text, for the environment of a program under test.
pub const PEPPER: &str = "6c6c6d6c697465207465737420706570706572202d206e6f7420736563726574";

/// A new virtual key and its hash under [`pepper`].
///
/// # Panics
///
/// When the operating system has no randomness.
pub fn a_key() -> (VirtualKey, KeyHash) {
    let key = VirtualKey::generate().expect("the operating system has randomness");
    let hash = key.hash(&pepper());
    (key, hash)
}

/// What is stored of a new key: called `test`, without holder, team, limits or end.
pub fn a_new_key(key: &VirtualKey) -> NewKey {
    NewKey {
        name: "test".to_owned(),
        hash: key.hash(&pepper()),
        last_four: key.last_four().to_owned(),
        user: None,
        team: None,
        models: ModelScope::All,
        expires_at: None,
        strict: false,
    }
}

/// A grant of key 1, which user 2 holds and team 3 pays for, to call everything for ever.
pub fn a_grant() -> KeyGrant {
    KeyGrant {
        key_id: KeyId(1),
        name: Arc::from("test"),
        user_id: Some(UserId(2)),
        team_id: Some(TeamId(3)),
        models: ModelScope::All,
        expires_at: None,
        revoked_at: None,
        cut_streams: false,
        strict: false,
        rules: Arc::default(),
    }
}

/// The models that a key may call, by friendly name.
pub fn only(models: &[&str]) -> ModelScope {
    ModelScope::Only(models.iter().map(|&m| m.to_owned()).collect())
}

/// A record of a request of [`a_grant`]'s that was admitted at `seconds` since 1970 and went well.
pub fn a_record(seconds: u64) -> UsageRecord {
    UsageRecord {
        event_id: EventId::new(at(seconds)),
        request_id: Arc::from("req_test"),
        upstream_request_id: None,
        key_id: KeyId(1),
        user_id: Some(UserId(2)),
        team_id: Some(TeamId(3)),
        model: Arc::from("claude-sonnet-4-5"),
        bedrock_model_id: Arc::from("anthropic.claude-sonnet-4-5-20250929-v1:0"),
        region: Arc::from("eu-west-2"),
        residency: Residency::InRegion,
        streamed: false,
        tokens: Tokens {
            input: 1_000,
            output: 100,
            cache_read: 50,
            cache_write_5m: 20,
            cache_write_1h: 10,
        },
        cost: Nanodollars(4_612_500),
        accounts: Vec::new(),
        estimated: false,
        ending: Ending::Complete,
        latency: Duration::from_millis(1_500),
        time_to_first_token: None,
    }
}

/// This many seconds since 1970.
pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
