//! Leases of limits: a call is one statement and one round trip.
//!
//! What a call does is written in the database's function `exchange_quota`, so that each of its
//! steps begins after the locks before it were taken.

mod answer;
mod lines;

use async_trait::async_trait;
use llmlite_core::{
    ids::InstanceId,
    ports::quota::{QuotaFailure, QuotaStore},
    quota::{Announcement, Answer, Call},
};
use tracing::error;

use self::lines::Lines;
use crate::{pool::Unanswered, store::Store};

#[async_trait]
impl QuotaStore for Store {
    async fn exchange(&self, instance: InstanceId, call: &Call) -> Result<Answer, QuotaFailure> {
        let lines = Lines::of(instance, call);
        let rows = self.quota(EXCHANGE, &lines.params()).await;
        let rows = rows.map_err(|unanswered| told(&unanswered))?;
        let row = rows.first().ok_or(answer::Unreadable);
        row.and_then(|row| answer::read(row, call))
            .unwrap_or_else(|answer::Unreadable| {
                // It was carried out; the next answer that can be read tells what it did.
                error!("the database's answer to a call about limits cannot be read");
                Err(QuotaFailure::Unknown)
            })
    }

    async fn announce(&self, announcement: &Announcement) -> Result<bool, QuotaFailure> {
        let Announcement {
            account,
            threshold,
            settled,
            ceiling,
        } = announcement;
        let rows = self
            .quota(
                ANNOUNCE,
                &[
                    &account.limit.0,
                    &account.starts,
                    &i16::from(u8::from(*threshold)),
                    &settled.0,
                    &ceiling.0,
                ],
            )
            .await;
        let claimed = rows.map_err(|unanswered| told(&unanswered))?;
        Ok(!claimed.is_empty())
    }
}

fn told(unanswered: &Unanswered) -> QuotaFailure {
    if unanswered.may_be_done {
        QuotaFailure::Unknown
    } else {
        QuotaFailure::NotDone
    }
}

const EXCHANGE: &str = "\
-- quota.exchange
SELECT * FROM exchange_quota(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

const ANNOUNCE: &str = "\
-- quota.announce
INSERT INTO budget_announcements (limit_id, starts, threshold, settled, ceiling)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING 1";
