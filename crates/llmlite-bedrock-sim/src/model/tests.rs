use serde_json::{Value, json};

use super::*;
use crate::wire::Dialect;

/// A body with a text and whatever else the case needs.
fn body(text: &str, more: Value) -> Value {
    let mut body = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": text}],
    });
    let Value::Object(more) = more else {
        panic!("more members come as an object")
    };
    body.as_object_mut().unwrap().extend(more);
    body
}

fn answer_to(body: &Value) -> Answer {
    let request = Dialect::Invoke
        .read(body.to_string().as_bytes(), "sim.claude")
        .unwrap();
    let (wishes, done) = wishes(&request.talk);
    answer(&request.talk, &wishes, done)
}

/// What was said in short: `text`, `name(input)` or `thinking`.
fn shown(answer: &Answer) -> String {
    let said = answer.said.iter().map(|said| match said {
        Said::Thinking { .. } => "thinking".to_owned(),
        Said::Redacted { .. } => "redacted".to_owned(),
        Said::Odd => "odd".to_owned(),
        Said::Text(text) => text.clone(),
        Said::Call { name, input, .. } => format!("{name}({input})"),
    });
    said.collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn check(text: &str, more: Value, want: &str) {
    let answer = answer_to(&body(text, more));
    assert_eq!(shown(&answer), want, "{text}");
    let calls = answer
        .said
        .iter()
        .any(|said| matches!(said, Said::Call { .. }));
    assert_eq!(calls, answer.stop == Stop::ToolUse, "{text}");
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| {
        let schema = json!({"type": "object", "properties": {"input": {"type": "integer"}}});
        json!({"name": name, "input_schema": schema})
    };
    Value::Array(names.iter().map(tool).collect())
}

#[test]
#[rustfmt::skip]
fn markers_say_what_is_answered() {
    let add = || json!({"tools": tools(&["add", "sub"])});
    let single = || json!({"tools": tools(&["add", "sub"]), "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}});
    let none = || json!({"tools": tools(&["add", "sub"]), "tool_choice": {"type": "none"}});
    let any = || json!({"tools": tools(&["add", "sub"]), "tool_choice": {"type": "any"}});
    let only_sub = || json!({"tools": tools(&["add", "sub"]), "tool_choice": {"type": "tool", "name": "sub"}});
    let schema = || json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}}});

    check("[[sim:say good day]]",                                  json!({}), "good day");
    check("[[sim:say b64:Z29vZCBkYXk]]",                           json!({}), "good day");
    check("[[sim:long 3]]",                                        json!({}), "The river runs.");
    check("[[sim:call add {\"input\":  7}]]",                      add(),     "add({\"input\":  7})");
    check("[[sim:call mul|sub|add {}]]",                           add(),     "sub({})");
    check("[[sim:call add {}]][[sim:call sub {}]]",                add(),     "add({})");
    check("[[sim:call add {}]][[sim:call sub {}]][[sim:parallel]]", add(),    "add({}) | sub({})");
    check("[[sim:call add {}]][[sim:call sub {}]][[sim:parallel]]", single(), "add({})");
    check("[[sim:call mul {}]] [[sim:say no]]",                    add(),     "no");
    check("[[sim:call add {}]] [[sim:say no]]",                    none(),    "no");
    check("[[sim:call add {}]] [[sim:say no]]",                    json!({}), "no");
    check("[[sim:say no]]",                                        any(),     "add({\"input\":1})");
    check("[[sim:json {\"x\": 1}]]",                               any(),     "add({\"x\": 1})");
    check("[[sim:json {\"x\": 1.0}]]",                             schema(),  "{\"x\": 1.0}");
    check("[[sim:call add {}]]",                                   only_sub(), "sub({\"input\":1})");
    check("[[sim:think]] [[sim:say no]]",                          json!({"thinking": {"type": "adaptive"}}), "thinking | no");
    check("[[sim:say no]]",                                        json!({"thinking": {"type": "adaptive"}}), "no");
    check("[[sim:say no]]",                                        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), "thinking | no");
    check("[[sim:think]] [[sim:say no]]",                          json!({}), "no");
    check("[[sim:redact]] [[sim:say no]]",                         json!({}), "no");
    check("[[sim:redact]] [[sim:say no]]",                         json!({"thinking": {"type": "adaptive"}}), "redacted | no");
    check("[[sim:redact]] [[sim:say no]]",                         json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), "redacted | no");
    check("[[sim:think]] [[sim:redact]] [[sim:say no]]",           json!({"thinking": {"type": "adaptive"}}), "thinking | redacted | no");
    check("[[sim:preface Let me see.]] [[sim:say no]]",            json!({}), "no");
    check("[[sim:preface Let me see.]] [[sim:call add {}]] [[sim:call sub {}]] [[sim:parallel]] [[sim:think]]",
        json!({"thinking": {"type": "adaptive"}, "tools": tools(&["add", "sub"])}), "thinking | Let me see. | add({}) | sub({})");
}

