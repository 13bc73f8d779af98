use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use llmlite_core::{
    catalogue::{Catalogue, Lookup, ResidencyPolicy, ServedCatalogue},
    ids::{KeyId, TeamId, UserId},
    keys::ModelScope,
    money::Nanodollars,
    usage::Ending,
};

use super::*;

mod limits;
pub(super) mod race;

#[derive(Default)]
struct Kept {
    records: Mutex<Vec<UsageRecord>>,
    begun: Mutex<Vec<UsageRecord>>,
    withdrawn: Mutex<Vec<EventId>>,
    full: AtomicBool,
    refuses: AtomicBool,
}

impl UsageSink for Kept {
    fn begin(&self, record: UsageRecord, _: Durability) -> bool {
        self.begun.lock().unwrap().push(record);
        !self.refuses.load(Ordering::Relaxed)
    }

    fn withdraw(&self, event: EventId) {
        self.withdrawn.lock().unwrap().push(event);
    }

    fn keep(&self, record: UsageRecord) {
        self.records.lock().unwrap().push(record);
    }

    fn has_room(&self) -> bool {
        !self.full.load(Ordering::Relaxed)
    }
}

/// Notes its errands.
#[derive(Default)]
struct Pad(Mutex<Vec<Errand>>);

impl Messenger for Pad {
    fn carry(&self, errand: Errand) {
        self.0.lock().unwrap().push(errand);
    }
}

impl Pad {
    /// The call that is to be made now.
    #[track_caller]
    fn call(&self) -> Arc<Call> {
        let errands = std::mem::take(&mut *self.0.lock().unwrap());
        let mut calls = errands.into_iter().filter_map(|errand| match errand {
            Errand::Ask(call) => Some(call),
            Errand::Announce(_) | Errand::Hurry => None,
        });
        calls.next().expect("a call is to be made")
    }
}

struct Noon;

const MIDNIGHT: SystemTime = UNIX_EPOCH;

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        MIDNIGHT + Duration::from_secs(12 * 3600)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "nothing here measures a duration"
    )]
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

fn model() -> Arc<ServedModel> {
    let catalogue = Catalogue::embedded();
    let served =
        ServedCatalogue::new(&catalogue, &ResidencyPolicy::default(), "eu-west-2").unwrap();
    match served.find("claude-3-5-sonnet") {
        Some(Lookup::Served(model)) => Arc::clone(model),
        other => panic!("{other:?}"),
    }
}

fn grant() -> KeyGrant {
    KeyGrant {
        key_id: KeyId(1),
        name: "test".into(),
        user_id: Some(UserId(2)),
        team_id: Some(TeamId(3)),
        models: ModelScope::All,
        expires_at: None,
        revoked_at: None,
        cut_streams: false,
        strict: false,
        rules: std::sync::Arc::default(),
    }
}

fn wish() -> Wish {
    Wish {
        request_id: "req_1".into(),
        model: model(),
        streamed: true,
        may_be_clamped: true,
        facts: estimate::Facts {
            body_bytes: 1_000,
            bytes_per_token: estimate::Floor::Two,
            images: 0,
            pdfs: 0,
            tools: false,
            max_tokens: 100,
            thinks: false,
            context_tokens: 200_000,
            cache: None,
        },
    }
}

fn engine() -> (Arc<PolicyEngine>, Arc<Kept>) {
    let (engine, kept, _) = engine_with(Arc::new(Noon));
    (engine, kept)
}

fn engine_with(clock: Arc<dyn Clock>) -> (Arc<PolicyEngine>, Arc<Kept>, Arc<Pad>) {
    let (kept, pad) = (Arc::new(Kept::default()), Arc::new(Pad::default()));
    let engine = PolicyEngine::new(
        Settings::default(),
        Arc::clone(&kept) as _,
        Arc::clone(&pad) as _,
        clock,
        "eu-west-2".into(),
    );
    (Arc::new(engine), kept, pad)
}

/// Admits what nothing has to be asked for.
fn admit(engine: &Arc<PolicyEngine>, grant: &KeyGrant, wish: Wish) -> Result<Admission, Denial> {
    match engine.admit(grant, wish)? {
        Entry::Admitted(admission) => Ok(admission),
        Entry::Waits(waiting) => panic!("{waiting:?}"),
    }
}

fn outcome(used: Use) -> Outcome {
    Outcome {
        used,
        ending: Ending::Complete,
        latency: Duration::from_millis(5),
        time_to_first_token: None,
        upstream_request_id: None,
    }
}

#[track_caller]
fn admits(change: impl FnOnce(&mut KeyGrant), want: Result<(), Denial>) {
    let mut grant = grant();
    change(&mut grant);
    let (engine, kept) = engine();
    let got = admit(&engine, &grant, wish()).map(|admission| {
        engine.settle(admission, outcome(Use::NotSent));
    });
    assert_eq!(got, want);
    assert!(kept.records.lock().unwrap().is_empty());
}

