use llmlite_testkit::postgres;
use serde_json::json;

use crate::command::Shell;

#[tokio::test]
async fn migrate_says_what_it_did_and_may_be_repeated() {
    let database = postgres::empty().await;
    let shell = Shell::at(database.url());
    let refused = shell.error("team list");
    assert!(refused.contains("run llmlite-admin migrate"), "{refused}");

    let first = shell.json("migrate");
    let again = shell.json("migrate");

    assert!(first["applied"].as_array().unwrap().len() >= 2, "{first}");
    assert_eq!(again["applied"], json!([]));
    assert_eq!(again["version"], first["version"]);
    let version = &first["version"];
    assert_eq!(
        shell.text("migrate"),
        format!("the schema is up to date, at version {version}\n")
    );
    assert_eq!(shell.json("team list"), json!([]));
}
