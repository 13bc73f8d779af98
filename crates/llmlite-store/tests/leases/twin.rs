//! The SQL and the model's database in memory are the same thing.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::{EventId, InstanceId, LimitId},
    limits::Ceiling,
    money::Nanodollars,
    ports::{instances::Instances, ledger::Ledger, quota::QuotaStore},
    quota::{AccountKey, BudgetLine, Call, PermitLine, RateLine},
};
use llmlite_model::Twin;
use llmlite_testkit::build::{a_record, at};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IteratorRandom};

use crate::books::{Books, DAY};

const SEEDS: u64 = 6;
const STEPS: usize = 180;

#[tokio::test]
async fn a_thousand_random_calls_and_charges_have_the_same_answers_as_in_memory() {
    for seed in 0..SEEDS {
        let mut both = Both::new(seed).await;
        for step in 0..STEPS {
            both.step(format!("seed {seed}, step {step}")).await;
        }
        both.books.assert_they_agree().await;
        // Otherwise nothing was compared.
        assert!(both.done > 50, "seed {seed}: only {} calls", both.done);
    }
}

/// A real database whose clock is set by hand, and its twin.
struct Both {
    books: Books,
    twin: Twin,
    random: StdRng,
    clock: SystemTime,
    budgets: Vec<LimitId>,
    rates: Vec<LimitId>,
    permits: Vec<LimitId>,
    /// With the number of their last call.
    lives: BTreeMap<InstanceId, u64>,
    closed: BTreeMap<InstanceId, u64>,
    events: u64,
    done: usize,
}

