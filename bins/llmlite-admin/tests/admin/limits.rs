use llmlite_testkit::postgres::{self, TestDatabase};
use serde_json::{Value, json};

use crate::command::Shell;

/// Team alpha with ada, who holds key 1.
async fn shell() -> (TestDatabase, Shell) {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    shell.json("team create alpha");
    shell.json("user create ada@example.com --team alpha");
    shell.json("key create --name laptop --user ada@example.com");
    (database, shell)
}

#[track_caller]
fn check(shell: &Shell, line: &str, want: &str) {
    let got = shell.text(line);
    let want: String = want.lines().map(|l| l.trim().to_owned() + "\n").collect();
    // The right-hand columns of a table may be indented.
    let got: String = got.lines().map(|l| l.trim().to_owned() + "\n").collect();
    assert_eq!(got, want, "{line}:\n{got}");
}

#[tokio::test]
async fn what_is_set_is_shown_before_and_after() {
    let (_database, shell) = shell().await;
    check(
        &shell,
        "team set-limits alpha --budget 500/lifetime --budget unlimited/day --rpm 600 --warn-at 95,50,80",
        "team alpha

         LIMIT            MODEL  FOR     BEFORE  AFTER
         budget/lifetime  all    itself  none    $500.00, warn at 50, 80, 95 %
         budget/day       all    itself  none    unlimited, warn at 50, 80, 95 %
         rpm              all    itself  none    600",
    );
    check(
        &shell,
        "team set-limits alpha --change budget/lifetime --fit clamp --overdraft 0.000000005 --remove rpm --models claude-3-5-haiku,claude-3-opus --dry-run",
        "team alpha

         LIMIT            MODEL  FOR     BEFORE                         AFTER
         budget/lifetime  all    itself  $500.00, warn at 50, 80, 95 %  $500.00, overdraft $0.000000005, clamp, warn at 50, 80, 95 %
         rpm              all    itself  600                            none, unless a default takes its place

         models  all -> claude-3-5-haiku,claude-3-opus",
    );
    check(
        &shell,
        "team set-limits alpha --budget $800/lifetime --raise --until 2099-07-01",
        "team alpha

         LIMIT            MODEL  FOR     BEFORE                         AFTER
         budget/lifetime  all    itself  $500.00, warn at 50, 80, 95 %  $500.00, raised to $800.00 until 2099-07-01 00:00 BST, warn at 50, 80, 95 %",
    );
    check(
        &shell,
        "team set-limits alpha --change budget/lifetime --end-raise --warn-at none --shadow on",
        "team alpha

         LIMIT            MODEL  FOR     BEFORE                                                                       AFTER
         budget/lifetime  all    itself  $500.00, raised to $800.00 until 2099-07-01 00:00 BST, warn at 50, 80, 95 %  $500.00, shadow",
    );
    check(
        &shell,
        "team set-limits alpha --each key --model claude-3-opus-20240229 --tpm 100,000",
        "team alpha

         LIMIT  MODEL          FOR       BEFORE  AFTER
         tpm    claude-3-opus  each key  none    100,000",
    );
    check(
        &shell,
        "key set-limits 1 --expires 2099-12-31",
        "key 1 (laptop)

         expires  never -> 2099-12-31T00:00:00Z",
    );
}

