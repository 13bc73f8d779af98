//! `model list|import`.

use std::{io, path::Path};

use llmlite_control::models;
use llmlite_core::{catalogue::Catalogue, money::PicodollarsPerToken};
use llmlite_store::Store;
use serde::Serialize;

use super::catalogue;
use crate::{
    args::ModelCommand,
    failure::Failure,
    output::Output,
    table::{Align, Table},
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
        ModelCommand::Import { file, region } => {
            let json = read(&file).map_err(|cause| Failure::File { path: file, cause })?;
            let changes = models::read_changes(&Catalogue::embedded(), &json, &region)?;
            store.replace_model_overrides(&changes).await?;
            let imported = Imported::new(&changes);
            output.answer(&imported, || imported.sentence())
        }
    }
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
                if entry.configured {
                    "operator"
                } else {
                    "built-in"
                }
                .to_owned(),
            ]);
        }
    }
    table.render()
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
