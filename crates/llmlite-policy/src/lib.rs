//! Decides whether a request may run, and what it cost.
//!
//! Every request passes [`PolicyEngine::admit`] before Bedrock is called, and
//! [`PolicyEngine::settle`] once its answer has ended; nothing else knows limits or money.
//! No I/O happens here: time comes from a `Clock`, and records go into a [`UsageSink`].
//!
//! [`Limiter`] is the state machine of limits that are shared by several instances: it spends
//! leases of money, rates and permits without asking, and says what to ask the store.
//! `docs/adr/0012-leases-by-number-and-total.md` says why it cannot overspend.

pub mod engine;
mod escrow;
pub mod estimate;
pub mod limiter;
mod permits;
pub mod price;
mod ring;
mod settings;

pub use engine::{Admission, Denial, Outcome, PolicyEngine, UsageSink, Use, Wish};
pub use limiter::{Limiter, Ticket};
pub use settings::{BudgetOutage, RateOutage, Settings};