#[test]
#[rustfmt::skip]
fn without_markers_the_rules_decide() {
    let magic = || json!({"tools": tools(&["magic_function", "get_weather"])});
    let finals = || json!({"tools": tools(&["search", "final_result"]), "tool_choice": {"type": "any"}});
    let four = || json!({"tools": tools(&["get_weather", "b", "c", "d"])});
    let none = || json!({"tools": tools(&["get_weather"]), "tool_choice": {"type": "none"}});
    let person = || json!({"output_config": {"format": {"type": "json_schema", "schema":
        {"type": "object", "additionalProperties": false, "properties": {"first_name": {"type": "string"}, "age": {"type": "integer"}}}}}});
    let json_mode = || json!({"system": "answer with one JSON object and nothing else"});
    let prose = |text: &str| format!("You wrote: {text}. I am the simulator, so this short answer is all I have to say about it.");

    check("what is magic_function(3)?",               magic(),     "magic_function({\"input\":3})");
    check("use magic_function, please",               magic(),     "magic_function({\"input\":1})");
    check("what is the weather in Leeds",             magic(),     "get_weather({\"input\":1})");
    check("hello",                                    magic(),     &prose("hello"));
    check("hello",                                    finals(),    "final_result({\"input\":1})");
    check("what is the weather in Leeds",             four(),      &prose("what is the weather in Leeds"));
    check("what is the weather in Leeds",             none(),      &prose("what is the weather in Leeds"));
    check("this is 'Erick', 27",                      person(),    "{\"first_name\":\"Erick\",\"age\":1}");
    check("a joke with `setup` and `punchline` keys", json_mode(), "{\"setup\":\"sample setup\",\"punchline\":\"sample punchline\"}");
    check("like {\"properties\": {\"n\": {\"type\": \"integer\"}}}", json_mode(), "{\"n\":1}");
    check("it's a dog's life, isn't it",              json!({}),   &prose("it's a dog's life, isn't it"));
}

#[test]
fn the_nth_call_comes_after_n_results() {
    let ask = "[[sim:call add {\"n\":1}]] [[sim:call sub {\"n\":2}]] [[sim:say done]]";
    let mut messages = vec![json!({"role": "user", "content": ask})];
    for (nth, want) in ["add({\"n\":1})", "sub({\"n\":2})", "done"]
        .into_iter()
        .enumerate()
    {
        let more = json!({"messages": messages, "tools": tools(&["add", "sub"])});
        check(ask, more, want);
        let id = format!("toolu_{nth}");
        messages.push(json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "add", "input": {}}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": "7"},
            {"type": "text", "text": "a reminder of the client"},
        ]}));
    }
}

#[test]
fn what_arrived_shows_in_the_answer() {
    let result = json!({"tools": tools(&["add"]), "messages": [
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "add", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "it is 42"}]}]},
    ]});
    check(
        "",
        result,
        "The tool answered: it is 42. That is all I needed.",
    );

    let source = json!({"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"});
    let text = json!({"type": "text", "media_type": "text/plain", "data": "four"});
    let seen = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": source},
        {"type": "document", "title": "notes", "source": text},
    ]}]});
    let want = "I can see a picture of type image/gif with 6 bytes and a document called notes of type text/plain with 4 bytes.";
    check("", seen, want);
}

