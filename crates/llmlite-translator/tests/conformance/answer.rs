//! Every field of an answer and of its chunks.

use llmlite_openai::ChatRequest;
use llmlite_translator::{Options, Reply, Stamp, StreamDecoder, decode, encode};
use serde_json::{Value, json};

use crate::models;
use crate::request::MAPPED;
use crate::table::rows;

const TEXT: &str = r#"[{"type":"text","text":"hi"}]"#;
const CALL: &str = r#"[{"type":"tool_use","id":"toolu_1","name":"f","input":{"x": 1.0}}]"#;
const THOUGHT: &str =
    r#"[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hi"}]"#;

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 7,
        model: "m".into(),
    }
}

/// What has to be remembered of a request with these fields.
fn reply(fields: &str) -> Reply {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{fields}}}"#);
    let request = ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let encoded = encode(&request, &models::plain(), Options::default());
    encoded.unwrap_or_else(|error| panic!("{error}")).reply
}

/// A whole answer with this content, with `want` at `pointer`.
#[track_caller]
fn whole(content: &str, stop: &str, fields: &str, pointer: &str, want: Value) {
    let answer = format!(
        r#"{{"type":"message","role":"assistant","stop_reason":"{stop}","content":{content},"usage":{{"input_tokens":5,"output_tokens":3,"cache_read_input_tokens":2,"cache_creation_input_tokens":1,"output_tokens_details":{{"thinking_tokens":2}}}}}}"#
    );
    let (completion, _) = decode(answer.as_bytes(), &reply(fields), stamp())
        .unwrap_or_else(|error| panic!("{error}"));
    let got = serde_json::to_value(completion).expect("an answer is JSON");
    assert_eq!(got.pointer(pointer).unwrap_or(&Value::Null), &want, "{got}");
}

/// The chunks of a streamed answer whose blocks come as one delta each.
fn chunks(blocks: &[(&str, &str)], stop: &str, fields: &str) -> Vec<Value> {
    let mut decoder = StreamDecoder::new(reply(fields), stamp());
    let mut out = Vec::new();
    let mut push = |event: String| {
        decoder
            .push(event.as_bytes(), &mut out)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
    };
    push(
        r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#
            .to_owned(),
    );
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        push(format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#
        ));
        for delta in deltas.split('|').filter(|delta| !delta.is_empty()) {
            push(format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#
            ));
        }
        push(format!(
            r#"{{"type":"content_block_stop","index":{index}}}"#
        ));
    }
    push(format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop}"}},"usage":{{"output_tokens":3}}}}"#
    ));
    push(r#"{"type":"message_stop"}"#.to_owned());
    decoder
        .finish(&mut out)
        .unwrap_or_else(|error| panic!("{error}"));
    out.iter()
        .map(|chunk| serde_json::to_value(chunk).expect("a chunk is JSON"))
        .collect()
}

/// Some chunk of a streamed answer has `want` at `pointer`.
#[track_caller]
fn streamed(blocks: &[(&str, &str)], stop: &str, fields: &str, pointer: &str, want: Value) {
    let chunks = chunks(blocks, stop, fields);
    let found = chunks
        .iter()
        .any(|chunk| chunk.pointer(pointer) == Some(&want));
    assert!(found, "no {want} at {pointer} in {chunks:#?}");
}

/// Every chunk of a streamed answer has `want` at `pointer`.
#[track_caller]
fn in_every_chunk(pointer: &str, want: Value) {
    for chunk in chunks(SAYS_HI, "end_turn", "") {
        assert_eq!(chunk.pointer(pointer), Some(&want), "{chunk}");
    }
}

const SAYS_HI: &[(&str, &str)] = &[(
    r#"{"type":"text","text":""}"#,
    r#"{"type":"text_delta","text":"hi"}"#,
)];
const CALLS: &[(&str, &str)] = &[
    (
        r#"{"type":"text","text":""}"#,
        r#"{"type":"text_delta","text":"hi"}"#,
    ),
    (
        r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#,
        r#"{"type":"input_json_delta","partial_json":"{\"x\":1}"}"#,
    ),
];
const THINKS: &[(&str, &str)] = &[(
    r#"{"type":"thinking","thinking":""}"#,
    r#"{"type":"thinking_delta","thinking":"hm"}|{"type":"signature_delta","signature":"s"}"#,
)];
const FUNCTION: &str = r#","functions":[{"name":"f"}]"#;
const DOTTED: &str = r#","tools":[{"type":"function","function":{"name":"a.b"}}]"#;
const CUSTOM: &str = r#","tools":[{"type":"custom","custom":{"name":"f"}}]"#;

