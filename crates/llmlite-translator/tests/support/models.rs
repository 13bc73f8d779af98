//! One model of each generation, as an embedder would describe it.
#![allow(dead_code, reason = "each test program uses some of these")]

use llmlite_translator::{Adaptive, Model, PromptCache, Sampling, Thinking, ThinkingOff};

/// Neither thinks nor caches, takes any sampling: the oldest generation.
pub(crate) fn plain() -> Model {
    Model {
        max_output_tokens: 8192,
        default_max_tokens: 4096,
        sampling: Sampling::Both,
        prefill: true,
        vision: true,
        pdf: true,
        forced_tool: true,
        thinking: Thinking::None,
        json_schema: false,
        strict_tools: false,
        cache: None,
        system_turns: false,
    }
}

/// Thinks within a budget, without schemas of its own, like Claude Sonnet 4.
pub(crate) fn budget() -> Model {
    Model {
        max_output_tokens: 64_000,
        default_max_tokens: 8192,
        thinking: Thinking::Budget,
        cache: Some(PromptCache {
            min_tokens: 1024,
            one_hour: false,
        }),
        ..plain()
    }
}

/// Thinks within a budget and takes schemas, like Claude Sonnet 4.5.
pub(crate) fn schemas() -> Model {
    Model {
        sampling: Sampling::OneOf,
        json_schema: true,
        strict_tools: true,
        cache: Some(PromptCache {
            min_tokens: 1024,
            one_hour: true,
        }),
        ..budget()
    }
}

/// Thinks adaptively when asked or within a budget, like Claude Opus 4.6.
pub(crate) fn both() -> Model {
    Model {
        max_output_tokens: 128_000,
        prefill: false,
        thinking: Thinking::Adaptive(Adaptive {
            off: ThinkingOff::Unasked,
            budget: true,
            xhigh: false,
            max: true,
            hidden: false,
        }),
        ..schemas()
    }
}

/// Thinks adaptively unless told not to, takes no sampling, like Claude Sonnet 5.
pub(crate) fn adaptive() -> Model {
    Model {
        sampling: Sampling::None,
        thinking: Thinking::Adaptive(Adaptive {
            off: ThinkingOff::Disabled,
            budget: false,
            xhigh: true,
            max: true,
            hidden: true,
        }),
        strict_tools: false,
        system_turns: true,
        ..both()
    }
}

/// Always thinks and cannot be made to call a tool, like Claude Opus 5.5.
pub(crate) fn thinker() -> Model {
    Model {
        forced_tool: false,
        json_schema: false,
        thinking: Thinking::Adaptive(Adaptive {
            off: ThinkingOff::Never,
            budget: false,
            xhigh: true,
            max: true,
            hidden: true,
        }),
        ..adaptive()
    }
}

/// The model that a golden request names.
pub(crate) fn named(name: &str) -> Model {
    match name {
        "budget" => budget(),
        "schemas" => schemas(),
        "both" => both(),
        "adaptive" => adaptive(),
        "thinker" => thinker(),
        _ => plain(),
    }
}

/// All of them, with their names.
pub(crate) fn all() -> [(&'static str, Model); 6] {
    ["plain", "budget", "schemas", "both", "adaptive", "thinker"].map(|name| (name, named(name)))
}
