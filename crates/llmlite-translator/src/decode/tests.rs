//! What clients are told of an answer: the same whole and streamed, in whatever form they want it.

mod answer;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::narrator::compact;
use crate::reply::Reply;
use answer::{Answer, Block, Told};

fn custom() -> Reply {
    Reply {
        custom: vec!["shell_x".to_owned()],
        renamed: vec![("shell_x".to_owned(), "shell.x".to_owned())],
        ..Reply::default()
    }
}

fn legacy() -> Reply {
    Reply {
        legacy: true,
        ..Reply::default()
    }
}

fn answer_tool() -> Reply {
    Reply {
        answer_tool: Some("answer".to_owned()),
        ..Reply::default()
    }
}

fn fenced() -> Reply {
    Reply {
        fenced: true,
        ..Reply::default()
    }
}

fn text(text: &str) -> Block {
    Block::Text(text.to_owned())
}

fn call(id: &str, name: &str, input: &str) -> Block {
    Block::Call {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
    }
}

fn thought(text: &str, signature: &str) -> Block {
    Block::Thought {
        text: text.to_owned(),
        signature: signature.to_owned(),
    }
}

fn sealed(data: &str) -> Block {
    Block::Sealed(data.to_owned())
}

/// Checks what is told besides the fields that are `null` or left out.
#[track_caller]
fn check(reply: &Reply, blocks: &[Block], stop: &str, want: &Value) {
    let answer = Answer {
        blocks: blocks.to_vec(),
        stop: stop.to_owned(),
        explanation: None,
    };
    assert_eq!(&answer.whole(reply).spoken(), want, "whole");
    assert_eq!(&answer.streamed(reply, &[]).spoken(), want, "streamed");
    assert_eq!(
        &answer.streamed(reply, &[true; 200]).spoken(),
        want,
        "streamed, one character at a time"
    );
}

#[test]
fn thoughts_come_with_their_signatures() {
    let blocks = [
        thought("Let me see.", "EqQB"),
        sealed("c2VhbGVk"),
        thought("", "alone"),
        thought("unsigned", ""),
        text("Yes."),
    ];
    let want = json!({
        "content": "Yes.",
        "reasoning_content": "Let me see.unsigned",
        "reasoning_details": [
            {"type":"reasoning.text","text":"Let me see.","signature":"EqQB","format":"anthropic-claude-v1","index":0},
            {"type":"reasoning.encrypted","data":"c2VhbGVk","format":"anthropic-claude-v1","index":1},
            {"type":"reasoning.text","text":"","signature":"alone","format":"anthropic-claude-v1","index":2},
        ],
        "finish_reason": "stop",
    });
    check(&Reply::default(), &blocks, "end_turn", &want);
}

#[test]
fn the_arguments_of_the_answer_tool_are_the_answer() {
    let json = r#"{"a":[1.50,"b c"]}"#;
    let only = json!({ "content": json, "finish_reason": "stop" });
    let check = |blocks: &[Block], stop: &str, want: &Value| {
        check(&answer_tool(), blocks, stop, want);
    };
    check(&[call("t1", "answer", json)], "tool_use", &only);
    check(
        &[text("Here: "), call("t1", "answer", json)],
        "tool_use",
        &only,
    );
    check(
        &[call("t1", "answer", json), text("Done.")],
        "end_turn",
        &only,
    );
    check(
        &[
            call("t1", "answer", json),
            call("t2", "answer", "{\"a\":2}"),
        ],
        "tool_use",
        &only,
    );
    check(
        &[call("t1", "answer", "{}")],
        "tool_use",
        &json!({ "content": "{}", "finish_reason": "stop" }),
    );
    check(
        &[call("t1", "answer", json)],
        "max_tokens",
        &json!({ "content": json, "finish_reason": "length" }),
    );
}

