//! Every field of a request.

use llmlite_openai::ChatRequest;
use llmlite_translator::{EncodeError, Encoded, Model, Options, encode};
use serde_json::{Value, json};

use crate::models;
use crate::table::rows;

const HI: &str = r#"[{"role":"user","content":"hi"}]"#;
const TOOLS: &str = r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#;
const CALLED: &str = r#"{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1.0}"}}]},{"role":"tool","tool_call_id":"a","content":"done"}"#;
/// What Claude is told instead of `a.b`.
pub(super) const MAPPED: &str = "a_b_836dbc7978175ee4";
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

fn try_encode(
    model: &Model,
    messages: &str,
    fields: &str,
    strict: bool,
) -> Result<Encoded, EncodeError> {
    let comma = if fields.is_empty() { "" } else { "," };
    let body = format!(r#"{{"model":"m","messages":{messages}{comma}{fields}}}"#);
    let request =
        ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
    let options = Options {
        strict,
        ..Options::default()
    };
    encode(&request, model, options)
}

#[track_caller]
fn encoded(model: &Model, messages: &str, fields: &str) -> (Value, Encoded) {
    let encoded = try_encode(model, messages, fields, false)
        .unwrap_or_else(|error| panic!("{messages} {fields}: {error}"));
    let body = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    (body, encoded)
}

/// With `fields`, the body has `want` at `pointer`.
#[track_caller]
fn becomes(fields: &str, pointer: &str, want: Value) {
    becomes_on(&models::plain(), fields, pointer, want);
}

#[track_caller]
fn becomes_on(model: &Model, fields: &str, pointer: &str, want: Value) {
    let (body, _) = encoded(model, HI, fields);
    assert_eq!(
        body.pointer(pointer).unwrap_or(&Value::Null),
        &want,
        "{fields}: {body}"
    );
}

/// A conversation has `want` at `pointer` of the body.
#[track_caller]
fn talk(messages: &str, pointer: &str, want: Value) {
    talk_on(&models::plain(), messages, pointer, want);
}

#[track_caller]
fn talk_on(model: &Model, messages: &str, pointer: &str, want: Value) {
    let (body, _) = encoded(model, &format!("[{messages}]"), "");
    assert_eq!(
        body.pointer(pointer).unwrap_or(&Value::Null),
        &want,
        "{messages}: {body}"
    );
}

/// With `fields`, the body is as without, and strict mode minds nothing.
#[track_caller]
fn harmless(fields: &str) {
    let (with, _) = encoded(&models::plain(), HI, fields);
    let (without, _) = encoded(&models::plain(), HI, "");
    assert_eq!(with, without, "{fields}");
    let strict = try_encode(&models::plain(), HI, fields, true);
    assert!(strict.is_ok(), "{fields}: {strict:?}");
}

/// With `fields`, the body is as without, `name` is told, and strict mode refuses it.
#[track_caller]
fn ignored(fields: &str, name: &str) {
    ignored_on(&models::plain(), fields, name);
}

#[track_caller]
fn ignored_on(model: &Model, fields: &str, name: &str) {
    let (with, told) = encoded(model, HI, fields);
    let (without, _) = encoded(model, HI, "");
    assert_eq!(with, without, "{fields}");
    assert!(
        told.ignored.iter().any(|field| field == name),
        "{fields}: {:?}",
        told.ignored
    );
    let error = try_encode(model, HI, fields, true).expect_err(fields);
    assert_eq!(error.param(), Some(name), "{error}");
}

/// With `fields`, `name` is told to have no effect, and strict mode refuses it; the rest counts.
#[track_caller]
fn told(fields: &str, name: &str) {
    talk_told(HI, fields, name);
}

#[track_caller]
fn talk_told(messages: &str, fields: &str, name: &str) {
    let (_, told) = encoded(&models::plain(), messages, fields);
    assert!(
        told.ignored.iter().any(|field| field == name),
        "{messages} {fields}: {:?}",
        told.ignored
    );
    let error = try_encode(&models::plain(), messages, fields, true).expect_err(fields);
    assert_eq!(error.param(), Some(name), "{error}");
}

/// With `fields`, `name` is told to have been adjusted, and strict mode refuses it.
#[track_caller]
fn adjusted_on(model: &Model, fields: &str, name: &str) {
    let (_, told) = encoded(model, HI, fields);
    assert!(
        told.adjusted.contains(&name),
        "{fields}: {:?}",
        told.adjusted
    );
    let error = try_encode(model, HI, fields, true).expect_err(fields);
    assert_eq!(error.param(), Some(name), "{error}");
}

#[track_caller]
fn refused(fields: &str, param: &str) {
    let error = try_encode(&models::plain(), HI, fields, false).expect_err(fields);
    assert_eq!(error.param(), Some(param), "{error}");
}

#[track_caller]
fn talk_refused(messages: &str, param: &str) {
    let error =
        try_encode(&models::plain(), &format!("[{messages}]"), "", false).expect_err(messages);
    assert_eq!(error.param(), Some(param), "{error}");
}

/// A body without `messages` at all, in another dialect.
#[track_caller]
fn foreign(body: &str, pointer: &str, want: Value) {
    let request =
        ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
    let encoded = encode(&request, &models::plain(), Options::default())
        .unwrap_or_else(|error| panic!("{body}: {error}"));
    let sent: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    assert_eq!(
        sent.pointer(pointer).unwrap_or(&Value::Null),
        &want,
        "{sent}"
    );
}

/// A body in the Responses dialect with this field cannot be read.
#[track_caller]
fn foreign_refused(field: &str, param: &str) {
    let body = format!(r#"{{"model":"m","input":"hi",{field}}}"#);
    let error = ChatRequest::parse(body.as_bytes()).expect_err(&body);
    assert_eq!(error.param.as_deref(), Some(param), "{error}");
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

rows! { "request":
    model, "model", Honoured, "looked up in the catalogue; the body for Claude does not name it" =>
        becomes("", "/model", Value::Null);
    messages, "messages", Translated, "roles are brought into turns, neighbours of one role merged, blank text dropped; at least one message of the user" =>
        talk(r#"{"role":"user","content":"a"},{"role":"user","content":"b"}"#, "/messages/0/content", json!([text("a"), text("b")])),
        talk_refused(r#"{"role":"system","content":"a"}"#, "messages");
    system, "messages[] role system, developer", Translated, "before the first answer: `system`; later: a turn of role `system` where the model takes it, else marked text of the user" =>
        talk(r#"{"role":"developer","content":"a"},{"role":"user","content":"b"}"#, "/system", json!([text("a")])),
        talk_on(&models::adaptive(), r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"d"}"#, "/messages/3", json!({"role":"system","content":[text("d")]}));
    user, "messages[] role user", Translated, "a turn of role `user`" =>
        talk(r#"{"role":"user","content":"a"}"#, "/messages/0", json!({"role":"user","content":[text("a")]}));
    assistant, "messages[] role assistant", Translated, "a turn of role `assistant`: thoughts, text, calls" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}"#, "/messages/1", json!({"role":"assistant","content":[text("b")]}));
    tool, "messages[] role tool", Translated, "`tool_result` in the user's turn right after the calls; without an answer a call is said to have failed" =>
        talk(CALLED, "/messages/2/content/0", json!({"type":"tool_result","tool_use_id":"a","content":[text("done")]}));
    function, "messages[] role function", Translated, "the result of the last `function_call` of that name" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"done"}"#, "/messages/2/content/0/content", json!([text("done")]));
    content_parts, "messages[].content", Translated, "a string, a list of parts, `null` or nothing" =>
        talk(r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#, "/messages/0/content/0", text("a")),
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","content":null},{"role":"user","content":"b"}"#, "/messages/0/content/1", text("b"));
    name, "messages[].name", Ignored, "Claude's speakers have no names" =>
        talk(r#"{"role":"user","name":"Ada","content":"a"}"#, "/messages/0", json!({"role":"user","content":[text("a")]}));
    tool_calls, "messages[].tool_calls[]", Translated, "`tool_use`; ids and names outside Claude's alphabet are mapped, arguments keep their bytes, those that are no object are wrapped; told in a message of someone else than the assistant" =>
        talk(CALLED, "/messages/1/content/0", json!({"type":"tool_use","id":"a","name":"f","input":{"x":1.0}})),
        talk_told(r#"[{"role":"user","content":"hi","tool_calls":[{}]}]"#, "", "messages[].tool_calls"),
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{"name":"f","input":"x"}}]}"#, "/messages/1/content/0/input", json!({"input":"x"}));
    function_call_history, "messages[].function_call", Translated, "`tool_use` with an id made from the name; told in a message of someone else than the assistant" =>
        talk_told(r#"[{"role":"user","content":"hi","function_call":{"name":"f"}}]"#, "", "messages[].function_call"),
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","function_call":{"name":"f","arguments":"{\"x\":1}"}}"#, "/messages/1/content/0/input", json!({"x":1}));
    tool_call_id, "messages[].tool_call_id", Translated, "which call is answered; a result without its call becomes marked text" =>
        talk(CALLED, "/messages/2/content/0/tool_use_id", json!("a"));
    refusal_field, "messages[].refusal", Translated, "text of the assistant" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","refusal":"no"},{"role":"user","content":"b"}"#, "/messages/1/content", json!([text("no")]));
    audio_history, "messages[].audio", Ignored, "what was spoken is not kept here; its transcript, if any, is the content" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","audio":{"id":"x"},"content":"b"},{"role":"user","content":"c"}"#, "/messages/1/content", json!([text("b")]));
    reasoning_details, "messages[].reasoning_details, thinking_blocks", Translated, "thoughts with a signature go back unchanged, before the turn's text and calls; dropped for models that do not think" =>
        talk_on(&models::budget(), r#"{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s"}]},{"role":"user","content":"c"}"#, "/messages/1/content", json!([{"type":"thinking","thinking":"hm","signature":"s"}, text("b")])),
        talk_on(&models::budget(), r#"{"role":"user","content":"a"},{"role":"assistant","content":"b","thinking_blocks":[{"type":"redacted_thinking","data":"d"}]},{"role":"user","content":"c"}"#, "/messages/1/content/0", json!({"type":"redacted_thinking","data":"d"}));
    reasoning_content, "messages[].reasoning_content, reasoning", Ignored, "thoughts without a signature, which Claude refuses" =>
        talk_on(&models::budget(), r#"{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"},{"role":"user","content":"c"}"#, "/messages/1/content", json!([text("b")]));
    message_cache, "messages[].cache_control", Translated, "the end of a cached prefix after the message's last block" =>
        talk_on(&models::budget(), r#"{"role":"user","content":"a","cache_control":{"type":"ephemeral"}}"#, "/messages/0/content/0/cache_control", json!({"type":"ephemeral"}));
    part_text, "messages[].content[] text", Translated, "a block of text" =>
        talk(r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":" "}]}"#, "/messages/0/content", json!([text("a")]));
    part_image, "messages[].content[] image_url.url", Translated, "a data URL becomes an `image`, its type read from its first bytes; a remote URL is refused" =>
        talk(&format!(r#"{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/jpg;base64,{PNG}"}}}}]}}"#), "/messages/0/content/0/source/media_type", json!("image/png")),
        talk_refused(r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}"#, "messages[0].content[0].image_url.url");
    part_detail, "messages[].content[] image_url.detail", Ignored, "Claude has no such setting" =>
        talk(&format!(r#"{{"role":"user","content":[{{"type":"image_url","image_url":{{"detail":"low","url":"data:image/png;base64,{PNG}"}}}}]}}"#), "/messages/0/content/0/source/data", json!(PNG));
    part_file, "messages[].content[] file.file_data", Translated, "PDF and text become a `document`; other types are refused" =>
        talk(r#"{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0xLjQK"}},{"type":"text","text":"a"}]}"#, "/messages/0/content/0/source/media_type", json!("application/pdf"));
    part_filename, "messages[].content[] file.filename", Translated, "the document's title, in harmless characters and once per request" =>
        talk(r#"{"role":"user","content":[{"type":"file","file":{"filename":"Q3 report.pdf","file_data":"JVBERi0xLjQK"}},{"type":"text","text":"a"}]}"#, "/messages/0/content/0/title", json!("Q3 report"));
    part_file_id, "messages[].content[] file.file_id", Refused, "no files are stored here" =>
        talk_refused(r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#, "messages[0].content[0].file.file_id");
    part_audio, "messages[].content[] input_audio", Refused, "Claude does not hear" =>
        talk_refused(r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}"#, "messages[0].content[0]");
    part_refusal, "messages[].content[] refusal", Translated, "text of the assistant" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]},{"role":"user","content":"b"}"#, "/messages/1/content", json!([text("no")]));
    part_cache, "messages[].content[].cache_control", Translated, "the end of a cached prefix" =>
        talk_on(&models::schemas(), r#"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#, "/messages/0/content/0/cache_control", json!({"type":"ephemeral","ttl":"1h"}));
    part_breakpoint, "messages[].content[].prompt_cache_breakpoint", Translated, "the end of a cached prefix" =>
        talk_on(&models::budget(), r#"{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}]}"#, "/messages/0/content/0/cache_control", json!({"type":"ephemeral"}));
    part_blocks, "messages[].content[] tool_use, tool_result, image, document, thinking", Translated, "Anthropic's blocks, which some clients send here" =>
        talk(r#"{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"done"}]}"#, "/messages/2/content/0/content", json!([text("done")]));
    part_context, "messages[].content[] document.context", Ignored, "say it in the text beside the document" =>
        talk_told(r#"[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"a"},"context":"b"},{"type":"text","text":"c"}]}]"#, "", "messages[].content[].context");
    part_citations, "messages[].content[] document.citations", Ignored, "an answer here has no place for them; told where they are enabled" =>
        talk_told(r#"[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"a"},"citations":{"enabled":true}},{"type":"text","text":"c"}]}]"#, "", "messages[].content[].citations");

    stream, "stream", Honoured, "the body is the same; the answer comes in chunks" => harmless(r#""stream":true"#);
    stream_options, "stream_options.include_usage", Honoured, "the stream ends with a chunk that carries the usage" =>
        harmless(r#""stream":true,"stream_options":{"include_usage":true}"#);
    obfuscation, "stream_options.include_obfuscation", Ignored, "chunks are not padded" => harmless(r#""stream":true,"stream_options":{"include_obfuscation":true}"#);
    max_completion_tokens, "max_completion_tokens", Translated, "`max_tokens`; cut to the model's maximum" =>
        becomes(r#""max_completion_tokens":7,"max_tokens":9"#, "/max_tokens", json!(7)),
        adjusted_on(&models::plain(), r#""max_completion_tokens":99999"#, "max_completion_tokens");
    max_tokens, "max_tokens", Translated, "the same, older name; told beside that where the two differ; a default if neither is there" =>
        told(r#""max_completion_tokens":7,"max_tokens":9"#, "max_tokens"),
        becomes(r#""max_tokens":9"#, "/max_tokens", json!(9)),
        becomes("", "/max_tokens", json!(4096)),
        refused(r#""max_tokens":0"#, "max_tokens");
    temperature, "temperature", Translated, "brought into 0 to 1; left out (and told) where the model takes none" =>
        becomes(r#""temperature":0.5"#, "/temperature", json!(0.5)),
        becomes(r#""temperature":2"#, "/temperature", json!(1.0)),
        ignored_on(&models::adaptive(), r#""temperature":0.5"#, "temperature");
    top_p, "top_p", Translated, "left out (and told) where the model takes none, or not beside `temperature`" =>
        becomes(r#""top_p":0.5"#, "/top_p", json!(0.5)),
        becomes_on(&models::schemas(), r#""top_p":0.5,"temperature":0"#, "/top_p", Value::Null);
    top_k, "top_k", Translated, "not OpenAI's, but sent by many; 0 and -1 mean all" =>
        becomes(r#""top_k":5"#, "/top_k", json!(5)),
        becomes(r#""top_k":-1"#, "/top_k", Value::Null);
    stop, "stop", Translated, "`stop_sequences`; blank ones are dropped (and told)" =>
        becomes(r#""stop":["A","\n"]"#, "/stop_sequences", json!(["A"])),
        ignored(r#""stop":"\n""#, "stop");
    tools, "tools[] function", Translated, "`tools`; names are mapped, a schema that says nothing becomes an object's; left-out tools of the history are added" =>
        becomes(TOOLS, "/tools/0", json!({"name":"f","input_schema":{"type":"object","properties":{}}}));
    tool_name, "tools[].function.name", Translated, "names outside Claude's alphabet are mapped, and mapped back in answers" =>
        becomes(r#""tools":[{"type":"function","function":{"name":"a_b"}}]"#, "/tools/0/name", json!("a_b")),
        becomes(r#""tools":[{"type":"function","function":{"name":"a.b"}}]"#, "/tools/0/name", json!(MAPPED));
    tool_description, "tools[].function.description", Translated, "left out when blank" =>
        becomes(r#""tools":[{"type":"function","function":{"name":"f","description":"d"}}]"#, "/tools/0/description", json!("d"));
    tool_parameters, "tools[].function.parameters", Translated, "`input_schema`, byte for byte; alternatives at its root are left out (and told) where they only list what is required, else refused" =>
        becomes(r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"number"}}}}}]"#, "/tools/0/input_schema/properties/x", json!({"type":"number"})),
        refused(r#""tools":[{"type":"function","function":{"name":"f","parameters":{"anyOf":[{"type":"object","properties":{}}]}}}]"#, "tools[0].function.parameters");
    tool_strict, "tools[].function.strict", Translated, "`strict` where the model knows it and the schema is within its rules, else told" =>
        becomes_on(&models::schemas(), r#""tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{},"additionalProperties":false}}}]"#, "/tools/0/strict", json!(true));
    tool_cache, "tools[].cache_control", Translated, "the end of a cached prefix" =>
        becomes_on(&models::budget(), r#""tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]"#, "/tools/0/cache_control", json!({"type":"ephemeral"}));
    tool_custom, "tools[] custom", Translated, "a tool with the one parameter `input`; a grammar goes into its description; calls come back as `custom`" =>
        becomes(r#""tools":[{"type":"custom","custom":{"name":"f","description":"d"}}]"#, "/tools/0/input_schema/required", json!(["input"]));
    tool_flat, "tools[] without function", Translated, "name and schema beside `type`, as other APIs have them" =>
        becomes(r#""tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]"#, "/tools/0/name", json!("f")),
        becomes(r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#, "/tools/0/input_schema", json!({"type":"object"}));
    tool_choice, "tool_choice", Translated, "auto, none, required, one tool, or allowed tools; where the model cannot be made to call, it is left free (and told)" =>
        becomes(&format!(r#"{TOOLS},"tool_choice":"required""#), "/tool_choice", json!({"type":"any"})),
        becomes(&format!(r#"{TOOLS},"tool_choice":{{"type":"function","function":{{"name":"g"}}}}"#), "/tool_choice", json!({"type":"tool","name":"g"})),
        becomes(&format!(r#"{TOOLS},"tool_choice":"none""#), "/tool_choice", json!({"type":"none"})),
        adjusted_on(&models::thinker(), &format!(r#"{TOOLS},"tool_choice":"required""#), "tool_choice");
    parallel, "parallel_tool_calls", Translated, "`false`: at most one call in a turn" =>
        becomes(&format!(r#"{TOOLS},"parallel_tool_calls":false"#), "/tool_choice", json!({"type":"auto","disable_parallel_tool_use":true}));
    functions, "functions", Translated, "as `tools`; calls come back as `function_call`, one in a turn" =>
        becomes(r#""functions":[{"name":"f","parameters":{"type":"object"}}]"#, "/tools/0", json!({"name":"f","input_schema":{"type":"object"}}));
    function_call, "function_call", Translated, "as `tool_choice`" =>
        becomes(r#""functions":[{"name":"f"}],"function_call":{"name":"f"}"#, "/tool_choice/name", json!("f"));
    response_format, "response_format text, json_object", Translated, "an instruction in `system` (told as adjusted, so that strict mode refuses it); a code fence around the answer is taken off" =>
        becomes(r#""response_format":{"type":"text"}"#, "/system", Value::Null),
        adjusted_on(&models::plain(), r#""response_format":{"type":"json_object"}"#, "response_format");
    response_schema, "response_format json_schema", Translated, "`output_config.format` where the model has it, else a forced tool whose arguments are the answer, else an instruction (and told)" =>
        becomes_on(&models::schemas(), r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{},"additionalProperties":false}}}"#, "/output_config/format/type", json!("json_schema")),
        becomes(r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{}}}}"#, "/tool_choice/type", json!("tool")),
        adjusted_on(&models::thinker(), r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{}}}}"#, "response_format");
    reasoning_effort, "reasoning_effort", Translated, "a budget or an effort, by what the model has; told where it does not think" =>
        becomes_on(&models::budget(), r#""reasoning_effort":"low","max_tokens":9000"#, "/thinking", json!({"type":"enabled","budget_tokens":2048})),
        becomes_on(&models::adaptive(), r#""reasoning_effort":"xhigh""#, "/output_config/effort", json!("xhigh")),
        ignored(r#""reasoning_effort":"low""#, "reasoning_effort"),
        refused(r#""reasoning_effort":"huge""#, "reasoning_effort");
    thinking, "thinking", Translated, "the same in Anthropic's form; told where its shape is strange" =>
        ignored(r#""thinking":{"type":"auto"}"#, "thinking"),
        becomes_on(&models::budget(), r#""thinking":{"type":"enabled","budget_tokens":1500},"max_tokens":9000"#, "/thinking/budget_tokens", json!(1500)),
        becomes_on(&models::adaptive(), r#""thinking":{"type":"disabled"}"#, "/thinking/type", json!("disabled"));
    n, "n", Refused, "more than one answer; 1 is what there is" => refused(r#""n":2"#, "n"), harmless(r#""n":1"#);
    logprobs, "logprobs", Refused, "Claude has none; `false` passes" => refused(r#""logprobs":true"#, "logprobs"), harmless(r#""logprobs":false"#);
    top_logprobs, "top_logprobs", Refused, "Claude has none; 0 passes" => refused(r#""top_logprobs":1"#, "top_logprobs"), harmless(r#""top_logprobs":0"#);
    logit_bias, "logit_bias", Ignored, "Claude has no such setting; `{}` says nothing" => ignored(r#""logit_bias":{"1":1}"#, "logit_bias"), harmless(r#""logit_bias":{}"#);
    frequency_penalty, "frequency_penalty", Ignored, "Claude has no such setting; 0 says nothing" => ignored(r#""frequency_penalty":1"#, "frequency_penalty"), harmless(r#""frequency_penalty":0"#);
    presence_penalty, "presence_penalty", Ignored, "Claude has no such setting; 0 says nothing" => ignored(r#""presence_penalty":1"#, "presence_penalty"), harmless(r#""presence_penalty":0"#);
    seed, "seed", Ignored, "no two answers are promised to be the same" => ignored(r#""seed":1"#, "seed");
    verbosity, "verbosity", Ignored, "say it in the prompt" => ignored(r#""verbosity":"low""#, "verbosity");
    modalities, "modalities", Refused, "anything but text; `[\"text\"]` is what there is" => refused(r#""modalities":["text","audio"]"#, "modalities"), refused(r#""modalities":["image"]"#, "modalities"), harmless(r#""modalities":["text"]"#);
    audio, "audio", Refused, "Claude does not speak" => refused(r#""audio":{"voice":"a","format":"mp3"}"#, "audio");
    web_search_options, "web_search_options", Refused, "no search is offered here" => refused(r#""web_search_options":{}"#, "web_search_options");
    prediction, "prediction", Ignored, "a hint for speed" => harmless(r#""prediction":{"type":"content","content":"a"}"#);
    moderation, "moderation", Ignored, "what is moderated is the operator's decision" => harmless(r#""moderation":{"model":"x"}"#);
    user_id, "user", Ignored, "the key names the user; this never reaches the model" => harmless(r#""user":"u""#);
    safety_identifier, "safety_identifier", Ignored, "the key names the user; this never reaches the model" => harmless(r#""safety_identifier":"u""#);
    metadata, "metadata", Ignored, "labels for a store that is not here" => harmless(r#""metadata":{"a":"b"}"#);
    store, "store", Ignored, "nothing is stored" => harmless(r#""store":true"#);
    service_tier, "service_tier", Ignored, "the operator decides; `auto` and `default` say nothing" => ignored(r#""service_tier":"flex""#, "service_tier"), harmless(r#""service_tier":"auto""#);
    prompt_cache_key, "prompt_cache_key", Ignored, "Claude's cache goes by the prompt itself" => harmless(r#""prompt_cache_key":"k""#);
    prompt_cache_retention, "prompt_cache_retention", Ignored, "a hint; lifetimes come with the cache points" => harmless(r#""prompt_cache_retention":"24h""#);
    prompt_cache_options, "prompt_cache_options", Translated, "`explicit`: no cache points of ours; `ttl`: how long those of the client live" =>
        harmless(r#""prompt_cache_options":{"mode":"explicit"}"#);
    unknown, "(any other)", Ignored, "told by its own name" => ignored(r#""repetition_penalty":1.1"#, "repetition_penalty");

    foreign_system, "system", Translated, "Anthropic's: the first instructions; like all that follow told where the shape is strange, unless in a whole request of that dialect" =>
        ignored(r#""system":{"a":1}"#, "system"),
        becomes(r#""system":[{"type":"text","text":"a"}]"#, "/system", json!([text("a")]));
    foreign_stop, "stop_sequences", Translated, "Anthropic's name of `stop`; told beside that" => told(r#""stop":"B","stop_sequences":["A"]"#, "stop_sequences"), becomes(r#""stop_sequences":["A"]"#, "/stop_sequences", json!(["A"]));
    foreign_output, "output_config", Translated, "Anthropic's form of `reasoning_effort` and `response_format`; told beside those" =>
        told(r#""response_format":{"type":"text"},"output_config":{"format":{"type":"json_object"}}"#, "output_config.format"),
        becomes_on(&models::adaptive(), r#""output_config":{"effort":"low"}"#, "/output_config/effort", json!("low"));
    foreign_input, "input", Translated, "the conversation in the form of OpenAI's Responses API; beside `messages` it is told" =>
        ignored(r#""input":"a""#, "input"),
        foreign(r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"done"}]}"#, "/messages/2/content/0/content", json!([text("done")]));
    foreign_previous, "previous_response_id", Refused, "Responses: a conversation kept by the provider; beside `messages` it is unknown" =>
        foreign_refused(r#""previous_response_id":"resp_1""#, "previous_response_id");
    foreign_conversation, "conversation", Refused, "the same" => foreign_refused(r#""conversation":"conv_1""#, "conversation");
    foreign_prompt, "prompt", Refused, "Responses: a prompt kept by the provider; beside `messages` it is unknown" =>
        foreign_refused(r#""prompt":{"id":"p"}"#, "prompt");
    foreign_instructions, "instructions", Translated, "Responses: the first instructions, after `system`" => becomes(r#""instructions":"b","system":"a""#, "/system", json!([text("a"), text("b")]));
    foreign_max, "max_output_tokens", Translated, "Responses' name of `max_tokens`; told beside that where the two differ" => told(r#""max_tokens":7,"max_output_tokens":9"#, "max_output_tokens"), becomes(r#""max_output_tokens":9"#, "/max_tokens", json!(9));
    foreign_reasoning, "reasoning", Translated, "Responses' form of `reasoning_effort`; told beside that, as `exclude` always is" =>
        told(r#""reasoning_effort":"none","reasoning":{"effort":"low"}"#, "reasoning.effort"),
        ignored(r#""reasoning":{"exclude":true}"#, "reasoning.exclude"),
        becomes_on(&models::adaptive(), r#""reasoning":{"effort":"low"}"#, "/output_config/effort", json!("low"));
    foreign_text, "text", Translated, "Responses' form of `response_format` and `verbosity`; told beside those" =>
        told(r#""response_format":{"type":"text"},"text":{"format":{"type":"json_object"}}"#, "text.format"),
        becomes_on(&models::schemas(), r#""text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{},"additionalProperties":false}}}"#, "/output_config/format/type", json!("json_schema"));
}
