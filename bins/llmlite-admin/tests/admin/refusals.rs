use llmlite_testkit::postgres;

use crate::command::Shell;

#[track_caller]
fn check(shell: &Shell, line: &str, said: &str) {
    let error = shell.error(line);
    assert!(error.starts_with("error: "), "{line}: {error}");
    assert!(error.contains(said), "{line}: {error}");
}

#[tokio::test]
#[rustfmt::skip]
async fn a_wish_that_cannot_be_granted_is_answered_with_what_to_do() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    shell.json("team create alpha");
    shell.json("user create ada@example.com");
    let nameless = "key create --name k";

    check(&shell, "team create alpha",                             "team \"alpha\" exists already");
    check(&shell, "user create ADA@example.com",                   "user \"ada@example.com\" exists already");
    check(&shell, "user create ada",                               "is not an e-mail address");
    check(&shell, "user create b@example.com --team beta",         "there is no team \"beta\"\nsee llmlite-admin team list");
    check(&shell, &format!("{nameless} --team beta"),              "there is no team \"beta\"");
    check(&shell, &format!("{nameless} --user b@example.com"),     "there is no user \"b@example.com\"\nsee llmlite-admin user list");
    check(&shell, &format!("{nameless} --models claude-3-opsu"),   "(near it: claude-3-opus");
    check(&shell, &format!("{nameless} --models gpt-4o"),          "there is no model \"gpt-4o\"\nsee llmlite-admin model list");
    check(&shell, &format!("{nameless} --expires 2020-01-01"),     "would have expired already");
    check(&shell, &format!("{nameless} --expires never"),          "no time to expire");
    check(&shell, &format!("{nameless} --expires 9999-12-31T23:59:59-01:00"), "not after the year 9999 (UTC)");
    check(&shell, "key show 99",                                   "there is no key 99\nsee llmlite-admin key list");
    check(&shell, "key revoke 99",                                 "there is no key 99");
    check(&shell, "usage report --from 2026-13-01",                "is no day");
    check(&shell, "usage report --from 2026-11-02 --to 2026-11-01", "end before it");
    assert_eq!(shell.json("key list").as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_key_is_made_only_under_the_installations_pepper() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let order = "key create --name k";
    let other =
        "ff".to_owned() + &"00112233445566778899aabbccddeeff"[..30] + &"0123456789abcdef".repeat(2);
    let with = |pepper: &str| Shell::at(database.url()).with("LLMLITE_KEY_PEPPER", pepper);

    check(
        &with(""),
        order,
        "no key pepper is set\nset LLMLITE_KEY_PEPPER",
    );
    check(&with("secret"), order, "must be 32 random bytes");
    assert!(!with("secret").error(order).contains("\"secret\""));
    // A mistaken order settles nothing: the next pepper is still the first.
    check(
        &with(&other),
        "key create --name k --team none",
        "there is no team",
    );
    shell.json(order);
    check(
        &with(&other),
        order,
        "not the one that this installation's keys were made under",
    );
    shell.json(order);
}

#[tokio::test]
async fn a_key_that_cannot_be_shown_is_named_so_that_it_can_be_taken_back() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());

    let said = shell.run_without_reader("key create --name k");

    assert!(!said.success);
    assert!(
        said.stderr
            .contains("key 1 was created, but could not be shown"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("llmlite-admin key revoke 1"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("sk-llm-"), "{}", said.stderr);
}

#[tokio::test]
async fn a_key_that_the_database_did_not_confirm_may_be_there_and_one_that_it_refused_is_not() {
    const DOUBT: &str = "it may have been created: see llmlite-admin key list";
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let order = "key create --name k";
    // The first one settles the pepper, so that only the key itself is left to write.
    shell.json(order);
    let client = database.client().await;

    let block = "BEGIN; LOCK TABLE virtual_keys IN EXCLUSIVE MODE";
    client.batch_execute(block).await.unwrap();
    check(&shell, order, "the key was not confirmed");
    check(&shell, order, DOUBT);

    let refuse = "ROLLBACK; ALTER TABLE virtual_keys RENAME TO elsewhere";
    client.batch_execute(refuse).await.unwrap();
    check(&shell, order, "the database refused a statement");
    assert!(!shell.error(order).contains(DOUBT));
}

#[tokio::test]
async fn a_database_that_turns_us_away_says_why() {
    let database = postgres::fresh().await;
    let shell = Shell::at(&format!("{}_and_more", database.url()));
    check(
        &shell,
        "team list",
        "does not exist (SQLSTATE 3D000)\ncheck user, password and database",
    );
    check(
        &shell,
        "migrate",
        "does not exist (SQLSTATE 3D000)\ncheck user, password and database",
    );
}

/// Addresses that cannot work, each with a password in it.
const UNREACHABLE: &[&str] = &[
    "postgres://u:hunter2@127.0.0.1:1/db",
    "postgres://u:hunter2@127.0.0.1:port/db",
    "postgres://u:hunter2@",
    "postgres://u:hunter2",
    "postgres://u:hunter2%zz@127.0.0.1:1/db",
    "postgres://u@127.0.0.1:1/db?password=hunter2&hunter2=1",
    "postgress://u:hunter2@127.0.0.1:1/db",
    "mysql://u:hunter2@127.0.0.1:1/db",
    "host=127.0.0.1 port=1 user=u password=hunter2",
    "host=127.0.0.1 port=1 user=u password='a hunter2",
    "host=127.0.0.1 port=1 user=u password=a hunter2=1",
    "hunter2",
];

#[test]
fn a_database_that_cannot_be_reached_is_an_error_without_the_password() {
    for url in UNREACHABLE {
        for line in ["team list", "migrate", "key create --name k", "--help"] {
            for shell in [
                Shell::at(url),
                Shell::new()
                    .with("DATABASE_URL", url)
                    .with("RUST_BACKTRACE", "1"),
            ] {
                let said = shell.run(line);
                assert_eq!(said.success, line == "--help", "{url}");
                assert!(!said.stdout.contains("hunter2"), "{url}: {}", said.stdout);
                assert!(!said.stderr.contains("hunter2"), "{url}: {}", said.stderr);
            }
        }
    }
    check(
        &Shell::at(UNREACHABLE[0]),
        "team list",
        "check that PostgreSQL runs",
    );
    check(
        &Shell::new(),
        "team list",
        "no database is named\nset DATABASE_URL",
    );
}
