//! The rows: each says in what a family differs from the one before it.

use super::{Family, Samples, Thinks, Unasked};

const TO_HIGH: &[&str] = &["low", "medium", "high"];
const TO_MAX: &[&str] = &["low", "medium", "high", "max"];
const ALL_EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];

pub(super) const ROWS: [Family; 24] = [
    CLAUDE_3,
    Family {
        part: "-3-sonnet",
        ..CLAUDE_3
    },
    Family {
        part: "-3-opus",
        ..CLAUDE_3
    },
    CLAUDE_3_5,
    Family {
        part: "-3-5-haiku",
        least_cached: Some(2_048),
        ..CLAUDE_3_5
    },
    CLAUDE_3_7,
    SONNET_4,
    OPUS_4,
    OPUS_4_1,
    SONNET_4_5,
    Family {
        part: "haiku-4-5",
        least_cached: Some(4_096),
        ..SONNET_4_5
    },
    OPUS_4_5,
    SONNET_4_6,
    Family {
        part: "opus-4-6",
        least_cached: Some(4_096),
        ..SONNET_4_6
    },
    OPUS_4_7,
    OPUS_4_8,
    SONNET_5,
    Family {
        part: "opus-5",
        least_cached: Some(512),
        ..SONNET_5
    },
    Family {
        part: "haiku-5-5",
        binds_thoughts: true,
        least_cached: Some(512),
        ..SONNET_5
    },
    Family {
        part: "sonnet-5-5",
        unasked: Unasked::ThinksBetweenTools,
        ..OPUS_5_5
    },
    OPUS_5_5,
    Family {
        part: "fable-5",
        binds_thoughts: false,
        forced_tool: true,
        ..OPUS_5_5
    },
    Family {
        part: "fable-5-1",
        ..OPUS_5_5
    },
    Family {
        part: "mythos",
        ..OPUS_5_5
    },
];

/// A model of which the id tells nothing takes what any family takes.
pub(super) const UNKNOWN: Family = Family {
    part: "",
    most_output: u64::MAX,
    window: u64::MAX,
    counts_ahead: false,
    thinking: Thinks::Both,
    unasked: Unasked::Quiet,
    shows_thoughts: true,
    binds_thoughts: false,
    sampling: Samples::All,
    prefill: true,
    efforts: ALL_EFFORTS,
    schema: true,
    strict: true,
    forced_tool: true,
    hour: true,
    places_point: true,
    least_cached: Some(0),
    system_turns: false,
};

const CLAUDE_3: Family = Family {
    part: "-3-haiku",
    most_output: 4_096,
    window: 200_000,
    counts_ahead: true,
    thinking: Thinks::Never,
    unasked: Unasked::Quiet,
    shows_thoughts: true,
    binds_thoughts: false,
    sampling: Samples::All,
    prefill: true,
    efforts: &[],
    schema: false,
    strict: false,
    forced_tool: true,
    hour: false,
    places_point: false,
    least_cached: None,
    system_turns: false,
};

const CLAUDE_3_5: Family = Family {
    part: "-3-5-sonnet",
    most_output: 8_192,
    least_cached: Some(1_024),
    ..CLAUDE_3
};

const CLAUDE_3_7: Family = Family {
    part: "-3-7-sonnet",
    most_output: 64_000,
    thinking: Thinks::Budget,
    ..CLAUDE_3_5
};

const SONNET_4: Family = Family {
    part: "sonnet-4",
    ..CLAUDE_3_7
};

const OPUS_4: Family = Family {
    part: "opus-4",
    most_output: 32_000,
    ..SONNET_4
};

const OPUS_4_1: Family = Family {
    part: "opus-4-1",
    sampling: Samples::OneOfTwo,
    ..OPUS_4
};

const SONNET_4_5: Family = Family {
    part: "sonnet-4-5",
    counts_ahead: false,
    sampling: Samples::OneOfTwo,
    schema: true,
    strict: true,
    hour: true,
    ..SONNET_4
};

const OPUS_4_5: Family = Family {
    part: "opus-4-5",
    efforts: TO_HIGH,
    least_cached: Some(4_096),
    ..SONNET_4_5
};

const SONNET_4_6: Family = Family {
    part: "sonnet-4-6",
    most_output: 128_000,
    window: 1_000_000,
    thinking: Thinks::Both,
    prefill: false,
    efforts: TO_MAX,
    ..SONNET_4_5
};

const OPUS_4_7: Family = Family {
    part: "opus-4-7",
    thinking: Thinks::Adaptive,
    shows_thoughts: false,
    sampling: Samples::Nothing,
    efforts: ALL_EFFORTS,
    strict: false,
    places_point: true,
    least_cached: Some(2_048),
    ..SONNET_4_6
};

const OPUS_4_8: Family = Family {
    part: "opus-4-8",
    least_cached: Some(1_024),
    system_turns: true,
    ..OPUS_4_7
};

const SONNET_5: Family = Family {
    part: "sonnet-5",
    unasked: Unasked::Thinks,
    ..OPUS_4_8
};

const OPUS_5_5: Family = Family {
    part: "opus-5-5",
    unasked: Unasked::AlwaysThinks,
    binds_thoughts: true,
    forced_tool: false,
    least_cached: Some(512),
    ..OPUS_4_8
};
