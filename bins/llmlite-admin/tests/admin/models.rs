use llmlite_core::catalogue::Catalogue;
use llmlite_testkit::postgres;
use serde_json::json;

use crate::command::Shell;

#[tokio::test]
async fn a_list_that_is_edited_and_imported_changes_what_was_edited() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let shipped = shell.json("model list");
    assert_eq!(
        shipped["models"].as_array().unwrap().len(),
        Catalogue::embedded().models.len()
    );

    let mut edited = shipped.clone();
    let mut own = edited["models"][0].clone();
    own["name"] = json!("house-model");
    own["aliases"] = json!(["house-model-latest"]);
    own["routes"]["in-region"]["id"] =
        json!("arn:aws:bedrock:eu-west-2:123456789012:application-inference-profile/abc");
    edited["models"].as_array_mut().unwrap().push(own);
    edited["models"][1]["routes"]["in-region"]["prices"]["input"] = json!(37_500);
    let touched = edited["models"][1]["name"].as_str().unwrap().to_owned();

    let said = shell.run_with_input("model import - --json", &edited.to_string());
    assert!(said.success, "{}", said.stderr);

    assert_eq!(shell.json("model list"), edited);
    let table = shell.text("model list");
    let line = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line(&format!("{touched} ")).contains(" 0.0375 "), "{table}");
    assert!(
        line(&format!("{touched} ")).ends_with("operator"),
        "{table}"
    );
    assert!(line("house-model ").ends_with("operator"), "{table}");
    assert_eq!(
        table
            .lines()
            .filter(|line| line.ends_with("operator"))
            .count(),
        edited["models"][1]["routes"].as_object().unwrap().len()
            + edited["models"][0]["routes"].as_object().unwrap().len(),
        "{table}"
    );

    let key = shell.json("key create --name k --models house-model-latest");
    assert_eq!(key["models"], json!(["house-model"]));

    shell.run_with_input("model import -", &shipped.to_string());
    assert_eq!(shell.json("model list"), shipped);
}

#[tokio::test]
async fn an_import_that_would_stop_the_gateways_changes_nothing() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let shipped = shell.json("model list");
    let mut wrong = shipped.clone();
    wrong["models"][0]["routes"]["in-region"]["id"] = json!("global.anthropic.x");

    let said = shell.run_with_input("model import -", &wrong.to_string());
    assert!(
        !said.success && said.stderr.contains("says global"),
        "{}",
        said.stderr
    );

    assert_eq!(shell.json("model list"), shipped);
    assert!(
        shell
            .error("model import no-such-file.json")
            .contains("no-such-file.json cannot be read: No such file")
    );
}
