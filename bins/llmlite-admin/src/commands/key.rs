//! `key create|list|show|set|set-limits|revoke`.

use llmlite_control::{
    dates,
    keys::{self, KeyOrder},
    subjects::Who,
    views::{CreatedKeyView, KeyView, RevocationView},
};
use llmlite_core::{
    ids::KeyId,
    keys::Pepper,
    ports::clock::{Clock, SystemClock},
};
use llmlite_store::Store;

use super::{catalogue, limits, or_dash, show, yes_or_no};
use crate::{
    args::{self, KeyCommand, NewKeyArgs},
    audit::Audit,
    failure::Failure,
    output::Output,
    table::{Align, Table, printable, record},
};

pub(super) async fn run(
    command: KeyCommand,
    store: &Store,
    output: Output,
    audit: &Audit,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    match command {
        KeyCommand::Create(args) => create(args, store, output).await,
        KeyCommand::List => {
            let keys = keys::list(store).await?;
            let keys: Vec<_> = keys.iter().map(|key| KeyView::at(now, key)).collect();
            output.answer(&keys, || table(&keys))
        }
        KeyCommand::Show { id } => show::run(Who::Key(KeyId(id)), store, output).await,
        KeyCommand::Set { id, strict } => {
            let key = keys::set_strict(store, KeyId(id), strict.is_on()).await?;
            let key = KeyView::at(now, &key);
            output.answer(&key, || record(&fields(&key)))
        }
        KeyCommand::SetLimits {
            id,
            expires,
            limits: args,
        } => {
            let (who, dry_run) = (Who::Key(KeyId(id)), args.dry_run);
            let order = args.order(expires);
            limits::set(who, &order, dry_run, store, output, audit).await
        }
        KeyCommand::Revoke { id, now: cut } => {
            let revocation = keys::revoke(store, KeyId(id), cut).await?;
            let view = RevocationView::at(now, &revocation);
            output.answer(&view, || sentence(&view))
        }
    }
}

async fn create(args: NewKeyArgs, store: &Store, output: Output) -> Result<(), Failure> {
    let pepper = args::key_pepper().ok_or(Failure::NoPepper)?;
    let pepper = Pepper::parse(&pepper).map_err(Failure::WeakPepper)?;
    let now = SystemClock.now();
    let order = KeyOrder {
        name: &args.name,
        user: args.user.as_deref(),
        team: args.team.as_deref(),
        models: args.models.as_deref(),
        expires_at: match &args.expires {
            Some(text) => Some(dates::expiry(text, now)?),
            None => None,
        },
        strict: args.strict.is_on(),
    };
    let catalogue = catalogue(store).await?;
    let draft = keys::draft(store, &SystemClock, &pepper, &catalogue, &order).await?;
    // After the order was found good: a mistyped one must not settle the installation's pepper.
    store.check_or_set_pepper(&pepper).await?;
    let created = keys::create(store, draft)
        .await
        .map_err(Failure::of_new_key)?;
    // From here on only the writing itself can fail: a key that is lost now cannot be had again.
    let view = CreatedKeyView::at(now, &created);
    let shown = output.answer(&view, || {
        let mut lines = vec![("key", created.plaintext.reveal().to_owned())];
        lines.extend(fields(&KeyView::at(now, &created.info)));
        record(&lines)
    });
    shown.map_err(|cause| Failure::KeyNotShown {
        id: created.info.id,
        cause: Box::new(cause),
    })?;
    output.remark("This is the only time that the key is shown: store it now.");
    Ok(())
}

fn table(keys: &[KeyView]) -> String {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("ENDS IN", Align::Left),
        ("USER", Align::Left),
        ("TEAM", Align::Left),
        ("MODELS", Align::Left),
        ("STRICT", Align::Left),
        ("STATUS", Align::Left),
        ("EXPIRES", Align::Left),
        ("CREATED", Align::Left),
    ]);
    for key in keys {
        table.row([
            key.id.to_string(),
            key.name.clone(),
            key.last_four.clone(),
            or_dash(key.user.as_deref()),
            or_dash(key.team.as_deref()),
            models(key),
            yes_or_no(key.strict),
            key.status.as_str().to_owned(),
            or_dash(key.expires_at.as_deref()),
            key.created_at.clone(),
        ]);
    }
    table.render()
}

pub(super) fn fields(key: &KeyView) -> Vec<(&'static str, String)> {
    vec![
        ("id", key.id.to_string()),
        ("name", key.name.clone()),
        ("ends in", key.last_four.clone()),
        ("user", or_dash(key.user.as_deref())),
        ("team", or_dash(key.team.as_deref())),
        ("models", models(key)),
        ("strict", yes_or_no(key.strict)),
        ("status", key.status.as_str().to_owned()),
        ("created", key.created_at.clone()),
        (
            "expires",
            key.expires_at.clone().unwrap_or("never".to_owned()),
        ),
        ("revoked", or_dash(key.revoked_at.as_deref())),
    ]
}

fn models(key: &KeyView) -> String {
    match &key.models {
        None => "all".to_owned(),
        Some(names) => names.join(","),
    }
}

fn sentence(view: &RevocationView) -> String {
    let key = &view.key;
    format!(
        "key {} ({}, ends in {}) {}\n",
        key.id,
        printable(&key.name),
        key.last_four,
        match &key.revoked_at {
            Some(at) if view.already_revoked => format!("had been revoked already, at {at}"),
            _ => "is revoked; gateways refuse it within a second".to_owned(),
        }
    )
}
