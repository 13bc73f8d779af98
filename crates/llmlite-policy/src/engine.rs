//! The choke point: admission on the way in, settlement on the way out.

use std::{
    collections::HashMap,
    fmt, future, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use llmlite_core::{
    catalogue::ServedModel,
    ids::{EventId, LimitId},
    keys::{KeyGrant, KeyStatus},
    limits::{Durability, Limit, Measure},
    money::Nanodollars,
    ports::{clock::Clock, quota::QuotaFailure},
    quota::{AccountKey, Announcement, Answer, Call},
    usage::{Tokens, UsageRecord},
};

use crate::{
    Limiter, Settings, estimate,
    learn::Lengths,
    limiter::{
        self, Actual, Admitted, Books, Command, Need, Refusal, Standing, Underestimates, Verdict,
        WaiterId,
    },
    price,
};

mod admission;
mod outcome;
mod waiting;

pub use admission::{Admission, Wish};
pub use outcome::{Outcome, Use};
pub use waiting::{Entry, Waiting};

use self::{admission::Draft, waiting::Seat};

/// What the store told of a limit so lately is no reason to ask again for a look at it. More than a
/// slot of a rate lasts.
const RECENT: Duration = Duration::from_secs(3);

/// Keeps the records of requests until the ledger has them.
pub trait UsageSink: Send + Sync {
    /// A request is about to reach Bedrock. The record is what has to be written down if nothing
    /// more is heard of it, in a place as safe as `durability` says. Returns whether it could be
    /// kept; if not, the request does not run.
    fn begin(&self, record: UsageRecord, durability: Durability) -> bool;

    /// That request never reached Bedrock.
    fn withdraw(&self, event: EventId);

    /// That request has ended: keeps its record, at once and for good.
    fn keep(&self, record: UsageRecord);

    /// Whether more can be kept. While it cannot, nothing new is admitted.
    fn has_room(&self) -> bool;
}

/// Does what the limits need to have done, soon and elsewhere.
pub trait Messenger: Send + Sync {
    /// Takes the errand on. Must not block.
    fn carry(&self, errand: Errand);
}

/// What the limits need to have done.
#[derive(Debug, Clone)]
pub enum Errand {
    /// Ask the store, and hand in what it says with [`PolicyEngine::answered`] or
    /// [`PolicyEngine::failed`]. There is never more than one of these under way.
    Ask(Arc<Call>),
    /// Claim the right to tell people, and tell them if it was to be had.
    Announce(Announcement),
    /// [`PolicyEngine::wakes`] may be earlier than it was.
    Hurry,
}

/// Decides whether a request may run, and what it cost.
///
/// Whoever owns it carries out the errands, and calls [`PolicyEngine::tick`] every second or so
/// and at [`PolicyEngine::wakes`].
pub struct PolicyEngine {
    state: Mutex<State>,
    sink: Arc<dyn UsageSink>,
    messenger: Arc<dyn Messenger>,
    clock: Arc<dyn Clock>,
    began: Instant,
    region: Arc<str>,
    count_cache_reads: bool,
    durability: Durability,
}

/// What is behind the one lock. No call of it does more than a few microseconds of work.
#[derive(Debug)]
struct State {
    limiter: Limiter,
    lengths: Lengths,
    seats: HashMap<WaiterId, Seat>,
    /// Woken whenever the store has answered, or failed to.
    onlookers: Vec<Waker>,
    /// How often it has failed to.
    failures: u64,
}

/// Why a request may not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// The key was taken back.
    KeyRevoked,
    /// The key's time has run out.
    KeyExpired,
    /// The key may not call this model.
    ModelNotAllowed,
    /// The database is away, and no more usage can be kept for it.
    LedgerFull,
    /// A budget wants the request to be in the database before it runs, and it cannot be put there.
    NotListed,
    /// A limit does not allow it, or cannot be asked.
    Limited(Box<Refusal>),
}