#[test]
#[rustfmt::skip]
fn a_key_admits_what_it_grants_and_nothing_else() {
    let at = |hour: u64| Some(MIDNIGHT + Duration::from_secs(hour * 3600));
    admits(|_| {},                               Ok(()));
    admits(|g| g.expires_at = at(13),            Ok(()));
    admits(|g| g.expires_at = at(12),            Err(Denial::KeyExpired));
    admits(|g| g.revoked_at = at(1),             Err(Denial::KeyRevoked));
    admits(|g| g.models = ModelScope::Only(["claude-3-5-sonnet".into()].into()), Ok(()));
    admits(|g| g.models = ModelScope::Only(["claude-3-opus".into()].into()),     Err(Denial::ModelNotAllowed));
}

#[test]
fn nothing_is_admitted_while_usage_cannot_be_kept() {
    let (engine, kept) = engine();
    kept.full.store(true, Ordering::Relaxed);
    assert_eq!(
        admit(&engine, &grant(), wish()).unwrap_err(),
        Denial::LedgerFull
    );
}

#[track_caller]
fn settles(used: Use, want: Option<(u64, u64, i64, bool)>) {
    let (engine, kept) = engine();
    let admission = admit(&engine, &grant(), wish()).unwrap();
    engine.settle(admission, outcome(used));
    let got = kept
        .records
        .lock()
        .unwrap()
        .first()
        .map(|r| (r.tokens.input, r.tokens.output, r.cost.0, r.estimated));
    assert_eq!(got, want);
}

#[test]
#[rustfmt::skip]
fn a_request_is_charged_what_bedrock_counted_or_else_an_upper_bound() {
    let counted = Tokens { input: 10, output: 2, ..Tokens::default() };
    settles(Use::NotSent,          None);
    settles(Use::Refused,          Some((0,   0,         0, false)));
    settles(Use::Counted(counted), Some((10,  2,    60_000, false)));
    settles(Use::Abandoned { counted: None },                           Some((500, 100, 3_000_000, true)));
    settles(Use::Abandoned { counted: Some(counted) },                  Some((10, 100, 1_530_000, true)));
    settles(Use::Unknown { counted: None, output_bytes: 40 },           Some((500, 20, 1_800_000, true)));
    settles(Use::Unknown { counted: Some(counted), output_bytes: 40 },  Some((10,  20,   330_000, true)));
    settles(Use::Unknown { counted: Some(counted), output_bytes: 9999 }, Some((10, 100, 1_530_000, true)));
}

#[test]
#[rustfmt::skip]
fn an_answer_that_broke_off_is_charged_to_its_limit_if_the_model_may_have_thought() {
    let counted = Tokens { input: 10, output: 2, ..Tokens::default() };
    let check = |thinks, used, want| {
        let (engine, kept) = engine();
        let mut wish = wish();
        wish.facts.thinks = thinks;
        let admission = admit(&engine, &grant(), wish).unwrap();
        engine.settle(admission, outcome(used));
        assert_eq!(kept.records.lock().unwrap()[0].tokens.output, want, "{thinks} {used:?}");
    };
    let cut = |counted| Use::Unknown { counted, output_bytes: 40 };
    check(false, cut(None),             20);
    check(true,  cut(None),            100);
    check(true,  cut(Some(counted)),   100);
    check(true,  Use::Counted(counted),  2);
    check(true,  Use::Refused,           0);
}

#[test]
fn input_that_may_have_been_written_to_the_cache_is_charged_as_such() {
    let (engine, kept) = engine();
    let mut wish = wish();
    wish.facts.cache = Some(estimate::CacheLife::OneHour);
    let admission = admit(&engine, &grant(), wish).unwrap();
    engine.settle(admission, outcome(Use::Abandoned { counted: None }));
    let records = kept.records.lock().unwrap();
    let record = records.first().unwrap();
    let written = (record.tokens.input, record.tokens.cache_write_1h);
    assert_eq!(written, (0, 500));
    assert_eq!(record.cost, Nanodollars(500 * 6_000 + 100 * 15_000));
}

#[test]
fn a_record_says_who_where_and_when() {
    let (engine, kept) = engine();
    let admission = admit(&engine, &grant(), wish()).unwrap();
    let event_id = admission.event_id();
    engine.settle(admission, outcome(Use::Refused));
    let records = kept.records.lock().unwrap();
    let record = records.first().unwrap();
    assert_eq!(record.event_id, event_id);
    assert_eq!(record.event_id.admitted_at(), Noon.now());
    assert_eq!(
        (record.key_id, record.user_id, record.team_id),
        (KeyId(1), Some(UserId(2)), Some(TeamId(3)))
    );
    assert_eq!(
        &*record.bedrock_model_id,
        "anthropic.claude-3-5-sonnet-20241022-v2:0"
    );
    assert_eq!(
        (&*record.region, record.residency.as_str()),
        ("eu-west-2", "in-region")
    );
    assert_eq!(record.cost, Nanodollars::ZERO);
}