impl Both {
    async fn new(seed: u64) -> Self {
        let mut books = Books::new().await;
        // What functions call "clock_timestamp" is looked up when they run: ours comes first.
        let clockwork = "CREATE SCHEMA clockwork;
            CREATE TABLE clockwork.hand (at timestamptz NOT NULL);
            INSERT INTO clockwork.hand VALUES ('2026-11-24 10:00:00Z');
            CREATE FUNCTION clockwork.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                AS 'SELECT at FROM clockwork.hand';
            DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = clockwork, pg_catalog, public',
                current_database()); END $$";
        books.sql.batch_execute(clockwork).await.unwrap();
        books.store = books.database.store().await;
        let mut both = Self {
            twin: Twin::default(),
            random: StdRng::seed_from_u64(seed),
            clock: at(DAY + 36_000),
            budgets: Vec::new(),
            rates: Vec::new(),
            permits: Vec::new(),
            lives: BTreeMap::new(),
            closed: BTreeMap::new(),
            events: 0,
            done: 0,
            books,
        };
        both.set_limits().await;
        for _ in 0..3 {
            both.begin().await;
        }
        both
    }

    async fn set_limits(&mut self) {
        for high in [Some(5_000), Some(100_000), None] {
            self.budgets.push(self.books.budget(high).await);
            self.rates.push(self.books.rate(high.map(|n| n / 50)).await);
            self.permits
                .push(self.books.permits(high.map(|n| n / 500)).await);
            for (list, part) in [(&self.budgets, 1), (&self.rates, 50), (&self.permits, 500)] {
                let ceiling = high.map_or(Ceiling::Unlimited, |n| Ceiling::At(n / part));
                self.twin.set(*list.last().unwrap(), Some(ceiling));
            }
        }
        // One that nobody knows of.
        for list in [&mut self.budgets, &mut self.rates, &mut self.permits] {
            list.push(LimitId(1_000));
        }
    }

    async fn step(&mut self, place: String) {
        match self.random.random_range(0..20) {
            0..12 => self.exchange(&place).await,
            12..16 => self.flush().await,
            16..18 => self.turn_the_clock().await,
            18 => self.change_a_limit().await,
            _ => self.replace_an_instance().await,
        }
    }

    async fn exchange(&mut self, place: &str) {
        let (instance, number) = self.an_instance();
        // Now and then one that comes late or twice.
        let late = self.random.random_bool(0.1);
        let number = if late { number } else { number + 1 };
        let call = Call {
            number,
            budgets: self.budget_lines(),
            rates: self.rate_lines(),
            permits: self.permit_lines(),
        };
        let told = self.books.store.exchange(instance, &call).await;
        let expected = self.twin.exchange(instance, &call, self.clock);
        assert_eq!(told, expected, "{place}: {call:?}");
        self.done += usize::from(told.is_ok());
        self.lives.entry(instance).and_modify(|last| *last = number);
    }

    fn budget_lines(&mut self) -> Vec<BudgetLine> {
        let mut lines = Vec::new();
        for account in self.some_accounts() {
            let ask = self.amount(3_000);
            lines.push(BudgetLine {
                account,
                ends: None,
                least: self.random.random_range(0..=ask),
                ask,
                want: self.amount(9_000),
                give: self.amount(1_000),
            });
        }
        lines
    }

    fn rate_lines(&mut self) -> Vec<RateLine> {
        let mut lines = Vec::new();
        for limit in self.some_of(&self.rates.clone()) {
            let ask = self.amount(60);
            let slot = self.clock.duration_since(at(0)).unwrap().as_secs() as i64 / 2;
            let mut refunds = Vec::new();
            for _ in 0..self.random.random_range(0..3) {
                // Also of slots that have left the ring, and that are not in it yet.
                let before = self.random.random_range(-1..33);
                refunds.push((slot - before, self.random.random_range(0..20)));
            }
            lines.push(RateLine {
                limit,
                least: self.random.random_range(0..=ask),
                ask,
                want: self.amount(100),
                refunds,
                extra: self.amount(5),
            });
        }
        lines
    }

    fn permit_lines(&mut self) -> Vec<PermitLine> {
        let mut lines = Vec::new();
        for limit in self.some_of(&self.permits.clone()) {
            let hold = self.amount(15);
            let busy = self.amount(15).min(hold + 2);
            lines.push(PermitLine { limit, hold, busy });
        }
        lines
    }

    async fn flush(&mut self) {
        let (instance, _) = self.an_instance();
        let mut batch = Vec::new();
        for _ in 0..self.random.random_range(1..5) {
            let mut record = a_record(DAY);
            record.event_id = EventId::new(self.clock);
            record.accounts = self.some_accounts();
            record.cost = Nanodollars(self.random.random_range(0..2_000));
            self.events += 1;
            let accounts = record.accounts.clone();
            self.twin
                .flush(instance, self.events, accounts, record.cost.0);
            batch.push(record);
        }
        // Twice: the second time nothing happens.
        for new in [batch.len() as u64, 0] {
            let flushed = self.books.store.flush(instance, &batch).await;
            assert_eq!(flushed.unwrap(), new);
        }
    }

    async fn turn_the_clock(&mut self) {
        let millis = match self.random.random_range(0..10) {
            0 => -1_000,
            1 => 31_000,
            2 => 70_000,
            _ => self.random.random_range(0..4_000),
        };
        let by = Duration::from_millis(i64::unsigned_abs(millis));
        self.clock = if millis < 0 {
            self.clock - by
        } else {
            self.clock + by
        };
        self.books
            .run("UPDATE clockwork.hand SET at = $1", &[&self.clock])
            .await;
    }

    async fn change_a_limit(&mut self) {
        let lists = [&self.budgets, &self.rates, &self.permits];
        let known = lists.iter().flat_map(|list| list.iter().take(3));
        let limit = *known.choose(&mut self.random).unwrap();
        if self.random.random_bool(0.1) {
            self.books
                .run("DELETE FROM limits WHERE id = $1", &[&limit.0])
                .await;
            self.twin.set(limit, None);
            return;
        }
        let ceiling = self
            .random
            .random_bool(0.8)
            .then(|| self.random.random_range(0..20_000));
        let update = "UPDATE limits SET ceiling = $2 WHERE id = $1";
        let changed = self.books.sql.execute(update, &[&limit.0, &ceiling]).await;
        if changed.unwrap() == 1 {
            let ceiling = ceiling.map_or(Ceiling::Unlimited, Ceiling::At);
            self.twin.set(limit, Some(ceiling));
        }
    }

    async fn begin(&mut self) {
        let id = self.books.store.begin("test").await.unwrap();
        // The column's default is the true time.
        let now = "UPDATE gateway_instances SET heard_at = $2 WHERE id = $1";
        self.books.run(now, &[&id.0, &self.clock]).await;
        self.twin.begin(id, self.clock);
        self.lives.insert(id, 0);
    }

    async fn replace_an_instance(&mut self) {
        let (instance, number) = self.an_instance();
        self.books.store.close(instance).await.unwrap();
        self.twin.close(instance);
        if self.lives.remove(&instance).is_some() {
            self.closed.insert(instance, number);
            self.begin().await;
        }
    }

    /// One that is open, or rather seldom one that was closed.
    fn an_instance(&mut self) -> (InstanceId, u64) {
        let from_closed = !self.closed.is_empty() && self.random.random_bool(0.05);
        let lives = if from_closed {
            &self.closed
        } else {
            &self.lives
        };
        let (id, number) = lives.iter().choose(&mut self.random).unwrap();
        (*id, *number)
    }

    /// By rising number.
    fn some_of(&mut self, limits: &[LimitId]) -> Vec<LimitId> {
        let chosen = limits.iter().filter(|_| self.random.random_bool(0.5));
        chosen.copied().collect()
    }

    /// By rising account, in two windows.
    fn some_accounts(&mut self) -> Vec<AccountKey> {
        let mut accounts = Vec::new();
        for limit in self.some_of(&self.budgets.clone()) {
            for starts in [0, DAY] {
                if self.random.random_bool(0.5) {
                    let starts = at(starts);
                    accounts.push(AccountKey { limit, starts });
                }
            }
        }
        accounts
    }

    /// Nothing in half of the cases.
    fn amount(&mut self, most: i64) -> i64 {
        if self.random.random_bool(0.5) {
            return 0;
        }
        self.random.random_range(0..=most)
    }
}