#[tokio::test]
async fn a_subject_is_shown_with_all_that_binds_it() {
    let (_database, shell) = shell().await;
    shell.json("organisation set-limits --parallel 10 --budget 12000/lifetime --shadow on --models claude-3-opus,claude-3-5-haiku");
    shell.json("team set-limits alpha --rpm 600 --budget 500/lifetime --fit clamp --overdraft 5");
    shell.json("team set-limits alpha --each key --budget 20/lifetime --tpm 100,000");
    shell.json("team set-limits alpha --each user --parallel 4");
    shell.json("key set-limits 1 --model claude-3-opus --rpm 5");
    shell.json("key set-limits 1 --budget 30/lifetime --raise --until 2099-12-01");

    let text = shell.text("key show 1");
    let (_, limits) = text.split_once("\nrevoked   -\n").unwrap();
    assert_eq!(
        limits,
        "\
may call  claude-3-5-haiku,claude-3-opus

limits
LIMIT            MODEL          CEILING   USED  LEASED     LEFT  RESETS  NOTES
budget/lifetime  all             $30.00  $0.00   $0.00   $30.00  -       raised until 2099-12-01 00:00 GMT, then $20.00
tpm              all            100,000      0       0  100,000  -       default of team alpha
rpm              claude-3-opus        5      0       0        5  -

bound by user ada@example.com too
LIMIT     MODEL  CEILING  USED  LEASED  LEFT  RESETS  NOTES
parallel  all          4     0       0     4  -       default of team alpha

bound by team alpha too
LIMIT            MODEL  CEILING   USED  LEASED     LEFT  RESETS  NOTES
budget/lifetime  all    $500.00  $0.00   $0.00  $505.00  -       overdraft $5.00, clamp
rpm              all        600      0       0      600  -

bound by the organisation too
LIMIT            MODEL     CEILING   USED  LEASED        LEFT  RESETS  NOTES
budget/lifetime  all    $12,000.00  $0.00   $0.00  $12,000.00  -       shadow
parallel         all            10      0       0          10  -       shadow
"
    );

    let team = shell.text("team show alpha");
    let (_, defaults) = team.split_once("\ndefaults for its members\n").unwrap();
    let (defaults, _) = defaults.split_once("\n\n").unwrap();
    assert_eq!(
        defaults,
        "\
LIMIT            MODEL  FOR        EACH HAS
parallel         all    each user  4
budget/lifetime  all    each key   $20.00
tpm              all    each key   100,000"
    );
    assert!(
        shell
            .text("user show ADA@example.com")
            .contains("default of team alpha")
    );
    let nothing = shell.text("organisation show");
    assert!(
        nothing.starts_with("models  claude-3-5-haiku,claude-3-opus\n\nlimits\n"),
        "{nothing}"
    );
}

#[tokio::test]
async fn scripts_get_exact_numbers() {
    let (_database, shell) = shell().await;
    let changed = shell.json(
        "team set-limits alpha --budget 0.000000001/month --shadow on --warn-at 80 --models all",
    );
    let limit = json!({
        "limit": "budget/month", "model": null, "each": null, "unit": "nanodollars",
        "ceiling": 1, "raise": null, "overdraft": 0, "fit": "deny", "durability": null, "shadow": true,
        "warn_at": [80], "inherited_from": null,
    });
    assert_eq!(
        changed,
        json!({
            "subject": {"kind": "team", "id": 1, "name": "alpha"},
            "dry_run": false, "changed": true,
            "limits": [{"limit": "budget/month", "model": null, "each": null, "before": null, "after": limit}],
            "models": {"before": null, "after": null},
            "expires_at": null,
        })
    );
    shell.json("team set-limits alpha --rpm 5 --each key");
    shell.json("key set-limits 1 --rpm 7 --raise --until 2099-01-01T12:00:00+01:00");

    let key = shell.json("key show 1");
    let policy = &key["policy"];
    assert_eq!(key["name"], "laptop");
    let rpm = json!({
        "limit": "rpm", "model": null, "each": null, "unit": "requests",
        "ceiling": 5, "raise": {"to": 7, "until": "2099-01-01T11:00:00Z"}, "overdraft": 0,
        "fit": "deny", "durability": null, "shadow": false, "warn_at": [], "inherited_from": null,
        "present_ceiling": 7, "used": 0, "leased": 0, "left": 7, "resets_at": null,
    });
    assert_eq!(policy["limits"], json!([rpm]));
    assert_eq!(policy["defaults"], json!([]));
    let above = policy["above"].as_array().unwrap();
    let kinds: Vec<_> = above.iter().map(|a| &a["subject"]["kind"]).collect();
    assert_eq!(kinds, ["user", "team", "organisation"]);
    let budget = &above[1]["limits"][0];
    assert_eq!(
        (&budget["left"], &budget["shadow"]),
        (&json!(1), &json!(true))
    );
    assert!(budget["resets_at"].as_str().unwrap().ends_with(":00:00Z"));
    let everybody = shell.json("organization show");
    assert_eq!(
        everybody["policy"]["subject"],
        json!({"kind": "organisation", "id": null, "name": null})
    );
}