impl PolicyEngine {
    /// An engine for calls of `region`, whose records go into `sink`.
    pub fn new(
        settings: Settings,
        sink: Arc<dyn UsageSink>,
        messenger: Arc<dyn Messenger>,
        clock: Arc<dyn Clock>,
        region: Arc<str>,
    ) -> Self {
        let count_cache_reads = settings.count_cache_reads;
        let durability = settings.durability;
        Self {
            state: Mutex::new(State {
                limiter: Limiter::new(settings),
                lengths: Lengths::default(),
                seats: HashMap::new(),
                onlookers: Vec::new(),
                failures: 0,
            }),
            sink,
            messenger,
            began: clock.instant(),
            clock,
            region,
            count_cache_reads,
            durability,
        }
    }

    /// Whether the key may be used at all: asked before a body is read.
    ///
    /// # Errors
    ///
    /// When it was revoked or has expired.
    pub fn check_key(&self, grant: &KeyGrant) -> Result<(), Denial> {
        match grant.status(self.clock.now()) {
            KeyStatus::Active => Ok(()),
            KeyStatus::Expired => Err(Denial::KeyExpired),
            KeyStatus::Revoked => Err(Denial::KeyRevoked),
        }
    }

    /// Whether a request of the key can run at all, whatever is in it: asked before a body is read.
    /// Nothing is asked of the store for it.
    ///
    /// # Errors
    ///
    /// When a limit for all models is known to be used up.
    pub fn check_limits(&self, grant: &KeyGrant) -> Result<(), Denial> {
        match self
            .state()
            .limiter
            .peek(self.time(), grant.rules.overall())
        {
            Some(refusal) => Err(Denial::Limited(refusal)),
            None => Ok(()),
        }
    }

    /// Lets a request through to Bedrock, says why not, or says what to wait for.
    ///
    /// # Errors
    ///
    /// When it may not run. Nothing is written down then.
    pub fn admit(self: &Arc<Self>, grant: &KeyGrant, wish: Wish) -> Result<Entry, Denial> {
        self.check_key(grant)?;
        if !grant.models.allows(&wish.model.name) {
            return Err(Denial::ModelNotAllowed);
        }
        if !self.sink.has_room() {
            return Err(Denial::LedgerFull);
        }
        let rules = grant.rules.of(&wish.model.name);
        let prices = &wish.model.prices;
        let worst = estimate::worst(&wish.facts, prices);
        let least = match wish.may_be_clamped {
            true => estimate::least(&wish.facts, prices),
            false => worst,
        };
        let mut state = self.state();
        let asked = limiter::Wish {
            rules: Arc::clone(rules),
            worst,
            least,
            tokens: state.likely(grant, &wish, rules),
        };
        let verdict = state.limiter.admit(self.time(), asked);
        if let Verdict::Wait(need) = &verdict {
            state.seats.insert(need.waiter, Seat::Empty(None));
        }
        drop(state);
        let durability = grant.rules.durability(&wish.model.name);
        let durability = durability.unwrap_or(self.durability);
        let draft = Draft::new(grant, wish, worst, durability);
        match verdict {
            Verdict::Admitted(admitted) => Ok(Entry::Admitted(self.begin(draft, admitted)?)),
            Verdict::Refused(refusal) => Err(Denial::Limited(refusal)),
            Verdict::Wait(Need { waiter, ask }) => {
                if let Some(call) = ask {
                    self.messenger.carry(Errand::Ask(call));
                }
                self.messenger.carry(Errand::Hurry);
                Ok(Entry::Waits(Waiting::new(Arc::clone(self), waiter, draft)))
            }
        }
    }

    /// Why a request that was clamped cannot run after all: translated anew it has these facts,
    /// and they cost more than what was left. Its admission was given back before.
    pub fn too_dear(
        &self,
        grant: &KeyGrant,
        model: &ServedModel,
        facts: &estimate::Facts,
    ) -> Denial {
        let wish = limiter::Wish {
            rules: Arc::clone(grant.rules.of(&model.name)),
            worst: estimate::worst(facts, &model.prices),
            least: estimate::worst(facts, &model.prices),
            tokens: 0,
        };
        let refusal = self.state().limiter.explain(self.time(), &wish);
        Denial::Limited(refusal.unwrap_or_else(|| Box::new(Refusal::away())))
    }

