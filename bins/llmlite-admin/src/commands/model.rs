//! `model list|show|import`.

use std::{io, path::Path};

use llmlite_control::models::{self, Poorer, Removal};
use llmlite_core::{
    catalogue::{Catalogue, ModelEntry, PromptCache, Sampling, Thinking, ThinkingOff},
    money::PicodollarsPerToken,
    ports::StoreError,
};
use llmlite_store::Store;
use serde::Serialize;

use super::{catalogue, yes_or_no};
use crate::{
    args::{GatewayArgs, ModelCommand},
    failure::Failure,
    output::Output,
    table::{Align, Table, printable, record},
};

pub(super) async fn run(
    command: ModelCommand,
    store: &Store,
    output: Output,
) -> Result<(), Failure> {
    match command {
        ModelCommand::List => {
            let catalogue = catalogue(store).await?;
            output.answer(&catalogue, || table(&catalogue))
        }
        ModelCommand::Show { name } => {
            let catalogue = catalogue(store).await?;
            let entry = models::named(&catalogue, &name)?;
            output.answer(entry, || record(&fields(entry)))
        }
        ModelCommand::Import { file, gateways } => import(&file, &gateways, store, output).await,
    }
}

async fn import(
    file: &Path,
    gateways: &GatewayArgs,
    store: &Store,
    output: Output,
) -> Result<(), Failure> {
    let json = read(file).map_err(|cause| Failure::File {
        path: file.to_owned(),
        cause,
    })?;
    let shipped = Catalogue::embedded();
    let policy = gateways.residency_policy();
    let changes = models::read_changes(&shipped, &json, &policy, &gateways.region)?;
    let before = match store.model_overrides().await {
        Ok(before) => Some(before),
        // No gateway starts with such entries, and this command is how they are put right.
        Err(StoreError::Corrupt { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    store.replace_model_overrides(&changes).await?;
    let removal = before.map(|before| models::removal(&shipped, &before, &changes));
    let poorer = models::poorer(&shipped, &changes);
    output.remark(&remarks(removal.as_ref(), &poorer));
    let imported = Imported::new(&changes);
    output.answer(&imported, || imported.sentence())
}

/// What an operator should know beside the list of entries.
fn remarks(removal: Option<&Removal>, poorer: &[Poorer]) -> String {
    let named = |names: &[String]| printable(&names.join(", "));
    let mut lines = Vec::new();
    match removal {
        Some(removal) => {
            if !removal.gone.is_empty() {
                lines.push(format!("removed: {}", named(&removal.gone)));
            }
            if !removal.as_shipped.is_empty() {
                lines.push(format!("built-in again: {}", named(&removal.as_shipped)));
            }
        }
        None => lines.push(
            "the operator's entries of before could not be read; all were replaced".to_owned(),
        ),
    }
    for Poorer { model, lacks } in poorer {
        lines.push(format!(
            "warning: {} lacks what the built-in entry has, and is not asked for it: {}",
            printable(model),
            lacks.join(", ")
        ));
    }
    lines.push("running gateways read the catalogue at their next start".to_owned());
    lines.join("\n")
}

/// The entries that the database holds after an import.
#[derive(Serialize)]
struct Imported<'a> {
    models: Vec<&'a str>,
}

impl<'a> Imported<'a> {
    fn new(changes: &'a Catalogue) -> Self {
        Self {
            models: changes.models.iter().map(|m| m.name.as_str()).collect(),
        }
    }

    fn sentence(&self) -> String {
        if self.models.is_empty() {
            return "no entry differs from the built-in ones: the operator's entries are gone\n"
                .to_owned();
        }
        format!(
            "the operator's entries are now: {}\n",
            self.models.join(", ")
        )
    }
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(file)
    }
}

fn table(catalogue: &Catalogue) -> String {
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("RESIDENCY", Align::Left),
        ("CALLED AS", Align::Left),
        ("CONTEXT", Align::Right),
        ("MAX OUTPUT", Align::Right),
        ("INPUT $/M", Align::Right),
        ("OUTPUT $/M", Align::Right),
        ("FROM", Align::Left),
    ]);
    for entry in &catalogue.models {
        for (residency, route) in &entry.routes {
            table.row([
                entry.name.clone(),
                residency.to_string(),
                route.id.clone(),
                entry.context_tokens.to_string(),
                entry.max_output_tokens.to_string(),
                per_million(route.prices.base.input),
                per_million(route.prices.base.output),
                source(entry).to_owned(),
            ]);
        }
    }
    table.render()
}