#[tokio::test]
async fn nothing_is_changed_that_was_not_named() {
    let (_database, shell) = shell().await;
    shell.json("team set-limits alpha --budget 500/month --warn-at 50 --fit clamp --overdraft 5");
    shell.json("team set-limits alpha --rpm 600 --shadow on");

    let changed = shell.json("team set-limits alpha --budget 600/month");
    let after = &changed["limits"][0]["after"];
    assert_eq!(after["ceiling"], 600_000_000_000_i64);
    assert_eq!(
        (&after["warn_at"], &after["fit"], &after["overdraft"]),
        (&json!([50]), &json!("clamp"), &json!(5_000_000_000_i64))
    );
    let rpm = &shell.json("team show alpha")["policy"]["limits"][1];
    assert_eq!(
        (&rpm["ceiling"], &rpm["shadow"]),
        (&json!(600), &json!(true))
    );

    let said = shell.run("team set-limits alpha --budget 600/month");
    assert!(
        said.success && said.stderr == "nothing to change: it is so already\n",
        "{}",
        said.stderr
    );
    let before = shell.json("team show alpha")["policy"]["limits"].clone();
    let said = shell.run("team set-limits alpha --remove budget/month --rpm 1 --dry-run");
    assert_eq!(said.stderr, "nothing was changed (--dry-run)\n");
    assert_eq!(shell.json("team show alpha")["policy"]["limits"], before);
}

#[tokio::test]
async fn a_member_leaves_its_default_with_a_word_and_comes_back_to_it() {
    let (_database, shell) = shell().await;
    shell.json("team set-limits alpha --each key --rpm 5");
    let said = shell.run("key set-limits 1 --rpm 9");
    let word = "rpm was a default and does not follow it any more; to go back: \
                llmlite-admin key set-limits 1 --remove rpm\n";
    assert!(said.stderr.contains(word), "{}", said.stderr);
    assert!(
        said.stdout.contains("5 (default of team alpha)  9\n"),
        "{}",
        said.stdout
    );

    let back = shell.json("key set-limits 1 --remove rpm");
    let after = &back["limits"][0]["after"];
    assert_eq!(after["ceiling"], 5);
    assert_eq!(after["inherited_from"]["name"], "alpha");
    let again = shell.error("key set-limits 1 --remove rpm");
    assert!(
        again.contains("rpm of key 1 (laptop) is a default of team alpha: change it there, or give this one its own, such as --rpm unlimited for none"),
        "{again}"
    );
}

#[tokio::test]
async fn each_change_is_one_line_of_the_log_that_says_who_and_what() {
    let (_database, shell) = shell().await;
    let lines = |line: &str| -> Vec<Value> {
        let said = shell.run(line);
        assert!(said.success, "{}", said.stderr);
        let lines = said.stderr.lines().filter(|l| l.starts_with('{'));
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    };
    let noted = lines(
        "--actor grace user set-limits ada@example.com --rpm 5 --budget 2/day --models claude-3-opus",
    );
    let what = |field: &str| -> Vec<&Value> { noted.iter().map(|line| &line[field]).collect() };
    assert_eq!(what("what"), ["budget/day", "rpm", "models"]);
    assert_eq!(what("before"), ["none", "none", "all"]);
    assert_eq!(what("after"), ["$2.00", "5", "claude-3-opus"]);
    for line in &noted {
        assert_eq!(
            (&line["actor"], &line["level"]),
            (&json!("grace"), &json!("INFO"))
        );
        assert_eq!(
            (&line["subject.kind"], &line["subject.id"]),
            (&json!("user"), &json!(1))
        );
        assert!(line["os.uid"].is_number());
        assert!(!line.to_string().contains("ada@"), "{line}");
    }

    let noted = lines("key set-limits 1 --expires 2099-01-01");
    assert_eq!(noted.len(), 1);
    assert_eq!(
        (&noted[0]["what"], &noted[0]["before"]),
        (&json!("expiry"), &json!("never"))
    );
    assert!(!noted[0]["actor"].as_str().unwrap().is_empty());
    for quiet in [
        "key set-limits 1 --expires 2099-01-01",
        "key set-limits 1 --rpm 3 --dry-run",
        "key show 1",
    ] {
        assert_eq!(lines(quiet), Vec::<Value>::new(), "{quiet}");
    }
}

#[track_caller]
fn refused(shell: &Shell, line: &str, want: &str) {
    let said = shell.error(line);
    assert!(said.starts_with("error: "), "{line}: {said}");
    assert!(said.contains(want), "{line}: {said}");
}

