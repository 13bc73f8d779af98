use llmlite_core::catalogue::Residency;

use super::*;

fn names(csv: &str) -> Vec<String> {
    csv.split(',').map(str::to_owned).collect()
}

#[track_caller]
fn check_scope(csv: &str, want: &[&str]) {
    let want = want.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        scope(&Catalogue::embedded(), &names(csv)).unwrap(),
        ModelScope::Only(want),
        "{csv}"
    );
}

#[test]
#[rustfmt::skip]
fn every_name_of_a_model_leads_to_its_friendly_name() {
    check_scope("claude-sonnet-4-5",                                  &["claude-sonnet-4-5"]);
    check_scope("claude-sonnet-4-5-20250929",                         &["claude-sonnet-4-5"]);
    check_scope("anthropic.claude-3-5-sonnet-20241022-v2:0",          &["claude-3-5-sonnet"]);
    check_scope("claude-3-opus, claude-sonnet-4-5",                   &["claude-3-opus", "claude-sonnet-4-5"]);
    check_scope("claude-sonnet-4-5-20250929,claude-sonnet-4-5",       &["claude-sonnet-4-5"]);
}

#[track_caller]
fn check_refused(csv: &str, want: &str) {
    let error = scope(&Catalogue::embedded(), &names(csv)).unwrap_err();
    assert_eq!(error.to_string(), want);
}

#[test]
#[rustfmt::skip]
fn an_unknown_name_is_refused_and_so_is_an_empty_list() {
    check_refused("gpt-4o",                 "there is no model \"gpt-4o\"");
    check_refused("gpt-4o,claude-3-opus,o", "there is no model \"gpt-4o\"; there is no model \"o\"");
    check_refused("claude-3-opus,",         "there is no model \"\"");
    check_refused("",                       "the list of models is empty; leave it out to allow all models");
    check_refused(" , ",                    "the list of models is empty; leave it out to allow all models");
}

#[track_caller]
fn check_near(name: &str, first: &str) {
    let near = near(&Catalogue::embedded(), name);
    assert!(near.len() <= 3, "{near:?}");
    assert!(near.first().is_some_and(|n| n.contains(first)), "{near:?}");
}

#[test]
fn the_likest_name_comes_first() {
    check_near("claude-3-opsu", "claude-3-opus");
    check_near("claude-sonet-4-5", "claude-sonnet-4-5");
    check_near("CLAUDE-OPUS-4-1", "claude-opus-4-1");
    check_near("claude-3.5-sonnet", "claude-3-5-sonnet");
    check_near("haiku", "haiku");
}

#[test]
fn an_unknown_model_is_shown_with_the_names_near_it() {
    let mut unknown = UnknownModel {
        name: "a".to_owned(),
        near: names("b,c"),
    };
    assert_eq!(
        unknown.to_string(),
        "there is no model \"a\" (near it: b, c)"
    );
    unknown.near.clear();
    assert_eq!(unknown.to_string(), "there is no model \"a\"");
}

fn printed(catalogue: &Catalogue) -> String {
    serde_json::to_string(catalogue).unwrap()
}

fn read(json: &str) -> Result<Catalogue, ControlError> {
    read_changes(
        &Catalogue::embedded(),
        json,
        &policy(Residency::InRegion, &[]),
        "eu-west-2",
    )
}

fn policy(default: Residency, exceptions: &[(&str, Residency)]) -> ResidencyPolicy {
    ResidencyPolicy {
        default,
        per_model: exceptions.iter().map(|&(m, r)| (m.to_owned(), r)).collect(),
    }
}

#[test]
fn a_printed_list_that_is_read_again_holds_no_change() {
    let changes = read(&printed(&Catalogue::embedded())).unwrap();
    assert_eq!(changes.models, []);
}

#[test]
fn only_what_was_edited_is_kept_and_is_the_operators() {
    let mut list = Catalogue::embedded();
    let edited = list.models.last_mut().unwrap();
    edited.max_output_tokens -= 1;
    let edited = edited.clone();

    let changes = read(&printed(&list)).unwrap();

    let [kept] = changes.models.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!(kept.name, edited.name);
    assert_eq!(kept.max_output_tokens, edited.max_output_tokens);
    assert!(kept.configured);
}

/// The first entry under another name, its ids replaced.
fn one(name: &str, id: &str) -> Catalogue {
    let mut entry = Catalogue::embedded().models.swap_remove(0);
    name.clone_into(&mut entry.name);
    entry.aliases.clear();
    for route in entry.routes.values_mut() {
        id.clone_into(&mut route.id);
    }
    Catalogue {
        models: vec![entry],
    }
}

#[track_caller]
fn check_unreadable(json: &str, want: &str) {
    let error = read(json).unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
}

