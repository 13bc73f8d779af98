//! The simulator's bill: priced, and sorted by the tags that stood in the prompts.

use std::collections::HashMap;

use llmlite_bedrock_sim::BillLine;
use uuid::Uuid;

use crate::{Failure, prices::Prices};

/// One generation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) event: Uuid,
    pub(crate) team: i64,
    pub(crate) user: i64,
    pub(crate) key: i64,
    /// In nanodollars.
    pub(crate) cost: i64,
}

/// All generations, with their prices.
pub(crate) fn items(lines: &[BillLine], prices: &Prices) -> Result<Vec<Item>, Failure> {
    lines.iter().map(|line| item(line, prices)).collect()
}

/// What each subject is billed for, by the number that `subject` picks.
pub(crate) fn sums(items: &[Item], subject: impl Fn(&Item) -> i64) -> HashMap<i64, i64> {
    let mut sums = HashMap::new();
    for item in items {
        *sums.entry(subject(item)).or_default() += item.cost;
    }
    sums
}

/// When a request was admitted, in milliseconds since 1970: the front of its `UUIDv7`, which the
/// gateway makes at that moment.
pub(crate) fn admitted_ms(event: Uuid) -> u64 {
    u64::try_from(event.as_u128() >> 80).unwrap_or_default()
}

/// One generation, with its price.
pub(crate) fn item(line: &BillLine, prices: &Prices) -> Result<Item, Failure> {
    let tag = line.tag.as_deref().unwrap_or_default();
    let [team, user, key] =
        subjects(tag).ok_or_else(|| format!("a generation of nobody: {line:?}"))?;
    let event = line.event_id().ok_or("a generation without an event id")?;
    Ok(Item {
        event: event.parse()?,
        team,
        user,
        key,
        cost: prices.cost(line)?,
    })
}

/// The numbers in `team-T/user-U/key-K`.
fn subjects(tag: &str) -> Option<[i64; 3]> {
    let mut parts = tag.split('/');
    let mut number = |prefix| parts.next()?.strip_prefix(prefix)?.parse().ok();
    Some([number("team-")?, number("user-")?, number("key-")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_a_team_a_user_and_a_key() {
        assert_eq!(subjects("team-1/user-22/key-333"), Some([1, 22, 333]));
        assert_eq!(subjects("team-1/key-333"), None);
        assert_eq!(subjects(""), None);
    }

    #[test]
    fn an_event_id_tells_when_it_was_made() {
        let event = "0190f5a0-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(admitted_ms(event), 0x0190_f5a0_0000);
    }
}
