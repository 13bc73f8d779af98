//! A limiter at a desk, with a store of its own that answers at once, or not.

use std::collections::BTreeMap;

use llmlite_core::quota::{BudgetAnswer, PermitAnswer, RateAnswer, SLOT};

use super::*;
use llmlite_core::quota::Answer;

/// Ten in the morning of 24 November 2026, at the beginning of a slot.
const MORNING: Duration = Duration::from_secs(1_795_514_400);

pub(super) struct Desk {
    pub(super) limiter: Limiter,
    pub(super) now: Duration,
    pub(super) rules: Arc<[Limit]>,
    /// How far the database's clock is from ten o'clock when ours is at zero.
    pub(super) clock: Duration,
    pub(super) live: i64,
    pub(super) settled: i64,
    /// What other instances hold of every limit.
    pub(super) others: i64,
    pub(super) recalled: Vec<AccountKey>,
    leases: BTreeMap<AccountKey, (i64, i64)>,
    used: BTreeMap<LimitId, i64>,
    pub(super) calls: Vec<Arc<Call>>,
    pub(super) announced: Vec<u8>,
    decided: BTreeMap<WaiterId, Result<Admitted, Box<Refusal>>>,
}

impl Desk {
    pub(super) fn new(rules: &[Limit]) -> Self {
        Self::with(rules, Settings::default())
    }

    pub(super) fn with(rules: &[Limit], settings: Settings) -> Self {
        let mut desk = Self {
            limiter: Limiter::new(settings),
            now: Duration::ZERO,
            rules: rules.into(),
            clock: Duration::ZERO,
            live: 1,
            settled: 0,
            others: 0,
            recalled: Vec::new(),
            leases: BTreeMap::new(),
            used: BTreeMap::new(),
            calls: Vec::new(),
            announced: Vec::new(),
            decided: BTreeMap::new(),
        };
        desk.tick();
        desk
    }

    pub(super) fn wish(&self, worst: i64, tokens: i64) -> Wish {
        Wish {
            rules: Arc::clone(&self.rules),
            worst: Nanodollars(worst),
            least: Nanodollars(worst / 2),
            tokens,
        }
    }

    /// Asks, and has the store answer until there is a verdict.
    pub(super) fn admit(&mut self, worst: i64, tokens: i64) -> Result<Admitted, Box<Refusal>> {
        match self.limiter.admit(self.now, self.wish(worst, tokens)) {
            Verdict::Admitted(admitted) => Ok(admitted),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Wait(need) => {
                let call = need.ask.expect("no other call is under way");
                self.carry_out(call);
                for _ in 0..100 {
                    if let Some(verdict) = self.decided.remove(&need.waiter) {
                        return verdict;
                    }
                    self.now += millis(50);
                    self.tick();
                }
                panic!("no verdict after five seconds");
            }
        }
    }

    #[track_caller]
    pub(super) fn admits(&mut self, worst: i64, tokens: i64) -> Ticket {
        self.admit(worst, tokens).expect("it is admitted").ticket
    }

    #[track_caller]
    pub(super) fn refuses(&mut self, worst: i64, tokens: i64) -> Refusal {
        *self.admit(worst, tokens).expect_err("it is refused")
    }

    /// Asks, and leaves the store's call lying.
    pub(super) fn wait(&mut self, worst: i64) -> Need {
        match self.limiter.admit(self.now, self.wish(worst, 0)) {
            Verdict::Wait(need) => need,
            verdict => panic!("it does not wait: {verdict:?}"),
        }
    }

    pub(super) fn verdict(&mut self, need: &Need) -> Option<Result<Admitted, Box<Refusal>>> {
        self.decided.remove(&need.waiter)
    }

    pub(super) fn tick(&mut self) {
        let commands = self.limiter.tick(self.now);
        self.obey(commands);
    }

