//! Decides whether a request may run, and what it cost.
//!
//! Every request passes [`PolicyEngine::admit`] before Bedrock is called, and
//! [`PolicyEngine::settle`] once its answer has ended; nothing else knows limits or money.
//! No I/O happens here: time comes from a `Clock`, records go into a [`UsageSink`], and what has to
//! be asked of the store goes to a [`Messenger`].
//!
//! [`Limiter`] is the state machine of limits that are shared by several instances: it spends
//! leases of money, rates and permits without asking, and says what to ask the store.
//! `docs/adr/0012-leases-by-number-and-total.md` says why it cannot overspend.

pub mod engine;
mod escrow;
pub mod estimate;
mod learn;
pub mod limiter;
mod mark;
mod permits;
pub mod price;
mod ring;
mod settings;

pub use engine::{
    Admission, Denial, Entry, Errand, Messenger, Outcome, PolicyEngine, UsageSink, Use, Waiting,
    Wish,
};
pub use limiter::{Limiter, Ticket};
pub use settings::{BudgetOutage, RateOutage, Settings};
