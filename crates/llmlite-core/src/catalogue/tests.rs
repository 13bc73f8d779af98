use super::*;

fn served(residency: &str, per_model: &[(&str, &str)]) -> ServedCatalogue {
    ServedCatalogue::new(
        &Catalogue::embedded(),
        &policy(residency, per_model),
        "eu-west-2",
    )
    .expect("the embedded catalogue can be served")
}

fn policy(residency: &str, per_model: &[(&str, &str)]) -> ResidencyPolicy {
    ResidencyPolicy {
        default: residency.parse().unwrap(),
        per_model: per_model
            .iter()
            .map(|(model, r)| ((*model).to_owned(), r.parse().unwrap()))
            .collect(),
    }
}

#[track_caller]
fn check(residency: &str, model: &str, id: &str) {
    match served(residency, &[]).find(model) {
        Some(Lookup::Served(m)) => assert_eq!(&*m.bedrock_model_id, id),
        other => panic!("{other:?}"),
    }
}

#[test]
#[rustfmt::skip]
fn a_friendly_name_leads_to_the_id_of_the_residency() {
    check("in-region", "claude-3-5-sonnet",          "anthropic.claude-3-5-sonnet-20241022-v2:0");
    check("in-region", "claude-3-opus",              "anthropic.claude-3-opus-20240229-v1:0");
    check("in-region", "claude-sonnet-4-5",          "anthropic.claude-sonnet-4-5-20250929-v1:0");
    check("in-region", "claude-sonnet-4-5-20250929", "anthropic.claude-sonnet-4-5-20250929-v1:0");
    check("eu",        "claude-sonnet-4-5",          "eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
    check("global",    "claude-opus-5",              "global.anthropic.claude-opus-5");
    // Where there is no such route, the widest one that is not wider.
    check("global",    "claude-3-5-sonnet",          "eu.anthropic.claude-3-5-sonnet-20241022-v2:0");
}

#[test]
fn every_embedded_entry_passes_the_checks_of_an_operators_entry() {
    let json = serde_json::to_string(&Catalogue::embedded()).unwrap();
    let again = Catalogue::parse(&json).unwrap();
    assert_eq!(again.models.len(), Catalogue::embedded().models.len());
    assert!(again.models.len() >= 15, "the current families are there");
}

#[test]
fn every_model_but_two_can_be_made_to_call_a_tool() {
    let all = Catalogue::embedded();
    let free = all
        .models
        .iter()
        .filter(|model| !model.abilities.forced_tool);
    let names: Vec<&str> = free.map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["claude-opus-5-5", "claude-sonnet-5-5"]);
    // An operator's entry need not mention it.
    let entry = entry("x", "in-region", "anthropic.x");
    assert!(entry.models.iter().all(|model| model.abilities.forced_tool));
}

const BUDGET: Thinking = Thinking::Budget;

/// Adaptive, as all models from 4.7 on: every effort, and thoughts only when asked for.
fn adaptive(off: ThinkingOff) -> Thinking {
    Thinking::Adaptive(Adaptive {
        off,
        budget: false,
        xhigh: true,
        max: true,
        hidden: true,
    })
}

/// Adaptive as the first models were: a budget is still taken, and thoughts are shown.
fn first_adaptive() -> Thinking {
    Thinking::Adaptive(Adaptive {
        off: ThinkingOff::Unasked,
        budget: true,
        xhigh: false,
        max: true,
        hidden: false,
    })
}

/// The cache is written as its smallest prompt, above zero where it can be kept for an hour.
#[track_caller]
fn check_abilities(model: &str, thinking: Thinking, schema: bool, cache: i64, system: bool) {
    let all = Catalogue::embedded();
    let entry = all.models.iter().find(|entry| entry.name == model);
    let abilities = entry.expect("it is in the catalogue").abilities;
    let kept = abilities.cache.map_or(0, |kept| {
        let tokens = i64::from(kept.min_tokens);
        if kept.one_hour { tokens } else { -tokens }
    });
    assert_eq!(abilities.thinking, thinking, "{model}");
    assert_eq!(abilities.json_schema, schema, "{model}");
    assert_eq!(abilities.strict_tools, schema, "{model}");
    assert_eq!(kept, cache, "{model}");
    assert_eq!(abilities.system_turns, system, "{model}");
}