    /// Lets time pass, with a tick every second.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += millis(1_000);
            self.tick();
        }
    }

    pub(super) fn settle(&mut self, ticket: Ticket, actual: Actual) {
        let settled = self.limiter.settle(self.now, ticket, actual);
        if let Actual::Used { cost, .. } = actual {
            for key in &settled.accounts {
                let (held, drawn) = self.leases.entry(*key).or_default();
                let take = cost.0.min(*held);
                *held -= take;
                *drawn += take;
            }
            self.settled += cost.0;
            let costs: Vec<_> = settled.accounts.iter().map(|key| (*key, cost)).collect();
            self.limiter.acknowledged(&costs);
        }
    }

    /// Carries out a call, and all that follow from it.
    pub(super) fn carry_out(&mut self, call: Arc<Call>) {
        let answer = self.answer(&call);
        self.calls.push(call);
        let commands = self.limiter.answered(self.now, &answer);
        self.obey(commands);
    }

    pub(super) fn fail(&mut self, call: &Call, failure: QuotaFailure) -> Vec<Arc<Call>> {
        let commands = self.limiter.failed(self.now, call.number, failure);
        let mut asked = Vec::new();
        for command in commands {
            match command {
                Command::Ask(call) => asked.push(call),
                other => self.obey(vec![other]),
            }
        }
        asked
    }

    /// Fails calls until the limiter leaves the store alone.
    pub(super) fn lose_store(&mut self) {
        let mut next = self.limiter.changed(self.now, &[]);
        while let Some(Command::Ask(call)) = next.pop() {
            next = self
                .limiter
                .failed(self.now, call.number, QuotaFailure::NotDone);
        }
    }

    pub(super) fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Ask(call) => self.carry_out(call),
                Command::Decide(waiter, verdict) => {
                    self.decided.insert(waiter, verdict);
                }
                Command::Announce(told) => self.announced.push(told.threshold.into()),
            }
        }
    }

    pub(super) fn money(&self) -> Books {
        let mut books = self.limiter.books();
        books.next().expect("there is one account")
    }

    pub(super) fn held(&self) -> i64 {
        self.leases.values().map(|(held, _)| held).sum()
    }

    fn ceiling(&self, id: LimitId) -> Ceiling {
        let time = SystemTime::UNIX_EPOCH + MORNING + self.clock + self.now;
        let rule = self.rules.iter().find(|rule| rule.id == id);
        rule.map_or(Ceiling::Unlimited, |rule| rule.ceiling_at(time))
    }

    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        let time = MORNING + self.clock + self.now;
        let clock = SystemTime::UNIX_EPOCH + time;
        Answer {
            number: call.number,
            clock,
            live: self.live,
            budgets: call.budgets.iter().map(|line| self.budget(line)).collect(),
            rates: call
                .rates
                .iter()
                .map(|line| self.rate(line, time))
                .collect(),
            permits: call.permits.iter().map(|line| self.permit(*line)).collect(),
            recalled: self.recalled.clone(),
        }
    }

    fn budget(&mut self, line: &llmlite_core::quota::BudgetLine) -> BudgetAnswer {
        let ceiling = self.ceiling(line.account.limit);
        let high = high(ceiling) - self.settled - self.others;
        let lease = self.leases.entry(line.account).or_default();
        let left = high - lease.0;
        let grows = grant(left, (line.least, line.ask, line.want), self.live);
        lease.0 += grows - line.give;
        BudgetAnswer {
            account: line.account,
            ceiling,
            overdraft: 0,
            settled: self.settled,
            others: self.others,
            left: high - lease.0,
            granted: lease.0 + lease.1,
            drawn: lease.1,
        }
    }

    fn rate(&mut self, line: &llmlite_core::quota::RateLine, time: Duration) -> RateAnswer {
        let ceiling = self.ceiling(line.limit);
        let refunds: i64 = line.refunds.iter().map(|(_, units)| units).sum();
        let used = self.used.entry(line.limit).or_default();
        *used += line.extra - refunds;
        let left = high(ceiling) - self.others - *used;
        let granted = grant(left, (line.least, line.ask, line.want), self.live);
        *used += granted;
        let slot = i64::try_from(time.as_secs() / SLOT.as_secs()).unwrap();
        RateAnswer {
            limit: line.limit,
            ceiling,
            granted,
            slot,
            left: left - granted,
            frees: (line.least <= high(ceiling)).then_some(slot + 10),
        }
    }

    fn permit(&mut self, line: llmlite_core::quota::PermitLine) -> PermitAnswer {
        let ceiling = self.ceiling(line.limit);
        PermitAnswer {
            limit: line.limit,
            ceiling,
            held: line.hold.min(high(ceiling) - self.others).max(0),
            others: self.others,
        }
    }

    /// Units that the store counts against a rate.
    pub(super) fn used(&self, id: LimitId) -> i64 {
        self.used.get(&id).copied().unwrap_or(0)
    }
}

fn high(ceiling: Ceiling) -> i64 {
    match ceiling {
        Ceiling::At(n) => n,
        Ceiling::Unlimited => i64::MAX / 4,
    }
}

fn grant(left: i64, (least, ask, want): (i64, i64, i64), live: i64) -> i64 {
    if left < least || left <= 0 {
        return 0;
    }
    ask.min(left).max(want.min(left / (2 * live)))
}