#[test]
#[rustfmt::skip]
fn stop_sequences_and_the_token_limit_end_the_answer() {
    let add = tools(&["add"]);
    for (text, more, want, stop, tokens) in [
        ("[[sim:say one STOP two]]",  json!({"stop_sequences": ["STOP"]}),              "one ",          Stop::Sequence("STOP".into()), 2),
        ("[[sim:say one two END]]",   json!({"stop_sequences": ["STOP", "END", "wo"]}), "one t",         Stop::Sequence("wo".into()),   2),
        ("[[sim:say one two three]]", json!({"max_tokens": 2}),                         "one two",       Stop::MaxTokens,               2),
        ("[[sim:say one two three]]", json!({"max_tokens": 3}),                         "one two three", Stop::EndTurn,                 3),
        ("[[sim:say one two STOP]]",  json!({"max_tokens": 1, "stop_sequences": ["STOP"]}), "one",       Stop::MaxTokens,               1),
        ("[[sim:call add {\"text\":\"x\"}]]", json!({"max_tokens": 2, "tools": add}),   "add({\"text)", Stop::MaxTokens,              2),
    ] {
        let answer = answer_to(&body(text, more));
        let got = (shown(&answer), answer.stop.clone(), answer.output_tokens);
        assert_eq!(got, (want.to_owned(), stop, tokens), "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn the_model_refuses_or_stops_for_the_reason_that_is_wished() {
    let add = || json!({"tools": tools(&["add"])});
    for (text, more, want, stop) in [
        ("[[sim:refuse]]",                            json!({}),                "",          "refusal"),
        ("[[sim:refuse I had begun]]",                json!({}),                "I had begun", "refusal"),
        ("[[sim:refuse one two]]",                    json!({"max_tokens": 1}), "one",       "max_tokens"),
        ("[[sim:call add {}]] [[sim:refuse]]",        add(),                    "",          "refusal"),
        ("[[sim:stop pause_turn]] [[sim:say so]]",    json!({}),                "so",        "pause_turn"),
        ("[[sim:stop odd_reason]] [[sim:call add]]",  add(),                    "add({})",   "odd_reason"),
    ] {
        let answer = answer_to(&body(text, more));
        assert_eq!((shown(&answer).as_str(), answer.stop.reason()), (want, stop), "{text}");
        assert!(answer.output_tokens > 0, "{text}");
    }
}

#[test]
fn thinking_is_a_part_of_the_output_whether_it_is_shown_or_not() {
    let thinking = |more: Value| {
        let mut request = body("[[sim:think]] [[sim:say yes]]", json!({"thinking": more}));
        request["max_tokens"] = 40.into();
        answer_to(&request)
    };
    let shown = thinking(json!({"type": "adaptive", "display": "summarized"}));
    let hidden = thinking(json!({"type": "adaptive", "display": "omitted"}));
    for answer in [&shown, &hidden] {
        let thought = answer.thinking_tokens.unwrap();
        assert_eq!(
            (answer.output_tokens, answer.stop.clone()),
            (thought + 1, Stop::EndTurn)
        );
        let Said::Thinking {
            text, signature, ..
        } = &answer.said[0]
        else {
            panic!("it thinks first: {:?}", answer.said)
        };
        assert!(reasoning::is_genuine(text, signature), "{text}");
    }
    assert_eq!(shown.thinking_tokens, hidden.thinking_tokens);
    assert_eq!(answer_to(&body("hi", json!({}))).thinking_tokens, None);
}

#[test]
fn a_thought_that_the_token_limit_cuts_is_signed_as_it_stands() {
    let more = json!({"max_tokens": 5, "thinking": {"type": "adaptive"}});
    let answer = answer_to(&body("[[sim:think]]", more));
    let [
        Said::Thinking {
            text,
            signature,
            tokens,
        },
    ] = answer.said.as_slice()
    else {
        panic!("nothing but thought: {:?}", answer.said)
    };
    assert!(reasoning::is_genuine(text, signature) && !text.is_empty());
    assert_eq!((*tokens, answer.stop), (5, Stop::MaxTokens));
}

#[test]
fn the_window_ends_an_answer_that_outgrows_it() {
    let body = body("[[sim:long 50]]", json!({})).to_string();
    let mut talk = Dialect::Invoke
        .read(body.as_bytes(), "sim.claude")
        .unwrap()
        .talk;
    talk.room = 7;
    let (wishes, done) = wishes(&talk);
    let answer = answer(&talk, &wishes, done);
    assert_eq!((answer.output_tokens, answer.stop.reason()), (7, WINDOW));
}

#[test]
fn an_answer_depends_on_the_request_alone() {
    let request = body("tell me something", json!({}));
    assert_eq!(answer_to(&request).said, answer_to(&request).said);
    let other = body("tell me something else", json!({}));
    assert_ne!(answer_to(&request).said, answer_to(&other).said);
}

#[test]
fn faults_of_an_older_turn_are_forgotten() {
    let old = json!({"messages": [
        {"role": "user", "content": "[[sim:fault throttle]]"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "and now"},
    ]});
    for (more, faults) in [(json!({}), 1), (old, 0)] {
        let body = body("[[sim:fault throttle]]", more).to_string();
        let talk = Dialect::Invoke
            .read(body.as_bytes(), "sim.claude")
            .unwrap()
            .talk;
        let (mut wishes, _) = wishes(&talk);
        forget_old_faults(&talk, &mut wishes);
        assert_eq!(wishes.faults.len(), faults);
    }
}