    /// Charges a request that has ended. From here on its record is the sink's to keep.
    pub fn settle(&self, admission: Admission, outcome: Outcome) {
        let Some((tokens, estimated)) = outcome.used.tokens(&admission) else {
            self.give_back(admission);
            return;
        };
        let cost = price::cost(&admission.model().prices, &tokens);
        let counted_tokens = self.counted(&tokens);
        let actual = Actual::Used {
            cost,
            tokens: counted_tokens,
        };
        let (ticket, mut record) = admission.ended(&self.region);
        let learns = matches!(outcome.used, Use::Counted(_)) && counts_tokens(ticket.rules());
        let mut state = self.state();
        if learns {
            let (key, model) = (record.key_id, &record.model);
            state.lengths.saw(key, model, tokens.output);
        }
        let settled = state.limiter.settle(self.time(), ticket, actual);
        drop(state);
        record.accounts = settled.accounts;
        record.tokens = tokens;
        record.cost = cost;
        record.estimated = estimated;
        outcome.note(&mut record);
        self.sink.keep(record);
    }

    /// The ledger has written these down for good.
    pub fn acknowledged(&self, records: &[UsageRecord]) {
        let charges = records.iter().flat_map(|record| {
            let accounts = record.accounts.iter();
            accounts.map(|account| (*account, record.cost))
        });
        let charges: Vec<(AccountKey, Nanodollars)> = charges.collect();
        if !charges.is_empty() {
            self.state().limiter.acknowledged(&charges);
        }
    }

    /// How the limits stand that bind the key's calls of this model, in their order; without a
    /// model, all that bind the key.
    pub fn standings(&self, grant: &KeyGrant, model: Option<&str>) -> Vec<(Limit, Standing)> {
        let rules: Vec<&Limit> = match model {
            Some(model) => grant.rules.of(model).iter().collect(),
            None => grant.rules.all().collect(),
        };
        if rules.is_empty() {
            return Vec::new();
        }
        let now = self.time();
        let standings = self.state().limiter.standings(now, rules.iter().copied());
        rules.into_iter().cloned().zip(standings).collect()
    }

    /// Has the store told how the limits stand that bind the key, unless it has lately; returns
    /// when it has, or has failed to. Whoever waits decides for how long.
    pub async fn look_up(&self, grant: &KeyGrant) {
        let began = self.time();
        let known = |state: &mut State, now: Duration| {
            let age = RECENT.max(now.saturating_sub(began));
            state.limiter.are_known(now, grant.rules.all(), age)
        };
        let failures = {
            let mut state = self.state();
            if known(&mut state, began) {
                return;
            }
            state.failures
        };
        // A call may be under way already, and a first one only brings the database's time.
        let mut asks = 3;
        future::poll_fn(|context| {
            let mut state = self.state();
            if state.failures != failures || known(&mut state, self.time()) {
                return Poll::Ready(());
            }
            state.onlookers.push(context.waker().clone());
            drop(state);
            if asks > 0 {
                asks -= 1;
                self.obey(|limiter, now| limiter.look_up(now, grant.rules.all()));
            }
            Poll::Pending
        })
        .await;
    }

    /// Looks over all leases when it is time to, and over the requests that wait.
    pub fn tick(&self) {
        self.obey(Limiter::tick);
    }

    /// When to call [`PolicyEngine::tick`] next, if that is before the next regular one.
    pub fn wakes(&self) -> Option<Instant> {
        let now = self.time();
        let wakes = self.state().limiter.wakes(now);
        wakes.map(|at| self.began + at)
    }

    /// The store has answered a call.
    pub fn answered(&self, answer: &Answer) {
        self.obey(|limiter, now| limiter.answered(now, answer));
        self.wake_onlookers(false);
    }

    /// The store has not answered the call of that number.
    pub fn failed(&self, number: u64, failure: QuotaFailure) {
        self.obey(|limiter, now| limiter.failed(now, number, failure));
        self.wake_onlookers(true);
    }

    /// These limits were set, changed or taken away.
    pub fn changed(&self, limits: &[LimitId]) {
        self.obey(|limiter, now| limiter.changed(now, limits));
    }

    /// Changes may have been missed.
    pub fn all_changed(&self) {
        self.obey(Limiter::all_changed);
    }

    /// Others are short of money in these budgets.
    pub fn recalled(&self, accounts: &[AccountKey]) {
        self.obey(|limiter, now| limiter.recalled(now, accounts));
    }

