//! Tells people that budgets run out: a log line, a metric and a signed webhook.
//!
//! [`Alerts`] hears of each threshold that this instance has claimed, logs it and counts it.
//! [`Deliveries`] empties the outbox of the database, whichever instance filled it, into a
//! [`Webhook`]: at least once, under a name that stays the same, as the Standard Webhooks
//! specification describes. What a receiver has to know is in `docs/alerts.md`.

mod body;
mod deliveries;
mod secret;
mod sink;
mod url;
mod webhook;

pub use deliveries::{Deliveries, PAUSES};
pub use secret::{BadSecret, WebhookSecret};
pub use sink::Alerts;
pub use url::{BadUrl, WebhookUrl};
pub use webhook::{NotDelivered, Webhook};
