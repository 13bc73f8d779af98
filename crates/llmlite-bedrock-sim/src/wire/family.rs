//! What each family of Claude can do, one row for each.
//!
//! Told by the model's id, as nobody but a simulator should: here it is Bedrock that knows.

mod table;

use self::table::{ROWS, UNKNOWN};

/// One family of models.
///
/// Where sources disagree the row has the kinder value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// The part of a model's id that tells the family.
    pub(super) part: &'static str,
    /// Most tokens of an answer.
    pub(super) most_output: u64,
    /// Tokens of the whole conversation, answer included.
    pub(super) window: u64,
    /// Whether an answer that might outgrow the window is refused beforehand, or ends there.
    pub(super) counts_ahead: bool,
    pub(super) thinking: Thinks,
    /// How thinking is switched off where it is on by itself.
    pub(super) unasked: Unasked,
    /// Whether thoughts are shown when the request does not say.
    pub(super) shows_thoughts: bool,
    /// Whether thoughts are bound to all that stood before them.
    pub(super) binds_thoughts: bool,
    pub(super) sampling: Samples,
    /// Takes an answer's beginning as the last message.
    pub(super) prefill: bool,
    /// Values of `output_config.effort`, from little to much.
    pub(super) efforts: &'static [&'static str],
    /// Takes `output_config.format`.
    pub(super) schema: bool,
    /// Takes `strict` tools.
    pub(super) strict: bool,
    /// Can be made to call a tool.
    pub(super) forced_tool: bool,
    /// Keeps a prefix for an hour.
    pub(super) hour: bool,
    /// Places a point of the cache by itself, for `cache_control` beside the messages.
    pub(super) places_point: bool,
    /// Tokens of the shortest prefix that is kept; nothing is kept without one.
    pub(super) least_cached: Option<u64>,
    /// Takes `role: "system"` among the messages.
    pub(super) system_turns: bool,
}

/// The kinds of thinking that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinks {
    Never,
    /// `enabled` with a budget.
    Budget,
    /// `enabled` or `adaptive`.
    Both,
    /// `adaptive` only.
    Adaptive,
}

/// What happens without any word about thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unasked {
    /// Nothing: thinking is off, and `disabled` says so.
    Quiet,
    /// It thinks unless it is `disabled`.
    Thinks,
    /// It thinks; `between_tools` leaves only the thoughts about results.
    ThinksBetweenTools,
    /// It thinks, whatever is said.
    AlwaysThinks,
}

/// The sampling settings that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    All,
    /// `temperature` or `top_p`, not both.
    OneOfTwo,
    Nothing,
}

impl Family {
    /// The family whose part is the longest in the id; ids without any are met with patience.
    pub(crate) fn of(model: &str) -> &'static Self {
        let known = ROWS.iter().filter(|row| model.contains(row.part));
        known.max_by_key(|row| row.part.len()).unwrap_or(&UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_the_family_that_fits_it_best() {
        for (id, part) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", "-3-haiku"),
            ("anthropic.claude-3-5-haiku-20241022-v1:0", "-3-5-haiku"),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet-4-5"),
            ("anthropic.claude-sonnet-4-20250514-v1:0", "sonnet-4"),
            ("anthropic.claude-opus-4-20250514-v1:0", "opus-4"),
            ("anthropic.claude-opus-4-1-20250805-v1:0", "opus-4-1"),
            ("anthropic.claude-opus-4-6-v1", "opus-4-6"),
            ("global.anthropic.claude-opus-5", "opus-5"),
            ("global.anthropic.claude-opus-5-5", "opus-5-5"),
            ("anthropic.claude-fable-5", "fable-5"),
            ("anthropic.claude-fable-5-1", "fable-5-1"),
            ("anthropic.claude-mythos-preview", "mythos"),
            ("sim.claude-sonnet-5", "sonnet-5"),
            ("sim.claude", ""),
        ] {
            assert_eq!(Family::of(id).part, part, "{id}");
        }
    }

    #[test]
    fn no_two_rows_tell_the_same_family() {
        let parts: std::collections::HashSet<_> = ROWS.iter().map(|row| row.part).collect();
        assert_eq!(parts.len(), ROWS.len());
    }
}
