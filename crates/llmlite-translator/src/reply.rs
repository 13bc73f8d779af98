//! What has to be remembered of a request to translate its answer.

use std::sync::Arc;

/// What has to be remembered of a request to translate its answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub(crate) include_usage: bool,
    /// Pairs of the name that Claude was given and the client's own, for those that differ.
    pub(crate) renamed: Vec<(String, String)>,
    /// Claude's names of the tools whose input is plain text.
    pub(crate) custom: Vec<String>,
    /// Whether the client offered `functions` and wants `function_call` back.
    pub(crate) legacy: bool,
    /// Claude's name of the tool whose arguments are the answer.
    pub(crate) answer_tool: Option<String>,
    /// Whether the answer is JSON that the model may have put into a code fence.
    pub(crate) fenced: bool,
    /// Whether the request asks the prompt cache to keep something for an hour.
    pub(crate) one_hour: bool,
}

impl Reply {
    /// Whether the stream is to end with a chunk that carries the usage.
    pub fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// The client's own name of a tool that Claude calls `name`.
    pub(crate) fn tool_name<'a>(&'a self, name: &'a str) -> &'a str {
        let pair = self.renamed.iter().find(|(claude, _)| claude == name);
        pair.map_or(name, |(_, client)| client)
    }
}

/// What every answer and chunk carries besides its content.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// Names the answer, such as `chatcmpl-…`.
    pub id: Arc<str>,
    /// When the answer was begun, in Unix seconds.
    pub created: i64,
    /// The model's name as the client sent it.
    pub model: Arc<str>,
}
