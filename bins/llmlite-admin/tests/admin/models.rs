use llmlite_core::catalogue::Catalogue;
use llmlite_testkit::postgres;
use serde_json::{Value, json};

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

    let said = shell.run_with_input("model import -", &shipped.to_string());
    assert_eq!(shell.json("model list"), shipped);
    assert_eq!(
        said.stderr,
        format!(
            "removed: house-model\n\
             built-in again: {touched}\n\
             running gateways read the catalogue at their next start\n"
        )
    );
}

#[tokio::test]
async fn an_import_warns_of_entries_that_lack_what_the_built_in_ones_have() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let mut entry = shell.json("model show claude-sonnet-4-5");
    let abilities = entry["abilities"].as_object_mut().unwrap();
    for new in ["thinking", "json_schema", "strict_tools", "cache"] {
        abilities.remove(new).unwrap();
    }
    let file = json!({ "models": [entry] }).to_string();
    let said = shell.run_with_input("model import -", &file);
    assert!(said.success, "{}", said.stderr);
    assert_eq!(
        said.stderr,
        "warning: claude-sonnet-4-5 lacks what the built-in entry has, and is not asked for it: \
         thinking, json_schema, strict_tools, cache\n\
         running gateways read the catalogue at their next start\n"
    );
}

/// The first entry of `list` alone, as `house-model`, which can only be called in the EU.
fn in_the_eu(list: &Value) -> String {
    let mut entry = list["models"][0].clone();
    entry["name"] = json!("house-model");
    entry["aliases"] = json!([]);
    let mut route = entry["routes"]["in-region"].clone();
    route["id"] = json!("eu.anthropic.house-model-v1:0");
    entry["routes"] = json!({ "eu": route });
    json!({ "models": [entry] }).to_string()
}

#[tokio::test]
async fn an_entry_further_away_than_the_gateways_allow_is_refused_as_they_would() {
    let database = postgres::fresh().await;
    let plain = || Shell::at(database.url());
    let file = in_the_eu(&plain().json("model list"));
    let check = |shell: Shell, line: &str, refused: Option<&str>| {
        let said = shell.run_with_input(line, &file);
        assert_eq!(said.success, refused.is_none(), "{line}: {}", said.stderr);
        let wanted = refused.unwrap_or("running gateways read the catalogue");
        assert!(said.stderr.contains(wanted), "{line}: {}", said.stderr);
    };
    let no_route = "model \"house-model\" has no route within the residency \"in-region\"; to \
                    allow it, start with --model-residency house-model=eu";

    check(plain(), "model import -", Some(no_route));
    check(
        plain(),
        "model import -",
        Some("the gateways' own --region, --residency and --model-residency"),
    );
    let unknown = "model import - --residency eu --model-residency other-model=eu";
    check(plain(), unknown, Some("model \"other-model\", which is"));
    assert!(!plain().text("model list").contains("house-model"));

    check(plain(), "model import - --residency global", None);
    let exception = "model import - --model-residency house-model=eu";
    check(plain(), exception, None);
    let shell = plain().with("LLMLITE_RESIDENCY", "eu");
    check(shell, "model import -", None);
    let shell = plain().with("LLMLITE_MODEL_RESIDENCY", "house-model=global");
    check(shell, "model import -", None);
    assert!(plain().text("model list").contains("house-model"));
}

#[tokio::test]
#[rustfmt::skip]
async fn what_a_model_can_do_is_shown_under_all_of_its_names() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let check = |name: &str, lines: &[&str]| {
        let shown = shell.text(&format!("model show {name}"));
        let shown: Vec<_> = shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in lines {
            assert!(shown.iter().any(|l| l == line), "{name}: {line:?} in {shown:#?}");
        }
    };
    check("claude-3-opus",              &["thinking no", "prompt cache no", "json schema no", "pdf no", "from built-in"]);
    check("claude-sonnet-4-5-20250929", &["name claude-sonnet-4-5", "sampling temperature or top_p",
                                          "thinking within a budget, when asked", "json schema yes",
                                          "prompt cache from 1024 tokens, for 5 minutes or an hour"]);
    check("claude-sonnet-4-6",          &["thinking adaptive, when asked, or within a budget, effort max"]);
    check("claude-opus-5-5",            &["thinking adaptive, always, effort xhigh, effort max, hidden unless asked for",
                                          "forced tool no", "system turns yes", "max output 128000 tokens"]);
    let list = shell.json("model list");
    let shown = shell.json("model show claude-3-opus");
    assert!(list["models"].as_array().unwrap().contains(&shown), "{shown}");
    assert_eq!(shown["abilities"]["vision"], true);
    // What a model cannot do that only newer programs know of is not written down.
    assert_eq!(shown["abilities"].get("thinking"), None);
    assert!(shell.error("model show claude-3-opuss").contains("(near it: claude-3-opus"));
}

#[tokio::test]
async fn an_import_puts_entries_right_that_nobody_can_read() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let shipped = shell.json("model list");
    let broken = "INSERT INTO models (name, position, entry) VALUES ('x', 0, '{\"name\": \"x\"}')";
    database.client().await.batch_execute(broken).await.unwrap();
    assert!(shell.error("model list").contains("models.entry"));

    let said = shell.run_with_input("model import -", &shipped.to_string());

    assert!(said.success, "{}", said.stderr);
    assert!(
        said.stderr
            .starts_with("the operator's entries of before could not be read"),
        "{}",
        said.stderr
    );
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