fn fields(entry: &ModelEntry) -> Vec<(&'static str, String)> {
    let abilities = &entry.abilities;
    let tokens = |count: u32| format!("{count} tokens");
    vec![
        ("name", entry.name.clone()),
        ("aliases", entry.aliases.join(",")),
        ("shown as", entry.display_name.clone()),
        ("context", tokens(entry.context_tokens)),
        ("max output", tokens(entry.max_output_tokens)),
        ("images", yes_or_no(abilities.vision)),
        ("pdf", yes_or_no(abilities.pdf)),
        ("sampling", sampling(abilities.sampling).to_owned()),
        ("prefill", yes_or_no(abilities.prefill)),
        ("forced tool", yes_or_no(abilities.forced_tool)),
        ("thinking", thinking(abilities.thinking)),
        ("json schema", yes_or_no(abilities.json_schema)),
        ("strict tools", yes_or_no(abilities.strict_tools)),
        ("prompt cache", cache(abilities.cache)),
        ("system turns", yes_or_no(abilities.system_turns)),
        ("from", source(entry).to_owned()),
    ]
}

fn sampling(sampling: Sampling) -> &'static str {
    match sampling {
        Sampling::Both => "temperature and top_p",
        Sampling::OneOf => "temperature or top_p",
        Sampling::None => "no",
    }
}

fn thinking(thinking: Thinking) -> String {
    let adaptive = match thinking {
        Thinking::None => return "no".to_owned(),
        Thinking::Budget => return "within a budget, when asked".to_owned(),
        Thinking::Adaptive(adaptive) => adaptive,
    };
    let mut said = vec![match adaptive.off {
        ThinkingOff::Unasked => "adaptive, when asked",
        ThinkingOff::Disabled => "adaptive, unless disabled",
        ThinkingOff::BetweenTools => "adaptive, at least between calls of tools",
        ThinkingOff::Never => "adaptive, always",
    }];
    let more = [
        (adaptive.budget, "or within a budget"),
        (adaptive.xhigh, "effort xhigh"),
        (adaptive.max, "effort max"),
        (adaptive.hidden, "hidden unless asked for"),
    ];
    said.extend(more.iter().filter(|(can, _)| *can).map(|(_, what)| *what));
    said.join(", ")
}

fn cache(cache: Option<PromptCache>) -> String {
    match cache {
        None => "no".to_owned(),
        Some(PromptCache {
            min_tokens,
            one_hour,
        }) => format!(
            "from {min_tokens} tokens, for 5 minutes{}",
            if one_hour { " or an hour" } else { "" }
        ),
    }
}

fn source(entry: &ModelEntry) -> &'static str {
    if entry.configured {
        "operator"
    } else {
        "built-in"
    }
}

/// The price of a million tokens in US dollars, with two places and more only where they say
/// something.
fn per_million(price: PicodollarsPerToken) -> String {
    let text = format!("{}.{:06}", price.0 / 1_000_000, price.0 % 1_000_000);
    let kept = text.trim_end_matches('0').len();
    let cents = text.len() - 4;
    text.get(..kept.max(cents)).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_price_has_two_places_and_more_only_where_needed() {
        let check = |picodollars, want: &str| assert_eq!(per_million(PicodollarsPerToken(picodollars)), want);
        check(3_000_000,  "3.00");
        check(15_000_000, "15.00");
        check(250_000,    "0.25");
        check(37_500,     "0.0375");
        check(1,          "0.000001");
        check(0,          "0.00");
    }
}