    /// Admits nothing more, and gives all leases back as requests end.
    pub fn drain(&self) {
        self.obey(Limiter::drain);
    }

    /// Whether, after [`PolicyEngine::drain`], nothing is under way, unwritten or leased any more.
    pub fn is_drained(&self) -> bool {
        self.state().limiter.is_drained()
    }

    /// Whether the store was ever heard. Before that nothing with a limit can be admitted.
    pub fn is_ready(&self) -> bool {
        self.state().limiter.is_ready()
    }

    /// Whether the store is away, so that requests run on what is leased.
    pub fn is_degraded(&self) -> bool {
        self.state().limiter.is_degraded()
    }

    /// Whether the leases were closed by somebody else: the process must start anew.
    pub fn is_fenced(&self) -> bool {
        self.state().limiter.is_fenced()
    }

    /// What every account holds here, in no particular order: for metrics.
    pub fn books(&self) -> Vec<Books> {
        self.state().limiter.books().collect()
    }

    /// What has cost more than its worst case.
    pub fn underestimates(&self) -> Underestimates {
        self.state().limiter.underestimates()
    }

    /// Turns what the limits have granted into the right to call Bedrock.
    fn begin(&self, draft: Draft, admitted: Admitted) -> Result<Admission, Denial> {
        let id = EventId::new(self.clock.now());
        let admission = draft.admitted(id, admitted);
        let intent = admission.intent(&self.region);
        if self.sink.begin(intent, admission.durability()) {
            return Ok(admission);
        }
        self.give_back(admission);
        Err(Denial::LedgerFull)
    }

    fn give_back(&self, admission: Admission) {
        let event = admission.event_id();
        let (ticket, _) = admission.ended(&self.region);
        let now = self.time();
        self.state().limiter.settle(now, ticket, Actual::NotSent);
        self.sink.withdraw(event);
    }

    fn wake_onlookers(&self, failed: bool) {
        let mut state = self.state();
        state.failures += u64::from(failed);
        let onlookers = mem::take(&mut state.onlookers);
        drop(state);
        onlookers.into_iter().for_each(Waker::wake);
    }

    /// Has the limiter do something, and then done what it wants for it.
    fn obey(&self, what: impl FnOnce(&mut Limiter, Duration) -> Vec<Command>) {
        let mut wakers: Vec<Waker> = Vec::new();
        let mut errands = Vec::new();
        let now = self.time();
        let mut guard = self.state();
        let state = &mut *guard;
        for command in what(&mut state.limiter, now) {
            match command {
                Command::Ask(call) => errands.push(Errand::Ask(call)),
                Command::Announce(announcement) => errands.push(Errand::Announce(announcement)),
                Command::Decide(waiter, verdict) => {
                    wakers.extend(state.decide(now, waiter, verdict));
                }
            }
        }
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
        for errand in errands {
            self.messenger.carry(errand);
        }
    }

    /// The tokens that count towards rates. What was read from the cache costs Bedrock next to
    /// nothing, and counts only if that is set.
    fn counted(&self, tokens: &Tokens) -> i64 {
        let reads = if self.count_cache_reads {
            tokens.cache_read
        } else {
            0
        };
        let all = tokens
            .input
            .saturating_add(tokens.output)
            .saturating_add(tokens.cache_write())
            .saturating_add(reads);
        i64::try_from(all).unwrap_or(i64::MAX)
    }

    fn time(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.began)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        #[cfg(test)]
        tests::race::before_lock();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The tokens that the request will probably count towards rates.
    fn likely(&mut self, grant: &KeyGrant, wish: &Wish, rules: &[Limit]) -> i64 {
        if !counts_tokens(rules) {
            return 0;
        }
        let usual = self.lengths.usual(grant.key_id, &wish.model.name);
        let output = usual.unwrap_or(wish.facts.max_tokens);
        estimate::likely(&wish.facts, output.max(estimate::LEAST_OUTPUT))
    }
}

fn counts_tokens(rules: &[Limit]) -> bool {
    rules
        .iter()
        .any(|limit| limit.measure == Measure::TokensPerMinute)
}

impl fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyEngine")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
