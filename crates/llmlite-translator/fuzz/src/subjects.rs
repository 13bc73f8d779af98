//! The models and requests that every input is tried with.

use std::sync::LazyLock;

use llmlite_openai::ChatRequest;
use llmlite_translator::{
    Adaptive, Model, Options, PromptCache, Reply, Sampling, Stamp, Thinking, ThinkingOff, encode,
};

/// The plainest model of all, one of the generation of 4.5, and one of the newest.
pub(super) fn models() -> [Model; 3] {
    let plain = Model {
        max_output_tokens: 4096,
        default_max_tokens: 4096,
        sampling: Sampling::Both,
        prefill: true,
        vision: false,
        pdf: false,
        forced_tool: true,
        thinking: Thinking::None,
        json_schema: false,
        strict_tools: false,
        cache: None,
        system_turns: false,
    };
    let middle = Model {
        max_output_tokens: 64_000,
        sampling: Sampling::OneOf,
        vision: true,
        pdf: true,
        thinking: Thinking::Budget,
        json_schema: true,
        strict_tools: true,
        cache: Some(PromptCache {
            min_tokens: 1024,
            one_hour: false,
        }),
        ..plain.clone()
    };
    let newest = Model {
        max_output_tokens: 128_000,
        sampling: Sampling::None,
        prefill: false,
        forced_tool: false,
        thinking: Thinking::Adaptive(Adaptive {
            off: ThinkingOff::BetweenTools,
            budget: false,
            xhigh: true,
            max: true,
            hidden: true,
        }),
        // Far below any real one, so that short inputs get cache points.
        cache: Some(PromptCache {
            min_tokens: 8,
            one_hour: true,
        }),
        system_turns: true,
        ..middle.clone()
    };
    [plain, middle, newest]
}

/// What is remembered of requests whose answers take different forms.
pub(super) fn replies() -> &'static [Reply] {
    static REPLIES: LazyLock<Vec<Reply>> =
        LazyLock::new(|| REQUESTS.iter().map(|request| reply(request)).collect());
    &REPLIES
}

/// What every answer of these checks carries.
pub(super) fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 1_763_900_000,
        model: "claude".into(),
    }
}

const REQUESTS: [&str; 5] = [
    r#"{"model":"m","messages":[{"role":"user","content":"q"}]}"#,
    // Names outside Claude's alphabet, and a last chunk with the usage.
    r#"{"model":"m","messages":[{"role":"user","content":"q"}],"stream":true,
        "stream_options":{"include_usage":true},
        "tools":[{"type":"function","function":{"name":"a.b/c"}},
                 {"type":"function","function":{"name":"a b c"}}]}"#,
    // A forced tool whose arguments become the content.
    r#"{"model":"m","messages":[{"role":"user","content":"q"}],"response_format":{
        "type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{}}}}}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"q"}],
        "functions":[{"name":"f","parameters":{"type":"object","properties":{}}}]}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"q"}],
        "tools":[{"type":"custom","custom":{"name":"f"}}]}"#,
];

fn reply(request: &str) -> Reply {
    let [plain, ..] = models();
    let request = ChatRequest::parse(request.as_bytes()).expect("the request has the right shape");
    let encoded = encode(&request, &plain, Options::default()).expect("the request can be had");
    encoded.reply
}
