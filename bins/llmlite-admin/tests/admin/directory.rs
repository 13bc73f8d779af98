use std::collections::BTreeSet;

use llmlite_core::{
    keys::{KeyGrant, ModelScope, VirtualKey},
    ports::keys::KeyStore,
};
use llmlite_testkit::{build::pepper, postgres};
use serde_json::{Value, json};

use crate::command::Shell;

/// What the gateway would find behind a key that was printed.
async fn grant(database: &postgres::TestDatabase, printed: &Value) -> Option<KeyGrant> {
    let key = VirtualKey::parse(printed.as_str().unwrap()).unwrap();
    let store = database.store().await;
    store.find(&key.hash(&pepper())).await.unwrap()
}

/// What `key show` says of the key itself.
fn shown(shell: &Shell) -> Value {
    let mut key = shell.json("key show 1");
    let fields = key.as_object_mut().unwrap();
    assert!(fields.remove("policy").is_some());
    key
}

#[tokio::test]
async fn a_key_grants_what_was_ordered() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let team = shell.json("team create alpha");
    let user = shell.json("user create Ada@Example.com --team alpha");
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["team"], "alpha");

    let key = shell.json(
        "key create --name laptop --user ada@example.com --expires 2099-12-31 \
         --models claude-3-opus,claude-sonnet-4-5-20250929",
    );

    let found = grant(&database, &key["key"]).await.unwrap();
    assert_eq!(key["id"], found.key_id.0);
    assert_eq!(&*found.name, "laptop");
    assert_eq!(user["id"], found.user_id.unwrap().0);
    assert_eq!(team["id"], found.team_id.unwrap().0);
    let models = ["claude-3-opus", "claude-sonnet-4-5"].map(str::to_owned);
    assert_eq!(found.models, ModelScope::Only(BTreeSet::from(models)));
    assert_eq!(key["models"], json!(["claude-3-opus", "claude-sonnet-4-5"]));
    assert_eq!(key["expires_at"], "2099-12-31T00:00:00Z");
    assert!(found.expires_at.is_some() && found.revoked_at.is_none());
    assert_eq!(key["status"], "active");
}

#[tokio::test]
async fn a_key_without_wishes_may_call_every_model_for_ever() {
    let database = postgres::fresh().await;
    let key = Shell::at(database.url()).json("key create --name ci");

    let found = grant(&database, &key["key"]).await.unwrap();

    assert_eq!(found.models, ModelScope::All);
    assert_eq!(
        (found.user_id, found.team_id, found.expires_at),
        (None, None, None)
    );
    assert_eq!((&key["models"], &key["user"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn the_key_is_printed_once_and_shown_nowhere_else() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());

    let said = shell.run("key create --name laptop");
    let plaintext = said
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("key "))
        .unwrap()
        .trim();
    assert!(VirtualKey::parse(plaintext).is_ok(), "{plaintext}");
    assert_eq!(said.stdout.matches(plaintext).count(), 1);
    assert!(said.stderr.contains("the only time"), "{}", said.stderr);
    assert!(!said.stderr.contains(plaintext));

    for line in [
        "key list",
        "key list --json",
        "key show 1",
        "key show 1 --json",
        "key revoke 1",
    ] {
        let text = shell.text(line);
        assert!(text.contains("laptop"), "{text}");
        assert!(text.contains(&plaintext[plaintext.len() - 4..]), "{text}");
        assert!(!text.contains(plaintext), "{line}");
    }
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_at_its_first_date() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let key = shell.json("key create --name laptop");

    let first = shell.json("key revoke 1");
    assert_eq!(first["already_revoked"], false);
    assert_eq!(first["status"], "revoked");
    assert!(
        grant(&database, &key["key"])
            .await
            .unwrap()
            .revoked_at
            .is_some()
    );

    shell.json("key create --name other");
    assert!(
        shell
            .text("key revoke 2")
            .ends_with(" is revoked; gateways refuse it within a second\n")
    );
    let again = shell.json("key revoke 1");
    assert_eq!(again["already_revoked"], true);
    assert_eq!(again["revoked_at"], first["revoked_at"]);
    let at = first["revoked_at"].as_str().unwrap();
    assert!(
        shell
            .text("key revoke 1")
            .contains(&format!("revoked already, at {at}"))
    );
}

#[tokio::test]
async fn a_key_is_strict_when_ordered_so_and_can_be_switched_later() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let key = shell.json("key create --name careful --strict on");
    for (line, want) in [
        ("--name other", false),
        ("--name third --strict off", false),
    ] {
        assert_eq!(shell.json(&format!("key create {line}"))["strict"], want);
    }
    let strict = async || grant(&database, &key["key"]).await.unwrap().strict;
    assert_eq!(key["strict"], true);
    assert!(strict().await);
    for (word, want) in [("off", false), ("off", false), ("on", true)] {
        let changed = shell.json(&format!("key set 1 --strict {word}"));
        assert_eq!(changed["strict"], want);
        assert_eq!(shown(&shell), changed);
        assert_eq!(strict().await, want);
        assert_eq!(shell.json("key list")[0]["strict"], false, "the other key");
    }
    let shown = shell.text("key set 1 --strict off");
    assert!(shown.contains("\nstrict   no\n"), "{shown}");
    for (line, why) in [
        ("key set 9 --strict on", "there is no key 9"),
        ("key set 1 --strict maybe", "[possible values: on, off]"),
        ("key set 1", "--strict"),
        (
            "key create --name x --strict maybe",
            "[possible values: on, off]",
        ),
    ] {
        assert!(shell.error(line).contains(why), "{line}");
    }
}

