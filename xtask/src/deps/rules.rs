//! Who may lean on whom: the table of `docs/architecture.md`, as code.

use super::graph::Graph;

/// These do no input or output of any kind, and are built alone to prove it.
pub(crate) const PURE: [&str; 4] = [
    "llmlite-openai",
    "llmlite-translator",
    "llmlite-core",
    "llmlite-policy",
];

/// These keep the bans of their rule in their tests, examples and benchmarks too: whoever takes the
/// crate over takes those along.
const PURE_THROUGHOUT: [&str; 2] = ["llmlite-openai", "llmlite-translator"];

/// What one package of the workspace may and must not lean on.
struct Rule {
    package: &'static str,
    /// The packages of the workspace that its manifest may name.
    may_use: &'static [&'static str],
    /// What it must not reach, directly or through others; a trailing `*` stands for any ending.
    never: &'static [&'static [&'static str]],
    /// For our own tools only: no binary that is shipped may reach it.
    development: bool,
}

const TOKIO: &[&str] = &["tokio", "tokio-*"];
const HYPER: &[&str] = &["hyper", "hyper-*", "h2", "reqwest"];
/// The SDK and what it is made of; `aws-lc-*` is only the cryptography below TLS.
const AWS: &[&str] = &[
    "aws-config",
    "aws-credential-types",
    "aws-runtime",
    "aws-sdk-*",
    "aws-sigv4",
    "aws-smithy-*",
    "aws-types",
    "llmlite-bedrock",
];
const POSTGRES: &[&str] = &[
    "tokio-postgres",
    "postgres-*",
    "deadpool-postgres",
    "refinery",
    "refinery-*",
    "sqlx",
    "sqlx-*",
    "llmlite-store",
];
const CORE: &[&str] = &["llmlite-core"];
const POLICY: &[&str] = &["llmlite-policy"];
const CONTROL: &[&str] = &["llmlite-control"];
const MODEL_SIDE: &[&str] = &["llmlite-edge", "llmlite-translator", "llmlite-bedrock"];
const OUTSIDE: &[&[&str]] = &[TOKIO, HYPER, AWS, POSTGRES];

#[rustfmt::skip]
const RULES: &[Rule] = &[
    library("llmlite-openai",     &[], OUTSIDE),
    library("llmlite-translator", &["llmlite-openai"], &[TOKIO, HYPER, AWS, POSTGRES, CORE]),
    library("llmlite-core",       &[], OUTSIDE),
    library("llmlite-policy",     &["llmlite-core"], OUTSIDE),
    library("llmlite-store",      &["llmlite-core"], &[HYPER, AWS]),
    library("llmlite-journal",    &["llmlite-core"], OUTSIDE),
    library("llmlite-bedrock",    &["llmlite-core"], &[POSTGRES]),
    library("llmlite-http",       &[], &[AWS, POSTGRES]),
    library("llmlite-edge",
            &["llmlite-core", "llmlite-openai", "llmlite-translator", "llmlite-policy", "llmlite-http"],
            &[AWS, POSTGRES, CONTROL]),
    library("llmlite-control",    &["llmlite-core", "llmlite-http"], &[AWS, POSTGRES, POLICY, MODEL_SIDE]),
    library("llmlite-telemetry",  &["llmlite-http"], &[AWS, POSTGRES]),
    library("llmlite-alerts",     &["llmlite-core", "llmlite-http"], &[AWS, POSTGRES]),
    library("llmlite-gateway",
            &["llmlite-edge", "llmlite-policy", "llmlite-store", "llmlite-journal", "llmlite-bedrock", "llmlite-telemetry", "llmlite-alerts", "llmlite-core"],
            &[CONTROL]),
    library("llmlite-admin",
            &["llmlite-control", "llmlite-store", "llmlite-telemetry", "llmlite-core"],
            &[MODEL_SIDE, AWS]),
    tool("llmlite-dev-postgres",  &[], &[TOKIO, HYPER, AWS, POSTGRES]),
    tool("llmlite-testkit",
         &["llmlite-core", "llmlite-store", "llmlite-openai", "llmlite-dev-postgres", "llmlite-model"],
         &[AWS]),
    tool("llmlite-model",         &["llmlite-core", "llmlite-policy"], OUTSIDE),
    tool("llmlite-bedrock-sim",   &["llmlite-http"],
         &[POSTGRES, AWS, CORE, &["llmlite-translator", "llmlite-openai"]]),
    tool("llmlite-embedding",     &["llmlite-openai", "llmlite-translator"], &[POSTGRES, CORE]),
    tool("llmlite-bench",         &["llmlite-bedrock-sim", "llmlite-dev-postgres"],
         &[POSTGRES, CORE, &["llmlite-translator", "llmlite-edge"]]),
    tool("llmlite-rig",           &["llmlite-bedrock-sim", "llmlite-dev-postgres"],
         &[AWS, CORE, POLICY, CONTROL, MODEL_SIDE, &["llmlite-store"]]),
    tool("llmlite-e2e",           &["llmlite-testkit", "llmlite-bedrock-sim", "llmlite-dev-postgres", "llmlite-rig"],
         &[MODEL_SIDE, CONTROL]),
    tool("xtask",                 &["llmlite-dev-postgres"], &[HYPER, AWS, POSTGRES]),
];

