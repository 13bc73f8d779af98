//! `policy explain`.

use std::process::ExitCode;

use llmlite_control::{
    ControlError,
    amounts::{shown_count, shown_dollars},
    explain::{self, Check, Checked, Explanation, Question, Request, Verdict},
    limits::{Desk, measure_name},
    views::ExplanationView,
};
use llmlite_core::{catalogue::ServedCatalogue, ids::KeyId, ports::clock::SystemClock};
use llmlite_store::Store;

use super::{
    catalogue,
    words::{amount, height},
};
use crate::{
    args::{ExplainArgs, PolicyCommand},
    failure::Failure,
    output::Output,
    table::{Align, Table, record},
};

/// It would be refused.
const REFUSED: u8 = 3;
/// It depends on what the database cannot tell.
const DEPENDS: u8 = 4;

pub(super) async fn run(
    command: PolicyCommand,
    store: &Store,
    output: Output,
) -> Result<ExitCode, Failure> {
    let PolicyCommand::Explain(args) = command;
    let explanation = ask(args, store).await?;
    output.answer(&ExplanationView::from(&explanation), || text(&explanation))?;
    Ok(match explanation.verdict {
        Verdict::Admitted => ExitCode::SUCCESS,
        Verdict::Refused => ExitCode::from(REFUSED),
        Verdict::Depends => ExitCode::from(DEPENDS),
    })
}

async fn ask(args: ExplainArgs, store: &Store) -> Result<Explanation, Failure> {
    let catalogue = catalogue(store).await?;
    let policy = args.gateways.residency_policy();
    let served = ServedCatalogue::new(&catalogue, &policy, &args.gateways.region)
        .map_err(ControlError::from)?;
    let desk = Desk {
        directory: store,
        limits: store,
        clock: &SystemClock,
        catalogue: &catalogue,
    };
    let question = Question {
        key: KeyId(args.key),
        model: &args.model,
        input_tokens: args.input_tokens,
        max_tokens: args.max_tokens,
        served: &served,
    };
    Ok(explain::explain(desk, question).await?)
}

fn text(explanation: &Explanation) -> String {
    let key = explanation.report.family.own.to_string();
    let mut fields = vec![
        ("key", key.trim_start_matches("key ").to_owned()),
        ("model", explanation.model.to_string()),
    ];
    if let Some(request) = &explanation.request {
        fields.push(("request", size(request)));
        fields.push(("costs", format!("at most {}", shown_dollars(request.worst))));
    }
    fields.push(("verdict", explanation.verdict.as_str().to_owned()));
    format!("{}\n{}", record(&fields), table(explanation))
}

fn size(request: &Request) -> String {
    let assumed = |assumed, option| match assumed {
        true => format!(" (assumed: give {option})"),
        false => String::new(),
    };
    format!(
        "{} tokens of input{}, {} of output at most{}",
        shown_count(i64::try_from(request.input_tokens).unwrap_or(i64::MAX)),
        assumed(request.input_assumed, "--input-tokens"),
        shown_count(request.max_tokens.into()),
        assumed(request.output_assumed, "--max-tokens"),
    )
}

fn table(explanation: &Explanation) -> String {
    let mut table = Table::new(&[
        ("CHECK", Align::Left),
        ("WHOSE", Align::Left),
        ("CEILING", Align::Right),
        ("USED", Align::Right),
        ("LEASED", Align::Right),
        ("LEFT", Align::Right),
        ("NEEDS", Align::Right),
        ("VERDICT", Align::Left),
    ]);
    for check in &explanation.checks {
        table.row(cells(check, explanation));
    }
    table.render()
}

fn cells(check: &Check, explanation: &Explanation) -> [String; 8] {
    let key = || explanation.report.family.own.to_string();
    let dash = || "-".to_owned();
    match &check.what {
        Checked::Key | Checked::Model => {
            let what = match check.what {
                Checked::Key => "key",
                _ => "model",
            };
            let [a, b, c, d, e] = std::array::from_fn(|_| dash());
            [what.to_owned(), key(), a, b, c, d, e, verdict(check)]
        }
        Checked::Limit {
            who,
            standing,
            needs,
        } => {
            let limit = &standing.setting.limit;
            let measure = limit.measure;
            let name = match &limit.scope.model {
                Some(model) => format!("{} for {model}", measure_name(measure)),
                None => measure_name(measure),
            };
            let left = standing.left().map(|left| amount(measure, left));
            [
                name,
                who.to_string(),
                height(measure, standing.ceiling()),
                amount(measure, standing.state.used),
                amount(measure, standing.state.leased),
                left.unwrap_or_else(|| "unlimited".to_owned()),
                amount(measure, *needs),
                verdict(check),
            ]
        }
    }
}

/// `admitted`, `refused: it begins anew at ...`.
fn verdict(check: &Check) -> String {
    let mut text = check.verdict.as_str().to_owned();
    if !check.why.is_empty() {
        let join = match check.verdict {
            Verdict::Depends => " ",
            Verdict::Admitted => ", ",
            Verdict::Refused => ": ",
        };
        text.push_str(join);
        text.push_str(&check.why);
    }
    if check.is_shadow() && check.verdict != Verdict::Admitted {
        text.push_str(" (shadow: only watched)");
    }
    text
}