#[tokio::test]
#[rustfmt::skip]
async fn a_wish_that_makes_no_sense_is_answered_with_what_would() {
    let (_database, shell) = shell().await;
    shell.json("team set-limits alpha --budget 500/month --budget unlimited/day --rpm 600");
    let check = |line: &str, want: &str| refused(&shell, &format!("team set-limits alpha {line}"), want);

    refused(&shell, "team set-limits alpha",           "nothing is said of what to change: give --budget 500/month");
    check("--warn-at 50",                              "--warn-at does not say of which limit: add its height, such as --budget 500/month, or --change budget/month to leave that as it is; see what is set with: llmlite-admin team show alpha");
    check("--model claude-3-opus --models all",        "--model does not say of which limit");
    check("--budget 500",                              "\"500\" does not say for how long: write an amount of dollars and a period");
    check("--budget 500/year",                         "\"year\" is no period; financial-year is meant, perhaps, which begins on 1 April: write one of day, week, month, financial-year, lifetime");
    check("--budget £5/day",                           "\"£5\" is no amount of US dollars, the only currency here");
    check("--budget 1,50/day",                         "because a comma only separates thousands");
    check("--budget 0.0000000001/day",                 "because it has more than nine places after the point");
    check("--budget -5/day",                           "\"-5\" is no amount of US dollars because it is below zero");
    check("--budget 5/day --budget 6/day",             "budget/day is named twice");
    check("--budget 5/month --remove budget/month",    "budget/month is named twice");
    check("--remove tpm",                              "there is no tpm to remove from team alpha; set on it: budget/day; budget/month; rpm");
    check("--remove rpm --model claude-3-opus",        "there is no rpm to remove from team alpha for claude-3-opus; set on it: budget/day");
    check("--remove budget",                           "\"budget\" does not say of which period: write budget/month");
    check("--remove rps",                              "\"rps\" is no limit: write one of budget/month");
    check("--change tpm --shadow on",                  "there is no tpm of team alpha to change: set how high it is, such as --tpm 100,000");
    check("--change rpm",                              "--change says of which limit, but not what: add --warn-at");
    check("--change rpm --warn-at 50",                 "--warn-at is about budgets: name one, such as --change budget/month");
    check("--rpm 7 --overdraft 5",                     "--overdraft is about budgets");
    check("--rpm ten",                                 "\"ten\" is no number of requests a minute: write a whole number such as 60 or 100,000, or unlimited");
    check("--rpm -1",                                  "\"-1\" is no number of requests a minute");
    check("--tpm 10k",                                 "\"10k\" is no number of tokens a minute");
    check("--each team --rpm 5",                       "team alpha has no members of the kind \"team\": give --each user or --each key");
    check("--model claude-3-opsu --rpm 5",             "there is no model \"claude-3-opsu\" (near it: claude-3-opus");
    check("--budget 600/month --raise",                "--until");
    check("--budget 600/month --until 30d",            "--raise");
    check("--budget 600/month --raise --until 2020-01-01",  "a raise cannot end in the past, at 2020-01-01 00:00 GMT");
    check("--budget 600/month --raise --until soon",   "\"soon\" is no time for a raise to end: give a day such as 2026-12-01, which begins at midnight in London");
    check("--budget 500/month --raise --until 30d",    "a raise of budget/month to $500.00 is none, because it is at $500.00; to lower it, leave --raise out");
    check("--budget 5/day --raise --until 30d",        "budget/day is unlimited, so it cannot be raised");
    check("--tpm 5 --raise --until 30d",               "there is no tpm of team alpha to raise: without --raise, set how high it usually is");
    check("--change rpm --raise --until 30d",          "--raise does not say how high");
    check("--rpm 900 --raise --until 30d --end-raise", "cannot be used with");
    check("--budget 5/week --warn-at 0",               "\"0\" is no list of shares of a budget: write hundredths from 1 to 100 such as 50,80,95, or none");
    check("--models all,claude-3-opus",                "--models all stands alone");
    check("--models sonnet",                           "there is no model \"sonnet\" (near it: ");
    check("--models=",                                 "the list of models is empty: give --models all");
    check("--expires never",                           "unexpected argument '--expires'");
    refused(&shell, "key set-limits 1 --each key --rpm 5",      "key 1 (laptop) has no members: leave --each out");
    refused(&shell, "key set-limits 1 --expires 2020-01-01",    "to stop it now, take it back with: llmlite-admin key revoke 1");
    refused(&shell, "key set-limits 1 --expires soon",          "no time to expire");
    refused(&shell, "key set-limits 9 --rpm 5",                 "there is no key 9\nsee llmlite-admin key list");
    refused(&shell, "team set-limits beta --rpm 5",             "there is no team \"beta\"\nsee llmlite-admin team list");
    refused(&shell, "user set-limits b@example.com --rpm 5",    "there is no user \"b@example.com\"");
    refused(&shell, "user show ada",                            "is not an e-mail address");
    refused(&shell, "policy explain --key 9 --model claude-3-opus", "there is no key 9");
    refused(&shell, "policy explain --key 1 --model gpt",       "there is no model \"gpt\"");

    let limits = &shell.json("team show alpha")["policy"]["limits"];
    assert_eq!(limits.as_array().unwrap().len(), 3, "nothing was changed: {limits}");
}

