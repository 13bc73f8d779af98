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
        for field in ["response_format", "tool_choice", "stop", "input", "system", "tools", "thinking"] {
            let error = error(&with_field(&format!(r#""{field}":{bomb}"#)));
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
fn results_within_results_end_at_the_limit_of_nesting() {
    let blocks = |levels: usize| {
        let open = r#"[{"type":"tool_result","tool_use_id":"a","content":"#;
        format!("{}\"x\"{}", open.repeat(levels), "}]".repeat(levels))
    };
    let nested = |levels| {
        let blocks = blocks(levels);
        with_messages(&format!(r#"[{{"role":"user","content":{blocks}}}]"#))
    };
    parsed(&nested(60));
    refused(&nested(70), NotJson, None, "recursion limit exceeded");
    refused(&nested(50_000), NotJson, None, "recursion limit exceeded");

    let item = |levels| {
        let output = blocks(levels);
        let item = r#"{"type":"function_call_output","call_id":"a","output":"#;
        format!(r#"{{"model":"m","input":[{item}{output}}}]}}"#)
    };
    parsed(&item(60));
    let param = Some("input[0].output");
    refused(&item(70), Invalid, param, "nested too deeply");
    refused(&item(50_000), Invalid, param, "nested too deeply");
}

#[test]
fn the_names_of_unknown_fields_are_bounded() {
    let names: String = (0..100_000).map(|n| format!(r#","x{n}":1"#)).collect();
    let body = format!(
        r#"{{"model":"m","messages":[],"{}":1{names}}}"#,
        "é".repeat(1000)
    );
    let unknown = parsed(&body).unknown;
    assert_eq!(unknown.len(), 32);
    assert_eq!(unknown[0], "é".repeat(64));
    assert_eq!(unknown[31], "x30");
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