#[test]
fn an_entry_that_would_stop_a_gateway_is_refused() {
    let twice = Catalogue {
        models: [
            one("x", "anthropic.x").models,
            one("x", "anthropic.y").models,
        ]
        .concat(),
    };
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a";
    check_unreadable("{", "cannot be read");
    check_unreadable(&printed(&twice), "the name \"x\" leads to two models");
    check_unreadable(
        &printed(&one("claude-3-5-sonnet-20241022", "anthropic.x")),
        "the name \"claude-3-5-sonnet-20241022\" leads to two models",
    );
    check_unreadable(&printed(&one("x", "global.anthropic.x")), "says global");
    check_unreadable(&printed(&one("x", arn)), "us-east-1");
    assert_eq!(
        read(&printed(&one("x", "anthropic.x")))
            .unwrap()
            .models
            .len(),
        1
    );
}

/// An entry that can only be called anywhere in the world.
fn global(name: &str) -> Catalogue {
    let mut catalogue = one(name, &format!("global.anthropic.{name}"));
    let routes = &mut catalogue.models[0].routes;
    let (_, route) = routes.pop_last().unwrap();
    routes.clear();
    routes.insert(Residency::Global, route);
    catalogue
}

#[test]
#[rustfmt::skip]
fn an_entry_is_read_where_the_gateways_residency_allows_it() {
    use Residency::{Eu, Global, InRegion};
    let json = printed(&global("far"));
    let check = |residency, exceptions: &[_], want: Option<&str>| {
        let read = read_changes(&Catalogue::embedded(), &json, &policy(residency, exceptions), "eu-west-2");
        let said = read.err().map(|e| e.to_string());
        assert_eq!(said.as_deref(), want);
    };
    let allow = "to allow it, start with --model-residency far=global, or remove it from the catalogue";
    let within = |residency| format!("model \"far\" has no route within the residency \"{residency}\"; {allow}");
    check(Global,   &[],                                None);
    check(InRegion, &[("far", Global)],                 None);
    check(InRegion, &[],                                Some(&within("in-region")));
    check(Eu,       &[],                                Some(&within("eu")));
    check(Global,   &[("far", Eu)],                     Some(&within("eu")));
    check(Global,   &[("near", Eu)],                    Some("a residency is set for model \"near\", which is not in the catalogue"));
}

#[track_caller]
fn check_removal(before: &[&str], after: &[&str], gone: &[&str], as_shipped: &[&str]) {
    let catalogue = |names: &[&str]| Catalogue {
        models: names
            .iter()
            .flat_map(|name| one(name, "anthropic.x").models)
            .collect(),
    };
    let removal = removal(
        &Catalogue::embedded(),
        &catalogue(before),
        &catalogue(after),
    );
    assert_eq!(
        (removal.gone, removal.as_shipped),
        (owned(gone), owned(as_shipped))
    );
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
#[rustfmt::skip]
fn an_entry_that_is_left_out_is_gone_or_as_it_was_shipped() {
    check_removal(&[],                      &["x"],                 &[],         &[]);
    check_removal(&["x", "y"],              &["x", "y"],            &[],         &[]);
    check_removal(&["y", "x"],              &["z"],                 &["y", "x"], &[]);
    check_removal(&["x", "claude-3-opus"],  &["x"],                 &[],         &["claude-3-opus"]);
    check_removal(&["x", "claude-3-opus"],  &[],                    &["x"],      &["claude-3-opus"]);
    check_removal(&["claude-3-opus"],       &["claude-3-opus"],     &[],         &[]);
}

#[track_caller]
fn check_poorer(model: &str, change: impl FnOnce(&mut Abilities), want: &[&'static str]) {
    let shipped = Catalogue::embedded();
    let mut changes = shipped.clone();
    changes.models.retain(|m| m.name == model);
    change(&mut changes.models[0].abilities);
    let mut own = one("house-model", "anthropic.x").models;
    changes.models.append(&mut own);
    let found = poorer(&shipped, &changes);
    let expected: Vec<_> = match want {
        [] => Vec::new(),
        lacks => vec![Poorer {
            model: model.to_owned(),
            lacks: lacks.to_vec(),
        }],
    };
    assert_eq!(found, expected);
}

#[test]
#[rustfmt::skip]
fn an_entry_that_lacks_what_the_shipped_one_has_is_found() {
    let before_this_release = |a: &mut Abilities| *a = Abilities {
        thinking: Thinking::None, json_schema: false, strict_tools: false, cache: None, system_turns: false, ..*a
    };
    check_poorer("claude-sonnet-4-5", |_| {},                    &[]);
    check_poorer("claude-sonnet-4-5", before_this_release,       &["thinking", "json_schema", "strict_tools", "cache"]);
    check_poorer("claude-opus-4-8",   before_this_release,       &["thinking", "cache", "system_turns"]);
    check_poorer("claude-3-opus",     before_this_release,       &[]);
    check_poorer("claude-3-opus",     |a| a.vision = false,      &["vision"]);
    check_poorer("claude-3-opus",     |a| a.json_schema = true,  &[]);
}