#[tokio::test]
async fn a_key_may_last_to_the_end_of_time_as_we_can_write_it() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let last = "9999-12-31T23:59:59Z";
    let key = shell.json(&format!("key create --name k --expires {last}"));
    assert_eq!(key["expires_at"], last);
    assert_eq!(shell.json("key show 1")["expires_at"], last);
}

#[tokio::test]
async fn a_date_that_cannot_be_written_does_not_hide_its_key() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    shell.json("key create --name laptop");
    database
        .client()
        .await
        .batch_execute(
            "UPDATE virtual_keys SET expires_at = '12000-01-01', created_at = '-infinity'",
        )
        .await
        .unwrap();

    let key = shell.json("key show 1");
    assert_eq!(key["expires_at"], "9999-12-31T23:59:59Z");
    assert_eq!(key["created_at"], "1970-01-01T00:00:00Z");
    assert_eq!(shell.json("key list"), json!([shown(&shell)]));
    assert_eq!(shell.json("key revoke 1")["status"], "revoked");
}

#[tokio::test]
async fn lists_are_tables_for_people_and_arrays_for_scripts() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    assert_eq!(shell.json("team list"), json!([]));
    assert_eq!(shell.text("team list"), "ID  NAME  CREATED\n");

    shell.json("team create beta");
    shell.json("team create alpha");
    shell.json("user create zoe@example.com --team beta");
    shell.json("user create ada@example.com");
    shell.json("key create --name one --user zoe@example.com");
    shell.json("key create --name two --team alpha");

    let names = |line, field: &str| -> Vec<Value> {
        let list = shell.json(line);
        list.as_array()
            .unwrap()
            .iter()
            .map(|item| item[field].clone())
            .collect()
    };
    assert_eq!(names("team list", "name"), ["alpha", "beta"]);
    assert_eq!(
        names("user list", "email"),
        ["ada@example.com", "zoe@example.com"]
    );
    assert_eq!(names("user list", "team"), [Value::Null, "beta".into()]);
    assert_eq!(names("key list", "name"), ["two", "one"]);
    assert_eq!(names("key list", "team"), ["alpha", "beta"]);

    let table = shell.text("user list");
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("ID  EMAIL            TEAM  CREATED"),
        "{table}"
    );
    assert!(
        lines[1].starts_with(" 2  ada@example.com  -     20"),
        "{table}"
    );
}
