//! boto3 has to understand every answer: it was written from the same service model as the SDKs.

use std::{path::Path, process::Command};

use llmlite_bedrock_sim::{Script, start};

#[tokio::test]
async fn boto3_reads_every_kind_of_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/clients/venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `cargo xtask clients` to make it",
        python.display()
    );
    let sim = start(Script::default()).await.unwrap();
    let output = Command::new(python)
        .arg(root.join("tests/boto3/check.py"))
        .arg(sim.url())
        .output()
        .unwrap();
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{wrong}");
    assert!(said.trim_end().ends_with("checks hold"), "{said}");
}
