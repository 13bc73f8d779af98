//! The fate of each field, and strict mode, which refuses what would change the answer.

use llmlite_openai::ChatRequest;
use llmlite_translator::{EncodeError, Model, Options, Sampling};

use crate::{HI, encoded_with, models, request, taken};

/// What becomes of a field with some value that is not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It does what the client means, in the body or in the gateway.
    Honoured,
    /// It has no effect and needs none.
    Harmless,
    /// It has no effect, and the answer is another one than asked for.
    Harmful,
    /// It cannot be had.
    Refused,
}

const STRICT: Options = Options {
    strict: true,
    cache: llmlite_translator::CachePoints::Automatic,
    thoughtless: false,
    most_output: None,
};

/// Every field that a request may have, with a value.
#[rustfmt::skip]
const FIELDS: [(&str, &str, Fate); 51] = {
    use Fate::{Harmful, Harmless, Honoured, Refused};
    [
        ("model",                  r#""m""#,                                     Honoured),
        ("messages",               HI,                                           Honoured),
        ("stream",                 "true",                                       Honoured),
        ("stream_options",         r#"{"include_usage":true}"#,                  Honoured),
        ("max_completion_tokens",  "9",                                          Honoured),
        ("max_tokens",             "9",                                          Honoured),
        ("temperature",            "0.5",                                        Honoured),
        ("top_p",                  "0.5",                                        Honoured),
        ("top_k",                  "5",                                          Honoured),
        ("stop",                   r#""x""#,                                     Honoured),
        ("tools",                  r#"[{"function":{"name":"f"}}]"#,             Honoured),
        ("tool_choice",            r#""none""#,                                  Honoured),
        ("parallel_tool_calls",    "false",                                      Honoured),
        ("functions",              r#"[{"name":"f"}]"#,                          Honoured),
        ("function_call",          r#""none""#,                                  Honoured),
        ("response_format",        r#"{"type":"json_schema","json_schema":{"schema":{"type":"object","properties":{}}}}"#, Honoured),
        ("n",                      "2",                                          Refused),
        ("logprobs",               "true",                                       Refused),
        ("top_logprobs",           "2",                                          Refused),
        ("logit_bias",             r#"{"1":2}"#,                                 Harmful),
        ("frequency_penalty",      "0.5",                                        Harmful),
        ("presence_penalty",       "-0.5",                                       Harmful),
        ("modalities",             r#"["text","audio"]"#,                        Refused),
        ("audio",                  "{}",                                         Refused),
        ("web_search_options",     "{}",                                         Refused),
        ("moderation",             "{}",                                         Harmless),
        ("reasoning_effort",       r#""low""#,                                   Honoured),
        ("thinking",               r#"{"type":"enabled","budget_tokens":2000}"#, Honoured),
        ("service_tier",           r#""flex""#,                                  Harmful),
        ("store",                  "true",                                       Harmless),
        ("seed",                   "7",                                          Harmful),
        ("user",                   r#""u""#,                                     Harmless),
        ("safety_identifier",      r#""u""#,                                     Harmless),
        ("metadata",               r#"{"a":"b"}"#,                               Harmless),
        ("verbosity",              r#""low""#,                                   Harmful),
        ("prediction",             r#"{"type":"content","content":"x"}"#,        Harmless),
        ("prompt_cache_key",       r#""k""#,                                     Harmless),
        ("prompt_cache_retention", r#""24h""#,                                   Harmless),
        ("prompt_cache_options",   r#"{"mode":"implicit"}"#,                     Honoured),
        ("system",                 r#""s""#,                                     Honoured),
        ("stop_sequences",         r#"["x"]"#,                                   Honoured),
        ("output_config",          r#"{"effort":"low"}"#,                        Honoured),
        ("input",                  r#""hi""#,                                    Honoured),
        ("instructions",           r#""s""#,                                     Honoured),
        ("max_output_tokens",      "9",                                          Honoured),
        ("reasoning",              r#"{"effort":"low"}"#,                        Honoured),
        ("text",                   r#"{"format":{"type":"text"}}"#,              Honoured),
        // What is kept elsewhere adds nothing to a conversation that is here, as far as one can tell.
        ("previous_response_id",   r#""r""#,                                     Harmful),
        ("conversation",           r#""c""#,                                     Harmful),
        ("prompt",                 r#"{"id":"p"}"#,                              Harmful),
        // A field that nobody knows may have been meant to change the answer.
        ("unheard_of",             "1",                                          Harmful),
    ]
};

/// A request with this field, and no more than has to go with it.
fn with(field: &str, value: &str) -> String {
    let given = format!(r#""{field}":{value}"#);
    match field {
        "model" => format!(r#"{{{given},"messages":{HI}}}"#),
        "messages" | "input" => format!(r#"{{"model":"m",{given}}}"#),
        "tool_choice" => request(
            HI,
            &format!(r#","tools":[{{"function":{{"name":"f"}}}}],{given}"#),
        ),
        "function_call" => request(HI, &format!(r#","functions":[{{"name":"f"}}],{given}"#)),
        _ => request(HI, &format!(",{given}")),
    }
}

#[test]
fn every_field_has_its_fate() {
    let model = models::schemas();
    for (field, value, fate) in FIELDS {
        let request = with(field, value);
        let lax = encoded_with(&model, &request, Options::default());
        let strict = encoded_with(&model, &request, STRICT);
        let refusal = |result: &Result<_, EncodeError>| {
            result
                .as_ref()
                .err()
                .and_then(|error| error.param().map(str::to_owned))
        };
        let named = |name: &str| Some(name.to_owned());
        let ignored = lax
            .as_ref()
            .map(|encoded| encoded.ignored.clone())
            .unwrap_or_default();
        let got = (refusal(&lax), refusal(&strict), ignored.len());
        let want = match fate {
            Fate::Honoured => (None, None, 0),
            Fate::Harmless => (None, None, 1),
            Fate::Harmful => (None, named(field), 1),
            Fate::Refused => (named(field), named(field), 0),
        };
        assert_eq!(got, want, "{field}");
        assert!(
            ignored.iter().all(|name| name == field),
            "{field}: {ignored:?}"
        );
        if let Ok(encoded) = lax {
            assert!(
                encoded.adjusted.is_empty(),
                "{field}: {:?}",
                encoded.adjusted
            );
        }
    }
}

#[test]
fn no_field_is_without_a_fate() {
    let mut known: Vec<&str> = ChatRequest::FIELDS.to_vec();
    let mut listed: Vec<&str> = FIELDS.iter().map(|(field, ..)| *field).collect();
    listed.retain(|field| *field != "unheard_of");
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(known, listed);
}

#[test]
fn strict_mode_names_every_field_and_points_at_the_first() {
    let fields =
        r#","seed":1,"user":"u","temperature":2,"stop":["x"," "],"unheard_of":1,"top_k":900"#;
    let error = encoded_with(&models::plain(), &request(HI, fields), STRICT).expect_err("strict");
    assert_eq!(error.param(), Some("seed"));
    assert_eq!(
        error.to_string(),
        "seed: strict mode is on, and the model cannot honour this as it stands; leave out seed, unheard_of, \
         temperature, top_k, stop, or send the request without strict mode"
    );
    let (encoded, _) = taken(&models::plain(), &request(HI, fields));
    assert_eq!(encoded.ignored, ["seed", "user", "unheard_of"]);
    assert_eq!(encoded.adjusted, ["temperature", "top_k", "stop"]);
}

#[test]
fn strict_mode_changes_no_body() {
    let fields =
        r#","user":"u","max_tokens":9,"temperature":0.5,"store":true,"reasoning_effort":"none""#;
    for (name, model) in models::all() {
        let model = Model {
            sampling: Sampling::Both,
            thinking: llmlite_translator::Thinking::None,
            ..model
        };
        let strict = encoded_with(&model, &request(HI, fields), STRICT).expect(name);
        let (lax, _) = taken(&model, &request(HI, fields));
        assert_eq!(strict.body, lax.body);
        assert_eq!(strict.ignored, ["user", "store"]);
    }
}

#[test]
#[rustfmt::skip]
fn strict_mode_refuses_what_the_model_cannot_do_and_takes_what_costs_nothing() {
    let check = |model: &Model, fields: &str, want: Option<&str>| {
        let refused = encoded_with(model, &request(HI, &format!(",{fields}")), STRICT).err();
        assert_eq!(refused.as_ref().and_then(EncodeError::param), want, "{fields}");
    };
    let (plain, budget, adaptive) = (models::plain(), models::budget(), models::adaptive());
    check(&plain,    r#""temperature":1"#,                                None);
    check(&plain,    r#""temperature":1.5"#,                              Some("temperature"));
    check(&adaptive, r#""temperature":1"#,                                None);
    check(&adaptive, r#""temperature":0.9"#,                              Some("temperature"));
    check(&plain,    r#""reasoning_effort":"low""#,                       Some("reasoning_effort"));
    check(&budget,   r#""reasoning_effort":"low""#,                       None);
    check(&budget,   r#""reasoning_effort":"high","max_tokens":4096"#,    None);
    check(&budget,   r#""reasoning_effort":"high","max_tokens":1000"#,    Some("reasoning_effort"));
    check(&budget,   r#""thinking":{"type":"enabled","budget_tokens":9000},"max_tokens":4096"#, Some("thinking"));
    check(&models::thinker(), r#""reasoning_effort":"none""#,             Some("reasoning_effort"));
    check(&models::both(), r#""reasoning_effort":"xhigh""#,               None);
    check(&plain,    r#""max_tokens":1000000"#,                           Some("max_tokens"));
    check(&plain,    r#""stop":["\n"]"#,                                  Some("stop"));
    check(&plain,    r#""tools":[],"n":1,"logit_bias":{},"seed":null"#,   None);
}

#[test]
fn a_flood_of_unknown_fields_is_not_repeated_to_its_end() {
    let fields: String = (0..3000).map(|n| format!(r#","f{n}":1"#)).collect();
    let body = request(HI, &fields);
    let (encoded, _) = taken(&models::plain(), &body);
    assert_eq!(encoded.ignored.first().map(AsRef::as_ref), Some("f0"));
    assert!(encoded.ignored.len() < 100);
    let error = encoded_with(&models::plain(), &body, STRICT)
        .expect_err("strict")
        .to_string();
    assert!(error.contains("f19 and ") && error.len() < 1000, "{error}");
    let long = request(HI, &format!(r#","\n{}":1"#, "x".repeat(1000)));
    let error = encoded_with(&models::plain(), &long, STRICT)
        .expect_err("strict")
        .to_string();
    assert!(error.len() < 400 && !error.contains('\n'), "{error}");
}