#[test]
#[rustfmt::skip]
fn each_family_can_do_what_is_known_of_it_for_certain() {
    use ThinkingOff::{BetweenTools, Disabled, Never, Unasked};
    //              model                thinking                schema  cache  system turns
    check_abilities("claude-3-opus",     Thinking::None,         false,      0, false);
    check_abilities("claude-3-5-sonnet", Thinking::None,         false,      0, false);
    check_abilities("claude-3-5-haiku",  Thinking::None,         false,  -2048, false);
    check_abilities("claude-3-7-sonnet", BUDGET,                 false,  -1024, false);
    check_abilities("claude-opus-4-1",   BUDGET,                 false,  -1024, false);
    check_abilities("claude-sonnet-4",   BUDGET,                 false,  -1024, false);
    check_abilities("claude-sonnet-4-5", BUDGET,                 true,    1024, false);
    check_abilities("claude-haiku-4-5",  BUDGET,                 true,    4096, false);
    check_abilities("claude-opus-4-5",   BUDGET,                 true,    4096, false);
    check_abilities("claude-opus-4-6",   first_adaptive(),       true,    4096, false);
    check_abilities("claude-sonnet-4-6", first_adaptive(),       true,    2048, false);
    check_abilities("claude-opus-4-7",   adaptive(Unasked),      false,   2048, false);
    check_abilities("claude-opus-4-8",   adaptive(Unasked),      false,   1024, true);
    check_abilities("claude-opus-5",     adaptive(Disabled),     false,   1024, true);
    check_abilities("claude-sonnet-5",   adaptive(Disabled),     false,   1024, true);
    check_abilities("claude-haiku-5-5",  adaptive(Disabled),     false,   1024, true);
    check_abilities("claude-sonnet-5-5", adaptive(BetweenTools), false,   1024, true);
    check_abilities("claude-opus-5-5",   adaptive(Never),        false,   1024, true);
}

#[test]
fn what_an_entry_does_not_say_is_not_asked_of_its_model() {
    let abilities = entry("x", "in-region", "anthropic.x").models[0].abilities;
    let silent = Abilities {
        vision: false,
        pdf: false,
        sampling: Sampling::Both,
        prefill: true,
        forced_tool: true,
        thinking: Thinking::None,
        json_schema: false,
        strict_tools: false,
        cache: None,
        system_turns: false,
    };
    assert_eq!(abilities, silent);
    let thinking: Thinking = serde_json::from_str(r#"{"adaptive":{}}"#).unwrap();
    assert_eq!(thinking, Thinking::Adaptive(Adaptive::default()));
}

#[test]
#[rustfmt::skip]
fn an_operator_can_read_and_write_how_a_model_thinks() {
    let check = |thinking: Thinking, json: &str| {
        assert_eq!(serde_json::to_string(&thinking).unwrap(), json);
        assert_eq!(serde_json::from_str::<Thinking>(json).unwrap(), thinking);
    };
    check(Thinking::None, r#""none""#);
    check(BUDGET,         r#""budget""#);
    check(adaptive(ThinkingOff::BetweenTools),
        r#"{"adaptive":{"off":"between-tools","budget":false,"xhigh":true,"max":true,"hidden":true}}"#);
    for mistake in [r#""sometimes""#, r#"{"adaptive":{"off":"no"}}"#, r#"{"adaptive":{"xxhigh":true}}"#] {
        assert!(serde_json::from_str::<Thinking>(mistake).is_err(), "{mistake}");
    }
}

/// An entry in the form that the first release reads, which refuses fields that it does not know.
const OLD_FORM: &str = concat!(
    r#"{"models":[{"name":"x","display_name":"X","context_tokens":1000,"max_output_tokens":100,"#,
    r#""abilities":{"vision":true,"pdf":false,"sampling":"both","prefill":true,"#,
    r#""forced_tool":true},"routes":{"eu":{"id":"eu.anthropic.x","prices":{"input":1,"#,
    r#""output":2,"cache_read":3,"cache_write_5m":4,"cache_write_1h":5}}}}]}"#,
);

#[test]
fn an_entry_that_uses_nothing_new_can_be_read_by_the_release_before() {
    let catalogue = Catalogue::parse(OLD_FORM).unwrap();
    assert_eq!(serde_json::to_string(&catalogue).unwrap(), OLD_FORM);
}

#[test]
#[rustfmt::skip]
fn each_ability_that_is_new_is_written_down_where_a_model_has_it() {
    let check = |give: fn(&mut Abilities), field: &str| {
        let mut catalogue = Catalogue::parse(OLD_FORM).unwrap();
        give(&mut catalogue.models[0].abilities);
        let abilities = catalogue.models[0].abilities;
        let written = serde_json::to_value(abilities).unwrap();
        assert!(written.get(field).is_some(), "{written}");
        assert_eq!(serde_json::from_value::<Abilities>(written).unwrap(), abilities);
    };
    check(|a| a.thinking = BUDGET,       "thinking");
    check(|a| a.json_schema = true,      "json_schema");
    check(|a| a.strict_tools = true,     "strict_tools");
    check(|a| a.cache = Some(PromptCache { min_tokens: 1024, one_hour: false }), "cache");
    check(|a| a.system_turns = true,     "system_turns");
}

fn entry(name: &str, residency: &str, id: &str) -> Catalogue {
    let prices = r#"{"input":1,"output":1,"cache_read":1,"cache_write_5m":1,"cache_write_1h":1}"#;
    Catalogue::parse(&format!(
        r#"{{"models":[{{"name":"{name}","display_name":"X","context_tokens":1000,
        "max_output_tokens":100,"abilities":{{"vision":false,"pdf":false,"sampling":"both",
        "prefill":true}},"routes":{{"{residency}":{{"id":"{id}","prices":{prices}}}}}}}]}}"#
    ))
    .unwrap()
}

