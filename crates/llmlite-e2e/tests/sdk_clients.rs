//! The unmodified OpenAI packages for Python and Node.js, pointed at the gateway.

#![cfg(test)]

use std::process::Output;

use llmlite_e2e::{MODEL, Stack, client_packages, source};
use tokio::process::Command;

/// Runs one suite against a stack of its own and returns what it printed.
async fn suite(mut command: Command, stack: &Stack) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .env("LLMLITE_BASE_URL", format!("{}/v1", stack.gateway.url()))
        .env("LLMLITE_KEY", &stack.key)
        .env("LLMLITE_MODEL", MODEL)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .output()
        .await
        .expect("the suite starts");
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    assert!(status.success(), "{status}\n{printed}");
    printed
}

/// The number after `label`, so that a suite that ran nothing does not pass.
fn count(printed: &str, label: &str) -> usize {
    let found = printed.split(label).nth(1).and_then(|rest| {
        let digits: String = rest
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    });
    found.unwrap_or_else(|| panic!("no count of tests in:\n{printed}"))
}

#[tokio::test]
async fn the_python_package_works() {
    let stack = Stack::start().await;
    let mut python = Command::new(client_packages("venv/bin/python"));
    python
        .args(["-B", "-m", "unittest", "-v", "test_openai"])
        .current_dir(source("clients/python"));
    let printed = suite(python, &stack).await;
    assert!(count(&printed, "Ran ") >= 36, "{printed}");
}

#[tokio::test]
async fn the_node_package_works() {
    let stack = Stack::start().await;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap"])
        .arg(source("clients/node/openai.test.mjs"))
        .env("LLMLITE_NODE_MODULES", client_packages("node/node_modules"));
    let printed = suite(node, &stack).await;
    assert!(count(&printed, "# pass ") >= 16, "{printed}");
}
