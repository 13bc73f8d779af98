//! What the user sees when everything runs.

use std::{path::Path, time::Duration};

use super::{Seeded, folder::Folder};
use crate::workspace::root;

/// What there is to tell.
pub(crate) struct Facts<'a> {
    /// Where the gateway is.
    pub(crate) url: &'a str,
    /// The first key.
    pub(crate) seeded: &'a Seeded,
    /// The models that can be called.
    pub(crate) models: &'a [String],
    /// Whether the simulator answers.
    pub(crate) simulated: bool,
    /// Where logs are.
    pub(crate) folder: &'a Folder,
    /// Where the programs are.
    pub(crate) programs: &'a Path,
    /// How long the start took.
    pub(crate) took: Duration,
}

/// Prints it.
pub(crate) fn print(facts: &Facts<'_>) {
    println!("{}", text(facts));
}

fn text(facts: &Facts<'_>) -> String {
    let Facts {
        url,
        seeded,
        models,
        ..
    } = facts;
    let key = &seeded.key;
    let model = favourite(models);
    let ask = |rest: &str| {
        format!(
            "curl -sS{flags} {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \
             -H 'Content-Type: application/json' -d '{{\"model\":\"{model}\",{rest}}}'",
            flags = if rest.contains("\"stream\"") {
                " -N"
            } else {
                ""
            },
        )
    };
    let message = |text: &str| format!(r#""messages":[{{"role":"user","content":"{text}"}}]"#);
    // The simulator answers at once unless it is asked to take its time.
    let story = if facts.simulated {
        "Tell me a story [[sim:long 60]] [[sim:fault drip 60]]"
    } else {
        "Tell me a story in 60 words"
    };
    let bedrock = if facts.simulated {
        "simulated on this machine: nothing leaves it and nothing costs money"
    } else {
        "real: requests cost money"
    };
    format!(
        "\nThe gateway is ready ({:.1} s). Ctrl-C stops everything; the data stays.\n\n\
         base URL  {url}/v1\n\
         key       {key}\n\
         models    {} (GET {url}/v1/models)\n\
         Bedrock   {bedrock}\n\
         logs      {}\n\
         admin     . {} && {} usage report\n\n\
         Try it:\n\n{}\n\n\
         and as a stream:\n\n{}\n",
        facts.took.as_secs_f64(),
        models.len(),
        short(&facts.folder.log("gateway")),
        short(&facts.folder.environment_file()),
        short(&facts.programs.join("llmlite-admin")),
        ask(&message("Hello")),
        ask(&format!(r#""stream":true,{}"#, message(story))),
    )
}

/// A model for the example: one that people know, if it can be called.
fn favourite(models: &[String]) -> &str {
    ["claude-3-5-sonnet", "claude-sonnet-4-5"]
        .into_iter()
        .find(|name| models.iter().any(|model| model == name))
        .or_else(|| models.first().map(String::as_str))
        .unwrap_or("claude-3-5-sonnet")
}

/// Relative to the workspace, where the user most likely is.
fn short(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.display().to_string()
}
