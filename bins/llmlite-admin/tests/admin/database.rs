use llmlite_testkit::postgres;
use serde_json::json;

use crate::command::Shell;

const GATEWAY: &str = "llmlite_cli_gateway";
const ADMIN: &str = "llmlite_cli_admin";

#[tokio::test]
async fn two_roles_get_what_they_need_and_administrators_can_work_with_theirs() {
    let database = postgres::fresh().await;
    let owner = database.client().await;
    for role in [GATEWAY, ADMIN] {
        // Roles belong to the whole server, so another run may have made them.
        let create = format!(
            "DO $$ BEGIN CREATE ROLE {role};
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        owner.batch_execute(&create).await.unwrap();
    }
    let shell = Shell::at(database.url());
    shell.json("team create alpha");

    let line = format!("database grant --gateway {GATEWAY} --admin {ADMIN}");
    assert_eq!(
        shell.json(&line),
        json!({"gateway": GATEWAY, "admin": ADMIN})
    );

    let url = |role| format!("{}?options=-c%20role%3D{role}", database.url());
    let admin = Shell::at(&url(ADMIN));
    admin.json("team set-limits alpha --rpm 5 --each key --budget 1/day");
    admin.json("organisation set-limits --models claude-3-opus");
    admin.json("key create --name k --team alpha");
    assert!(admin.text("key show 1").contains("default of team alpha"));
    let explained = admin.run("policy explain --key 1 --model claude-3-opus");
    assert_eq!(explained.status, Some(0), "{}", explained.stderr);

    let gateway = Shell::at(&url(GATEWAY));
    let refused = gateway.error("team set-limits alpha --rpm 500");
    assert!(refused.contains("(SQLSTATE 42501)"), "{refused}");
}

#[tokio::test]
async fn a_role_that_is_not_there_or_cannot_be_bound_is_refused() {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    let check = |line: &str, want: &str| {
        let said = shell.error(line);
        assert!(said.contains(want), "{said}");
    };
    check(
        "database grant --gateway llmlite_nobody --admin llmlite_nobody_either",
        "there is no database role \"llmlite_nobody\"\ncreate it first, as a superuser: CREATE ROLE",
    );
    check(
        "database grant --gateway postgres --admin postgres",
        "the database role \"postgres\" cannot be confined",
    );
    check("database grant --gateway a", "--admin");
}