rows! { "answer":
    id, "id", Honoured, "given by the caller; the same in every chunk" =>
        whole(TEXT, "end_turn", "", "/id", json!("chatcmpl-1")), in_every_chunk("/id", json!("chatcmpl-1"));
    object, "object", Constant, "`chat.completion`, in chunks `chat.completion.chunk`" =>
        whole(TEXT, "end_turn", "", "/object", json!("chat.completion")), in_every_chunk("/object", json!("chat.completion.chunk"));
    created, "created", Honoured, "given by the caller; the same in every chunk" =>
        whole(TEXT, "end_turn", "", "/created", json!(7)), in_every_chunk("/created", json!(7));
    model, "model", Honoured, "the name that the client sent" =>
        whole(TEXT, "end_turn", "", "/model", json!("m")), in_every_chunk("/model", json!("m"));
    system_fingerprint, "system_fingerprint", Constant, "`null`" =>
        whole(TEXT, "end_turn", "", "/system_fingerprint", Value::Null), in_every_chunk("/system_fingerprint", Value::Null);
    index, "choices[].index", Constant, "0; the chunk with the usage has no choices" =>
        whole(TEXT, "end_turn", "", "/choices/0/index", json!(0)), in_every_chunk("/choices/0/index", json!(0));
    logprobs, "choices[].logprobs", Constant, "`null`" =>
        whole(TEXT, "end_turn", "", "/choices/0/logprobs", Value::Null), in_every_chunk("/choices/0/logprobs", Value::Null);
    finish_stop, "choices[].finish_reason stop", Filled, "`end_turn`, `stop_sequence`, and reasons that no one knows" =>
        whole(TEXT, "end_turn", "", "/choices/0/finish_reason", json!("stop")),
        whole(TEXT, "stop_sequence", "", "/choices/0/finish_reason", json!("stop")),
        whole(TEXT, "another", "", "/choices/0/finish_reason", json!("stop")),
        streamed(SAYS_HI, "end_turn", "", "/choices/0/finish_reason", json!("stop"));
    finish_length, "choices[].finish_reason length", Filled, "`max_tokens`, `model_context_window_exceeded`" =>
        whole(TEXT, "max_tokens", "", "/choices/0/finish_reason", json!("length")),
        whole(TEXT, "model_context_window_exceeded", "", "/choices/0/finish_reason", json!("length"));
    finish_tools, "choices[].finish_reason tool_calls", Filled, "whenever there are calls" =>
        whole(CALL, "tool_use", "", "/choices/0/finish_reason", json!("tool_calls")),
        whole(CALL, "end_turn", "", "/choices/0/finish_reason", json!("tool_calls")),
        streamed(CALLS, "tool_use", "", "/choices/0/finish_reason", json!("tool_calls"));
    finish_function, "choices[].finish_reason function_call", Filled, "the same for a client that offered `functions`" =>
        whole(CALL, "tool_use", FUNCTION, "/choices/0/finish_reason", json!("function_call"));
    finish_filter, "choices[].finish_reason content_filter", Filled, "`refusal`, `guardrail_intervened`, `content_filtered`" =>
        whole(TEXT, "refusal", "", "/choices/0/finish_reason", json!("content_filter")),
        whole(TEXT, "guardrail_intervened", "", "/choices/0/finish_reason", json!("content_filter"));
    role, "choices[].message.role, delta.role", Constant, "`assistant`; in the first chunk only" =>
        whole(TEXT, "end_turn", "", "/choices/0/message/role", json!("assistant")),
        streamed(SAYS_HI, "end_turn", "", "/choices/0/delta/role", json!("assistant"));
    content, "choices[].message.content, delta.content", Filled, "blocks of text, in order, without a separator; `null` beside calls without text; a structured answer's JSON" =>
        whole(r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#, "end_turn", "", "/choices/0/message/content", json!("ab")),
        whole(CALL, "tool_use", "", "/choices/0/message/content", Value::Null),
        whole("[]", "end_turn", "", "/choices/0/message/content", json!("")),
        streamed(SAYS_HI, "end_turn", "", "/choices/0/delta/content", json!("hi"));
    refusal, "choices[].message.refusal, delta.refusal", Filled, "a sentence when the model declined, else `null`" =>
        whole(TEXT, "end_turn", "", "/choices/0/message/refusal", Value::Null),
        whole("[]", "refusal", "", "/choices/0/message/refusal", json!("The model declined to answer this request.")),
        streamed(SAYS_HI, "refusal", "", "/choices/0/delta/refusal", json!("The model declined to answer this request."));
    reasoning, "choices[].message.reasoning_content, delta.reasoning_content", Filled, "thoughts in words; left out without" =>
        whole(THOUGHT, "end_turn", "", "/choices/0/message/reasoning_content", json!("hm")),
        streamed(THINKS, "end_turn", "", "/choices/0/delta/reasoning_content", json!("hm"));
    details, "choices[].message.reasoning_details, delta.reasoning_details", Filled, "each thought with the model's signature, whole; in a stream when the thought has ended" =>
        whole(THOUGHT, "end_turn", "", "/choices/0/message/reasoning_details/0", json!({"type":"reasoning.text","text":"hm","signature":"s","format":"anthropic-claude-v1","index":0})),
        whole(r#"[{"type":"redacted_thinking","data":"d"}]"#, "end_turn", "", "/choices/0/message/reasoning_details/0", json!({"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1","index":0})),
        streamed(THINKS, "end_turn", "", "/choices/0/delta/reasoning_details/0/signature", json!("s"));
    call_index, "choices[].delta.tool_calls[].index", Constant, "counts the calls from 0 without gaps" =>
        streamed(CALLS, "tool_use", "", "/choices/0/delta/tool_calls/0/index", json!(0));
    call_id, "choices[].message.tool_calls[].id", Filled, "Claude's, unchanged; in the call's first chunk only" =>
        whole(CALL, "tool_use", "", "/choices/0/message/tool_calls/0/id", json!("toolu_1")),
        streamed(CALLS, "tool_use", "", "/choices/0/delta/tool_calls/0/id", json!("toolu_1"));
    call_type, "choices[].message.tool_calls[].type", Filled, "`function` or `custom`" =>
        whole(CALL, "tool_use", "", "/choices/0/message/tool_calls/0/type", json!("function")),
        whole(CALL, "tool_use", CUSTOM, "/choices/0/message/tool_calls/0/type", json!("custom"));
    call_name, "choices[].message.tool_calls[].function.name", Filled, "the client's own name" =>
        whole(CALL, "tool_use", "", "/choices/0/message/tool_calls/0/function/name", json!("f")),
        whole(&CALL.replace("\"f\"", &format!("{MAPPED:?}")), "tool_use", DOTTED, "/choices/0/message/tool_calls/0/function/name", json!("a.b"));
    call_arguments, "choices[].message.tool_calls[].function.arguments", Filled, "JSON text with the model's key order and numbers; `{}` without" =>
        whole(CALL, "tool_use", "", "/choices/0/message/tool_calls/0/function/arguments", json!(r#"{"x":1.0}"#)),
        streamed(CALLS, "tool_use", "", "/choices/0/delta/tool_calls/0/function/arguments", json!(r#"{"x":1}"#));
    call_custom, "choices[].message.tool_calls[].custom", Filled, "name and plain text of a custom tool" =>
        whole(r#"[{"type":"tool_use","id":"t","name":"f","input":{"input":"x\ny"}}]"#, "tool_use", CUSTOM, "/choices/0/message/tool_calls/0/custom", json!({"name":"f","input":"x\ny"}));
    function_call, "choices[].message.function_call, delta.function_call", Filled, "the call, for a client that offered `functions`" =>
        whole(CALL, "tool_use", FUNCTION, "/choices/0/message/function_call", json!({"name":"f","arguments":"{\"x\":1.0}"})),
        streamed(CALLS, "tool_use", FUNCTION, "/choices/0/delta/function_call/name", json!("f"));
    annotations, "choices[].message.annotations", Constant, "left out" =>
        whole(TEXT, "end_turn", "", "/choices/0/message/annotations", Value::Null);
    audio, "choices[].message.audio", Constant, "left out" =>
        whole(TEXT, "end_turn", "", "/choices/0/message/audio", Value::Null);
    prompt_tokens, "usage.prompt_tokens", Filled, "all input, what met the cache included" =>
        whole(TEXT, "end_turn", "", "/usage/prompt_tokens", json!(8));
    completion_tokens, "usage.completion_tokens", Filled, "all output, thinking included" =>
        whole(TEXT, "end_turn", "", "/usage/completion_tokens", json!(3));
    total_tokens, "usage.total_tokens", Filled, "the sum" => whole(TEXT, "end_turn", "", "/usage/total_tokens", json!(11));
    cached_tokens, "usage.prompt_tokens_details.cached_tokens", Filled, "input read from the cache" =>
        whole(TEXT, "end_turn", "", "/usage/prompt_tokens_details/cached_tokens", json!(2));
    cache_write_tokens, "usage.prompt_tokens_details.cache_write_tokens", Filled, "input written to the cache" =>
        whole(TEXT, "end_turn", "", "/usage/prompt_tokens_details/cache_write_tokens", json!(1));
    reasoning_tokens, "usage.completion_tokens_details.reasoning_tokens", Filled, "thinking, where Claude says it; else left out" =>
        whole(TEXT, "end_turn", "", "/usage/completion_tokens_details/reasoning_tokens", json!(2));
    chunk_usage, "usage in chunks", Filled, "with `stream_options.include_usage`: `null` until the last chunk, which has no choices" =>
        streamed(SAYS_HI, "end_turn", r#","stream":true,"stream_options":{"include_usage":true}"#, "/usage/total_tokens", json!(8)),
        streamed(SAYS_HI, "end_turn", r#","stream":true,"stream_options":{"include_usage":true}"#, "/choices", json!([]));
    service_tier, "service_tier", Constant, "left out" =>
        whole(TEXT, "end_turn", "", "/service_tier", Value::Null);
}