#[tokio::test]
async fn a_request_is_explained_and_the_exit_status_says_the_verdict() {
    let (database, shell) = shell().await;
    shell.json("key set-limits 1 --budget 1/lifetime --rpm 0 --shadow on");
    shell.json("team set-limits alpha --budget 0.5/lifetime --fit clamp");
    let line = "policy explain --key 1 --model claude-3-opus --input-tokens 1000 --max-tokens 2000";
    let explain = |more: &str| shell.run(&format!("{line}{more}"));

    // 1,000 tokens at $15 a million and 2,000 at $75.
    let said = explain("");
    assert_eq!(said.status, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(
        said.stdout,
        "\
key      1 (laptop)
model    claude-3-opus
request  1,000 tokens of input, 2,000 of output at most
costs    at most $0.165
verdict  admitted

CHECK            WHOSE           CEILING   USED  LEASED   LEFT   NEEDS  VERDICT
key              key 1 (laptop)        -      -       -      -       -  admitted
model            key 1 (laptop)        -      -       -      -       -  admitted
budget/lifetime  key 1 (laptop)    $1.00  $0.00   $0.00  $1.00  $0.165  admitted
rpm              key 1 (laptop)        0      0       0      0       1  refused: nothing is allowed (shadow: only watched)
budget/lifetime  team alpha        $0.50  $0.00   $0.00  $0.50  $0.165  admitted
"
    );

    let spend = "INSERT INTO budget_accounts (limit_id, starts, settled, granted)
                 SELECT id, 'epoch', $1::bigint, $2::bigint FROM limits
                  WHERE subject_kind = 'team' AND measure = 'budget'
                 ON CONFLICT (limit_id, starts) DO UPDATE
                    SET settled = excluded.settled, granted = excluded.granted";
    let client = database.client().await;
    let stand = async |settled: i64, granted: i64| {
        client.execute(spend, &[&settled, &granted]).await.unwrap();
    };
    // Enough for the input and 1,133 tokens: $0.1 = $0.015 + 1,133 * $0.000075, and some.
    stand(400_000_000, 0).await;
    let said = explain("");
    assert_eq!(said.status, Some(0));
    assert!(
        said.stdout
            .contains("admitted, cut to 1133 tokens of output\n"),
        "{}",
        said.stdout
    );
    stand(300_000_000, 190_000_000).await;
    let said = explain("");
    assert_eq!(said.status, Some(4));
    assert!(
        said.stdout
            .contains("depends on how much of what is leased lies idle\n"),
        "{}",
        said.stdout
    );
    stand(499_000_000, 0).await;
    let said = explain(" --json");
    assert_eq!(said.status, Some(3));
    let explained: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(explained["verdict"], "refused");
    assert_eq!(explained["request"]["worst_case_usd"], "0.165000000");
    let last = explained["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["verdict"], &last["why"]),
        (&json!("refused"), &json!("it never begins anew"))
    );
    assert_eq!(
        (&last["used"], &last["left"]),
        (&json!(499_000_000), &json!(1_000_000))
    );

    shell.json("team set-limits alpha --models claude-3-5-haiku");
    shell.json("key revoke 1");
    let said = explain("");
    assert_eq!(said.status, Some(3));
    assert!(
        said.stdout.contains("refused: revoked at 20"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout
            .contains("refused: team alpha may only call claude-3-5-haiku\n"),
        "{}",
        said.stdout
    );
}