#[test]
fn without_a_call_of_the_answer_tool_the_text_is_the_answer() {
    let check = |blocks: &[Block], stop: &str, want: &Value| {
        check(&answer_tool(), blocks, stop, want);
    };
    check(
        &[text("{\"a\""), text(":1}")],
        "end_turn",
        &json!({ "content": "{\"a\":1}", "finish_reason": "stop" }),
    );
    check(
        &[text("```json\n{\"a\":1}\n```")],
        "end_turn",
        &json!({ "content": "{\"a\":1}", "finish_reason": "stop" }),
    );
    let weather =
        json!([{"id":"t1","type":"function","function":{"name":"weather","arguments":"{}"}}]);
    check(
        &[text("Looking."), call("t1", "weather", "{}")],
        "tool_use",
        &json!({ "content": "Looking.", "tool_calls": weather, "finish_reason": "tool_calls" }),
    );
}

#[test]
fn other_calls_beside_the_answer_have_to_be_made() {
    let blocks = [
        call("t1", "answer", "{\"a\":1}"),
        call("t2", "weather", "{\"b\":2}"),
    ];
    let want = json!({
        "content": "{\"a\":1}",
        "tool_calls": [{"id":"t2","type":"function","function":{"name":"weather","arguments":"{\"b\":2}"}}],
        "finish_reason": "tool_calls",
    });
    check(&answer_tool(), &blocks, "tool_use", &want);
}

#[test]
fn a_fence_around_the_answer_is_taken_off_across_blocks() {
    let told = |content: &str| json!({ "content": content, "finish_reason": "stop" });
    let blocks = [text("```js"), text("on\n{}\n`"), text("``\n")];
    check(&fenced(), &blocks, "end_turn", &told("{}"));
    let blocks = [text("No ```fence``` here.")];
    check(
        &fenced(),
        &blocks,
        "end_turn",
        &told("No ```fence``` here."),
    );
    let blocks = [text("```json\n{}\n```")];
    check(
        &Reply::default(),
        &blocks,
        "end_turn",
        &told("```json\n{}\n```"),
    );
}

