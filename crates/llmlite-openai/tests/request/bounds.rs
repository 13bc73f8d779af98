//! Large, deep and hostile bodies, and what is copied of them.

use super::*;
use llmlite_openai::RequestErrorKind::NotJson;
use llmlite_openai::chat::message::{Content, FilePart, Image, PartKind, Role};
use llmlite_openai::chat::tool::Called;
use std::borrow::Cow;

#[test]
#[rustfmt::skip]
fn a_body_nested_too_deeply_is_refused_without_a_crash() {
    let deep = 200_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let bomb = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        refused(&with_field(&format!(r#""x":{}"#, open.repeat(deep))), NotJson, None, "not valid JSON");
        for field in ["response_format", "tool_choice", "stop", "tools"] {
            let error = error(&with_field(&format!(r#""{field}":{bomb}"#)));
            assert_eq!(error.kind, Invalid, "{error}");
            assert!(error.param.is_some_and(|param| param.starts_with(field)));
        }
        for field in ["input", "system", "thinking"] {
            let bomb = format!(r#""{field}":{bomb}"#);
            assert_eq!(parsed(&with_field(&bomb)).unknown, [field]);
            let conversation = if field == "input" { "" } else { r#""input":"a","# };
            let error = error(&format!(r#"{{"model":"m",{conversation}{bomb}}}"#));
            assert_eq!(error.kind, Invalid, "{error}");
            assert!(error.param.is_some_and(|param| param.starts_with(field)));
        }
        let place = if open == "[" { "messages[0].content[0]" } else { "messages[0].content" };
        refused_messages(&format!(r#"[{{"role":"user","content":{bomb}}}]"#), place, "expected");
        // What is only passed over may be as deep as it likes.
        parsed(&with_field(&format!(r#""metadata":{bomb},"x":{bomb},"logit_bias":{bomb},"prompt_cache_options":{bomb}"#)));
        parsed(&with_messages(&format!(r#"[{{"role":"assistant","reasoning_details":{bomb},"cache_control":{bomb}}}]"#)));
    }
}

#[test]
fn a_result_within_a_result_is_not_read_however_deep_they_go() {
    let blocks = |levels: usize| {
        let open = r#"[{"type":"tool_result","tool_use_id":"a","content":"#;
        format!("{}\"x\"{}", open.repeat(levels), "}]".repeat(levels))
    };
    for levels in [2, 70, 50_000] {
        let blocks = blocks(levels);
        let body = with_messages(&format!(r#"[{{"role":"user","content":{blocks}}}]"#));
        inner_result(&parsed(&body));

        let item = r#"{"type":"function_call_output","call_id":"a","output":"#;
        let body = format!(r#"{{"model":"m","input":[{item}{blocks}}}]}}"#);
        inner_result(&parsed(&body));
    }
}

/// Checks that the first part is a result with a part of no known kind in it.
#[track_caller]
fn inner_result(request: &ChatRequest<'_>) {
    let PartKind::ToolResult(result) = first(request.messages[0].content.as_ref()) else {
        panic!("a result was expected")
    };
    match first(result.content.as_ref()) {
        PartKind::Other { kind } => assert_eq!(kind, "tool_result"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn first<'a>(content: Option<&'a Content<'a>>) -> &'a PartKind<'a> {
    match content {
        Some(Content::Parts(parts)) => &parts[0].kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_names_of_unknown_fields_are_bounded() {
    let names: String = (0..100_000).map(|n| format!(r#","x{n}":1"#)).collect();
    let body = format!(
        r#"{{"model":"m","messages":[],"{}":1{names}}}"#,
        "é".repeat(1000)
    );
    let unknown = parsed(&body).unknown;
    assert_eq!(unknown.len(), 33);
    assert_eq!(unknown[0], "é".repeat(64));
    assert_eq!(unknown[31], "x30");
    assert_eq!(unknown[32], "...");
}

#[test]
fn nothing_is_said_to_be_left_out_of_the_names_when_all_are_there() {
    let names: String = (0..32).map(|n| format!(r#","x{n}":1"#)).collect();
    let body = format!(r#"{{"model":"m","messages":[]{names},"x0":1}}"#);
    let unknown = parsed(&body).unknown;
    assert_eq!(unknown.len(), 32);
    assert_eq!(unknown[31], "x31");
}

#[expect(clippy::ptr_arg, reason = "whether it owns the text is the question")]
#[track_caller]
fn borrowed(text: &Cow<'_, str>) {
    assert!(matches!(text, Cow::Borrowed(_)), "{text} was copied");
}

#[test]
fn text_without_escapes_stays_in_the_body() {
    let body = r#"{"model":"m","reasoning_effort":"low","service_tier":"auto","stop":["é"],
      "system":"be brief","tools":[{"name":"f","description":"d","input_schema":{}}],
      "tool_choice":{"type":"tool","name":"f"},
      "messages":[
       {"role":"user","content":"hi"},
       {"role":"user","content":[{"type":"text","text":"hi"},
         {"type":"image_url","image_url":{"url":"u"}},{"type":"image_url","image_url":"u"},
         {"type":"image","source":{"type":"base64","data":"d"}},
         {"type":"file","file":{"file_data":"d"}},{"type":"input_file","file_data":"d"}]},
       {"role":"assistant","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}],
        "tool_calls":[{"id":"a","function":{"name":"f","arguments":"[1]"}}]},
       {"role":"tool","tool_call_id":"a","content":"x"}]}"#;
    let request = parsed(body);
    borrowed(&request.model);
    borrowed(request.reasoning_effort.as_ref().expect("given"));
    borrowed(request.service_tier.as_ref().expect("given"));
    borrowed(&request.stop.as_ref().expect("given").0[0]);
    assert!(matches!(
        &request.instructions,
        Some(Content::Text(Cow::Borrowed(_)))
    ));
    assert!(matches!(
        &request.messages[0].content,
        Some(Content::Text(Cow::Borrowed(_)))
    ));
    let Some(Content::Parts(parts)) = &request.messages[1].content else {
        panic!("parts expected")
    };
    for part in parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Image(Image::Url(text) | Image::Base64(text)) => {
                borrowed(text)
            }
            PartKind::File(FilePart { file_data, .. }) => {
                borrowed(file_data.as_ref().expect("given"))
            }
            other => panic!("{other:?}"),
        }
    }
    let Role::Assistant(assistant) = &request.messages[2].role else {
        panic!("assistant expected")
    };
    let Called::Function(call) = &assistant.tool_calls[0].call else {
        panic!("function expected")
    };
    borrowed(&assistant.tool_calls[0].id);
    borrowed(&call.name);
    borrowed(&call.arguments);
    let Role::Tool { tool_call_id } = &request.messages[3].role else {
        panic!("tool expected")
    };
    borrowed(tool_call_id);
}

#[test]
fn a_large_picture_is_not_copied() {
    let data = "iVBORw0K".repeat(500_000);
    for part in [
        format!(r#"{{"type":"image_url","image_url":{{"url":"{data}"}}}}"#),
        format!(r#"{{"type":"image","source":{{"data":"{data}","type":"base64"}}}}"#),
    ] {
        let body = with_messages(&format!(r#"[{{"role":"user","content":[{part}]}}]"#));
        let request = parsed(&body);
        let Some(Content::Parts(parts)) = &request.messages[0].content else {
            panic!("parts expected")
        };
        let PartKind::Image(Image::Url(text) | Image::Base64(text)) = &parts[0].kind else {
            panic!("picture expected")
        };
        borrowed(text);
        assert_eq!(text.len(), data.len());
        assert!(body.as_bytes().as_ptr_range().contains(&text.as_ptr()));
    }
}
