//! `team|user|key|organisation show`: what binds a subject, and how that stands.

use llmlite_control::{
    dates,
    limits::{Desk, measure_name},
    standings::{self, Part, Report, Standing},
    subjects::{Family, Info, Who, member_word},
    views::{KeyView, ReportView, TeamView, UserView},
};
use llmlite_core::{limits::LimitSetting, ports::clock::SystemClock};
use llmlite_store::Store;
use serde::Serialize;

use super::{
    catalogue, key, or_dash,
    words::{amount, described_in, details, height, scope},
};
use crate::{
    failure::Failure,
    output::Output,
    table::{Align, Table, printable, record},
};

/// Shows one subject.
pub(super) async fn run(who: Who<'_>, store: &Store, output: Output) -> Result<(), Failure> {
    let catalogue = catalogue(store).await?;
    let desk = Desk {
        directory: store,
        limits: store,
        clock: &SystemClock,
        catalogue: &catalogue,
    };
    let report = standings::show(desk, who).await?;
    let shown = Shown {
        info: InfoView::of(&report),
        policy: ReportView::from(&report),
    };
    output.answer(&shown, || text(&shown.info, &report))
}

/// What the directory knows of a subject, and what binds it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    info: InfoView,
    policy: ReportView,
}

#[derive(Serialize)]
#[serde(untagged)]
enum InfoView {
    Key(KeyView),
    User(UserView),
    Team(TeamView),
    Organisation {},
}

impl InfoView {
    fn of(report: &Report) -> Self {
        match &report.family.info {
            Info::Key(key) => Self::Key(KeyView::at(report.at, key)),
            Info::User(user) => Self::User(UserView::from(user)),
            Info::Team(team) => Self::Team(TeamView::from(team)),
            Info::Organisation => Self::Organisation {},
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Key(view) => key::fields(view),
            Self::User(view) => vec![
                ("id", view.id.to_string()),
                ("email", view.email.clone()),
                ("team", or_dash(view.team.as_deref())),
                ("created", view.created_at.clone()),
            ],
            Self::Team(view) => vec![
                ("id", view.id.to_string()),
                ("name", view.name.clone()),
                ("created", view.created_at.clone()),
            ],
            Self::Organisation {} => Vec::new(),
        }
    }
}

fn text(info: &InfoView, report: &Report) -> String {
    let mut fields = info.fields();
    if !matches!(info, InfoView::Key(_)) {
        fields.push(("models", scope(&report.own.models)));
    }
    if report.models != report.own.models {
        fields.push(("may call", scope(&report.models)));
    }
    let mut text = record(&fields);
    section(&mut text, "limits", || {
        standings(&report.own, &report.family)
    });
    if !report.defaults.is_empty() {
        section(&mut text, "defaults for its members", || {
            defaults(&report.defaults, &report.family)
        });
    }
    for part in report.above.iter().filter(|part| !part.limits.is_empty()) {
        let title = format!("bound by {} too", part.who);
        section(&mut text, &title, || standings(part, &report.family));
    }
    text
}

fn section(text: &mut String, title: &str, content: impl FnOnce() -> String) {
    text.push('\n');
    text.push_str(&printable(title));
    text.push('\n');
    text.push_str(&content());
}

fn standings(part: &Part, family: &Family) -> String {
    if part.limits.is_empty() {
        return "none\n".to_owned();
    }
    let mut table = Table::new(&[
        ("LIMIT", Align::Left),
        ("MODEL", Align::Left),
        ("CEILING", Align::Right),
        ("USED", Align::Right),
        ("LEASED", Align::Right),
        ("LEFT", Align::Right),
        ("RESETS", Align::Left),
        ("NOTES", Align::Left),
    ]);
    for standing in &part.limits {
        let limit = &standing.setting.limit;
        let left = standing.left().map(|left| amount(limit.measure, left));
        table.row([
            measure_name(limit.measure),
            limit.scope.model.as_deref().unwrap_or("all").to_owned(),
            height(limit.measure, standing.ceiling()),
            amount(limit.measure, standing.state.used),
            amount(limit.measure, standing.state.leased),
            left.unwrap_or_else(|| "unlimited".to_owned()),
            or_dash(standing.resets().map(dates::london).as_deref()),
            notes(standing, family),
        ]);
    }
    table.render()
}

fn notes(standing: &Standing, family: &Family) -> String {
    let limit = &standing.setting.limit;
    let mut notes = Vec::new();
    if let Some(raise) = limit.raise.filter(|raise| standing.at < raise.until) {
        notes.push(format!(
            "raised until {}, then {}",
            dates::london(raise.until),
            height(limit.measure, limit.ceiling)
        ));
    }
    notes.extend(details(&standing.setting));
    if let Some(from) = standing.setting.inherited_from {
        notes.push(format!("default of {}", family.named(from)));
    }
    notes.join(", ")
}

fn defaults(settings: &[LimitSetting], family: &Family) -> String {
    let mut table = Table::new(&[
        ("LIMIT", Align::Left),
        ("MODEL", Align::Left),
        ("FOR", Align::Left),
        ("EACH HAS", Align::Left),
    ]);
    for setting in settings {
        let limit = &setting.limit;
        let each = setting
            .each
            .map(|each| format!("each {}", member_word(each)));
        table.row([
            measure_name(limit.measure),
            limit.scope.model.as_deref().unwrap_or("all").to_owned(),
            or_dash(each.as_deref()),
            described_in(family, Some(setting)),
        ]);
    }
    table.render()
}