#[track_caller]
fn refused(catalogue: Catalogue, residency: &str, text: &str) {
    let all = Catalogue::embedded().overlaid_with(catalogue);
    let error = ServedCatalogue::new(&all, &policy(residency, &[]), "eu-west-2").unwrap_err();
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
#[rustfmt::skip]
fn an_entry_that_contradicts_the_residency_stops_the_start() {
    refused(entry("x", "global", "global.anthropic.x"), "in-region", "--model-residency x=global");
    refused(entry("x", "in-region", "eu.anthropic.x"), "global", "says eu");
    refused(entry("x", "eu", "global.anthropic.x"), "global", "says global");
    refused(entry("x", "in-region", "us.anthropic.x"), "global", "geography \"us\"");
    refused(entry("x", "in-region", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"), "in-region", "us-east-1");
    refused(entry("claude-opus", "in-region", "anthropic.x").overlaid_with(entry("claude-3-5-sonnet-20241022", "in-region", "anthropic.y")), "in-region", "two models");
}

#[test]
fn an_exception_allows_one_model_and_no_other() {
    let all = Catalogue::embedded().overlaid_with(entry("x", "global", "global.anthropic.x"));
    let policy = policy("in-region", &[("x", "global")]);
    let served = ServedCatalogue::new(&all, &policy, "eu-west-2").unwrap();
    let residency = |name| match served.find(name) {
        Some(Lookup::Served(m)) => m.residency,
        other => panic!("{other:?}"),
    };
    assert_eq!(residency("x"), Residency::Global);
    assert_eq!(residency("claude-sonnet-4-5"), Residency::InRegion);
}

#[test]
fn an_exception_for_an_unknown_model_is_a_mistake() {
    let error = ServedCatalogue::new(
        &Catalogue::embedded(),
        &policy("in-region", &[("claud", "eu")]),
        "eu-west-2",
    );
    assert_eq!(
        error.unwrap_err(),
        Contradiction::UnknownModel {
            model: "claud".into()
        }
    );
}

#[test]
fn a_model_that_is_only_further_away_is_known_but_not_served() {
    let mut all = Catalogue::embedded();
    let model = all.models.first_mut().unwrap();
    let name = model.name.clone();
    model
        .routes
        .retain(|residency, _| *residency == Residency::Eu);
    let served = ServedCatalogue::new(&all, &ResidencyPolicy::default(), "eu-west-2").unwrap();
    assert!(matches!(
        served.find(&name),
        Some(Lookup::TooFar {
            needs: Residency::Eu,
            allowed: Residency::InRegion,
            ..
        })
    ));
    assert!(!served.listed().iter().any(|m| *m.name == *name));
}

#[test]
fn an_exception_is_a_model_and_a_residency() {
    let exception = ResidencyPolicy::exception;
    assert_eq!(exception("m=eu"), Ok(("m".into(), Residency::Eu)));
    assert!(exception("m").is_err());
    assert!(exception("m=uk").is_err());
}