#[test]
fn plain_text_comes_out_of_the_calls_of_custom_tools() {
    let blocks = [
        call("t1", "shell_x", r#"{"input":"ls \"a\\b\"\n\ud83d\ude00"}"#),
        call("t2", "weather", r#"{"input":"a"}"#),
        call("t3", "shell_x", r#"{"cmd":"ls"}"#),
        call("t4", "shell_x", "{}"),
    ];
    let want = json!({
        "tool_calls": [
            {"id":"t1","type":"custom","custom":{"name":"shell.x","input":"ls \"a\\b\"\n😀"}},
            {"id":"t2","type":"function","function":{"name":"weather","arguments":"{\"input\":\"a\"}"}},
            {"id":"t3","type":"custom","custom":{"name":"shell.x","input":"{\"cmd\":\"ls\"}"}},
            {"id":"t4","type":"custom","custom":{"name":"shell.x","input":""}},
        ],
        "finish_reason": "tool_calls",
    });
    check(&custom(), &blocks, "tool_use", &want);
}

#[test]
fn what_came_of_a_cut_input_is_told() {
    for (cut, input) in [(r#"{"input":"a\"#, "a"), (r#"{"inp"#, r#"{"inp"#)] {
        let answer = Answer {
            blocks: vec![call("t1", "shell_x", cut)],
            stop: "max_tokens".to_owned(),
            explanation: None,
        };
        let want = json!({
            "tool_calls": [{"id":"t1","type":"custom","custom":{"name":"shell.x","input":input}}],
            "finish_reason": "length",
        });
        assert_eq!(answer.streamed(&custom(), &[]).spoken(), want);
    }
}

#[test]
fn a_client_that_offered_functions_gets_one_call_of_one() {
    let function = json!({"name":"weather","arguments":"{\"a\":1}"});
    let want = json!({ "function_call": function, "finish_reason": "function_call" });
    let first = call("t1", "weather", "{\"a\":1}");
    check(&legacy(), std::slice::from_ref(&first), "tool_use", &want);
    let second = call("t2", "clock", "{}");
    check(&legacy(), &[first, second], "tool_use", &want);
}

#[test]
fn a_refusal_says_so_and_keeps_what_was_said_before() {
    let declined = "The model declined to answer this request.";
    let want = json!({ "refusal": declined, "finish_reason": "content_filter" });
    check(&Reply::default(), &[], "refusal", &want);
    let want = json!({ "content": "I", "refusal": declined, "finish_reason": "content_filter" });
    check(&Reply::default(), &[text("I")], "refusal", &want);
    check(&answer_tool(), &[text("I")], "refusal", &want);
    check(&fenced(), &[text("I")], "refusal", &want);
    let want = json!({ "content": "I", "finish_reason": "content_filter" });
    check(
        &Reply::default(),
        &[text("I")],
        "guardrail_intervened",
        &want,
    );
}

#[test]
#[rustfmt::skip]
fn a_refusal_is_told_in_the_models_own_words_if_it_has_any() {
    let check = |explanation: Value, want: &str| {
        let answer = Answer { blocks: vec![], stop: "refusal".to_owned(), explanation: Some(explanation) };
        let whole = answer.whole(&Reply::default());
        assert_eq!(whole.refusal, want);
        assert_eq!(answer.streamed(&Reply::default(), &[]), whole);
    };
    let declined = "The model declined to answer this request.";
    check(json!({"type":"refusal","category":"cyber","explanation":"Not that."}), "Not that.");
    check(json!({"type":"refusal","category":null,"explanation":null}),           declined);
    check(json!({"explanation":" "}),                                             declined);
    check(json!({"explanation":7}),                                               declined);
    check(json!("no"),                                                            declined);
    check(Value::Null,                                                            declined);
}

#[test]
fn arguments_lose_only_the_blanks_between_their_tokens() {
    let json =
        serde_json::from_str("{ \"a b\" :\n[1.10, \"c \\\" d\\\\\" ] }").expect("it is JSON");
    assert_eq!(compact(json), "{\"a b\":[1.10,\"c \\\" d\\\\\"]}");
}

fn replies() -> impl Strategy<Value = Reply> {
    let beside = Reply {
        custom: vec!["shell_x".to_owned()],
        ..answer_tool()
    };
    prop_oneof![
        Just(Reply::default()),
        Just(custom()),
        Just(legacy()),
        Just(answer_tool()),
        Just(beside),
        Just(fenced()),
    ]
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let words = || prop_oneof!["\\PC{0,12}", "[` \n{}json]{0,12}", "```json\n\\{\\}\n```"];
    let input = prop_oneof![
        Just("{}".to_owned()),
        words().prop_map(|text| json!({ "input": text }).to_string()),
        words().prop_map(|text| json!({ "input": text, "n": 1.5 }).to_string()),
        words().prop_map(|text| json!({ "k": [text, null] }).to_string()),
    ];
    let name = prop_oneof![Just("shell_x"), Just("answer"), Just("weather")];
    let block = prop_oneof![
        words().prop_map(Block::Text),
        (words(), "[a-z]{0,6}").prop_map(|(text, signature)| thought(&text, &signature)),
        "[a-z]{0,6}".prop_map(Block::Sealed),
        (name, input).prop_map(|(name, input)| call("", name, &input)),
        Just(Block::Unknown),
    ];
    prop::collection::vec(block, 0..6).prop_map(numbered)
}

/// Gives every call an id of its own.
fn numbered(mut blocks: Vec<Block>) -> Vec<Block> {
    for (number, block) in blocks.iter_mut().enumerate() {
        if let Block::Call { id, .. } = block {
            *id = format!("toolu_{number}");
        }
    }
    blocks
}

fn answers() -> impl Strategy<Value = Answer> {
    let stop = prop_oneof![
        Just("end_turn"),
        Just("tool_use"),
        Just("max_tokens"),
        Just("refusal"),
        Just("content_filtered"),
        Just("something_new"),
    ];
    (blocks(), stop).prop_map(|(blocks, stop)| Answer {
        blocks,
        stop: stop.to_owned(),
        explanation: None,
    })
}

proptest! {
    #[test]
    fn a_stream_says_what_the_whole_answer_says_however_it_is_cut(
        answer in answers(),
        reply in replies(),
        cuts in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let whole: Told = answer.whole(&reply);
        assert_eq!(answer.streamed(&reply, &cuts), whole);
    }
}