const fn library(
    package: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static [&'static str]],
) -> Rule {
    Rule {
        package,
        may_use,
        never,
        development: false,
    }
}

const fn tool(
    package: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static [&'static str]],
) -> Rule {
    Rule {
        package,
        may_use,
        never,
        development: true,
    }
}

/// Every rule that the workspace breaks, as a sentence each.
pub(crate) fn broken(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for member in &graph.members {
        match RULES.iter().find(|rule| rule.package == member) {
            Some(rule) => check(rule, graph, &mut broken),
            None => broken.push(format!(
                "{member} has no rule: say in xtask/src/deps/rules.rs what it may lean on"
            )),
        }
    }
    for rule in RULES {
        if !graph.members.contains(rule.package) {
            let name = rule.package;
            broken.push(format!(
                "{name} has a rule in xtask/src/deps/rules.rs but does not exist"
            ));
        }
    }
    broken
}

fn check(rule: &Rule, graph: &Graph, broken: &mut Vec<String>) {
    let package = rule.package;
    for name in graph.direct(package) {
        if graph.members.contains(&name) && !rule.may_use.contains(&name.as_str()) {
            broken.push(format!("{package} may not use {name}"));
        }
    }
    let mut ways = graph.ways(package);
    if PURE_THROUGHOUT.contains(&package) {
        ways.extend(graph.ways_of_tests(package));
    }
    for way in ways {
        let Some(reached) = way.last() else { continue };
        let is_tool = RULES
            .iter()
            .any(|other| other.development && other.package == reached);
        let forbidden = rule
            .never
            .concat()
            .iter()
            .any(|pattern| matches(pattern, reached));
        if forbidden || (is_tool && !rule.development) {
            broken.push(format!(
                "{package} must not reach {reached}: {}",
                way.join(" -> ")
            ));
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What cargo would say of a workspace with every package of ours, none leaning on anything,
    /// and one more edge for each `(from, to, kind)`.
    fn workspace(edges: &[(&str, &str, Value)]) -> Graph {
        let members: Vec<&str> = RULES.iter().map(|rule| rule.package).collect();
        let mut names = members.clone();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.sort_unstable();
        names.dedup();
        let nodes = names.iter().map(|name| {
            let deps: Vec<Value> = edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "deps": deps})
        });
        Graph::read(&json!({
            "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "workspace_members": members,
            "resolve": {"nodes": nodes.collect::<Vec<_>>()},
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(edges: &[(&str, &str, Value)], want: &[&str]) {
        assert_eq!(broken(&workspace(edges)), want);
    }

    #[test]
    #[rustfmt::skip]
    fn a_planted_arrow_is_caught_with_the_way_it_takes() {
        let normal = || Value::Null;
        check(&[], &[]);
        check(&[("llmlite-edge", "llmlite-core", normal())], &[]);
        check(&[("llmlite-core", "tokio", normal())],
              &["llmlite-core must not reach tokio: llmlite-core -> tokio"]);
        check(&[("llmlite-core", "handy", normal()), ("handy", "aws-types", normal())],
              &["llmlite-core must not reach aws-types: llmlite-core -> handy -> aws-types"]);
        check(&[("llmlite-translator", "llmlite-core", normal())],
              &["llmlite-translator may not use llmlite-core",
                "llmlite-translator must not reach llmlite-core: llmlite-translator -> llmlite-core"]);
        check(&[("llmlite-edge", "llmlite-store", normal())],
              &["llmlite-edge may not use llmlite-store",
                "llmlite-edge must not reach llmlite-store: llmlite-edge -> llmlite-store"]);
        check(&[("llmlite-admin", "aws-config", normal())],
              &["llmlite-admin must not reach aws-config: llmlite-admin -> aws-config"]);
        check(&[("llmlite-gateway", "llmlite-testkit", normal())],
              &["llmlite-gateway may not use llmlite-testkit",
                "llmlite-gateway must not reach llmlite-testkit: llmlite-gateway -> llmlite-testkit"]);
    }

    #[test]
    fn what_only_tests_and_build_scripts_use_is_free() {
        check(&[("llmlite-core", "tokio", json!("dev"))], &[]);
        check(&[("llmlite-core", "tokio", json!("build"))], &[]);
    }

    #[test]
    #[rustfmt::skip]
    fn the_tests_of_what_others_embed_are_as_pure_as_the_crate() {
        check(&[("llmlite-translator", "proptest", json!("dev"))], &[]);
        check(&[("llmlite-translator", "handy", json!("dev")), ("handy", "hyper-util", Value::Null)],
              &["llmlite-translator must not reach hyper-util: llmlite-translator -> handy -> hyper-util"]);
        check(&[("llmlite-openai", "aws-sdk-bedrockruntime", json!("dev"))],
              &["llmlite-openai must not reach aws-sdk-bedrockruntime: llmlite-openai -> aws-sdk-bedrockruntime"]);
    }

    #[test]
    fn a_package_without_a_rule_is_caught_and_so_is_a_rule_without_a_package() {
        let mut graph = workspace(&[]);
        graph.members.insert("llmlite-new".to_owned());
        graph.members.remove("llmlite-openai");
        assert_eq!(
            broken(&graph),
            [
                "llmlite-new has no rule: say in xtask/src/deps/rules.rs what it may lean on",
                "llmlite-openai has a rule in xtask/src/deps/rules.rs but does not exist",
            ]
        );
    }

    #[test]
    fn the_real_workspace_keeps_the_rules() {
        let graph = Graph::read(&crate::workspace::metadata().unwrap()).unwrap();
        assert_eq!(broken(&graph), Vec::<String>::new());
        assert!(
            graph.ways("llmlite-gateway").len() > 50,
            "the real graph was read"
        );
    }
}
