//! What an operator can set about limits, with the defaults.

use std::time::Duration;

use llmlite_core::{limits::Durability, money::Nanodollars};

/// How leases are taken, kept and given back.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an outage of the database the leases of money should last for, at the present
    /// pace. 120 s.
    pub horizon: Duration,
    /// Money that nobody used for this long goes back. 30 s.
    pub idle: Duration,
    /// Permits that nobody used for this long go back. 2 s.
    pub idle_permit: Duration,
    /// How long a request waits for others to give back idle money, before it is refused. 300 ms.
    pub recall_wait: Duration,
    /// How long the database's refusal is taken for the answer to the next request too. 500 ms.
    pub refusal_memory: Duration,
    /// How long a request waits for the database at all. 300 ms.
    pub patience: Duration,
    /// How often leases are looked over. 1 s; call [`Limiter::tick`](crate::Limiter::tick) at
    /// about that pace, not all instances at once.
    pub scan: Duration,
    /// Leased permits start nothing when the database has not heard of us for this long. 25 s,
    /// because it takes them for free after 30.
    pub heartbeat: Duration,
    /// What happens to requests beyond the leases of money while the database is away.
    pub budget_outage: BudgetOutage,
    /// What happens to requests beyond the leases of rates and permits while it is away.
    pub rate_outage: RateOutage,
    /// Whether tokens that were read from the prompt cache count towards rates of tokens. They do
    /// not.
    pub count_cache_reads: bool,
    /// Where requests are written down before they run, where no budget of theirs says it.
    pub durability: Durability,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            horizon: Duration::from_secs(120),
            idle: Duration::from_secs(30),
            idle_permit: Duration::from_secs(2),
            recall_wait: Duration::from_millis(300),
            refusal_memory: Duration::from_millis(500),
            patience: Duration::from_millis(300),
            scan: Duration::from_secs(1),
            heartbeat: Duration::from_secs(25),
            budget_outage: BudgetOutage::Deny,
            rate_outage: RateOutage::Share,
            count_cache_reads: false,
            durability: Durability::default(),
        }
    }
}

/// What happens to requests beyond the leases of money while the database is away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BudgetOutage {
    /// They are refused: no budget is ever exceeded.
    #[default]
    Deny,
    /// Each instance may overdraw each account by this much, which is booked when the database is
    /// back. A budget may then be exceeded by the number of instances times this amount.
    AllowUpTo(Nanodollars),
}

/// What happens to requests beyond the leases of rates and permits while the database is away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RateOutage {
    /// Each instance admits its share by its own count: the ceiling divided by the instances that
    /// were alive when the database was last heard, rounded down.
    #[default]
    Share,
    /// They are refused.
    Deny,
}
