//! What a model can do, as far as translation depends on it.

/// What a model can do, handed in by the caller.
#[derive(Debug, Clone)]
pub struct Model {
    /// Longest answer that the model gives, in tokens; longer wishes are cut to it.
    pub max_output_tokens: u32,
    /// Longest answer when the client names none, in tokens.
    pub default_max_tokens: u32,
    /// Which sampling settings the model takes.
    pub sampling: Sampling,
    /// Whether the model continues an answer that the client began.
    pub prefill: bool,
    /// Whether the model reads pictures.
    pub vision: bool,
    /// Whether the model reads PDF files.
    pub pdf: bool,
    /// Whether the model can be made to call a tool; one that cannot is left free to.
    ///
    /// No model can be made to while it thinks within a budget.
    pub forced_tool: bool,
    /// How the model thinks before it answers.
    pub thinking: Thinking,
    /// Whether the model takes a JSON Schema for its answer (`output_config.format`).
    pub json_schema: bool,
    /// Whether the model takes `strict` on tools.
    pub strict_tools: bool,
    /// The model's prompt cache, if it has one.
    pub cache: Option<PromptCache>,
    /// Whether the model takes instructions in the middle of a conversation (role `system`).
    pub system_turns: bool,
}

impl Model {
    /// The same model with answers of at most `most` tokens; `None` if its own are no longer.
    pub(crate) fn shortened(&self, most: u32) -> Option<Self> {
        (most < self.max_output_tokens).then(|| Self {
            max_output_tokens: most,
            ..self.clone()
        })
    }
}

/// Which sampling settings a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// `temperature` and `top_p` together.
    Both,
    /// One of the two: `temperature` wins and `top_p` is dropped.
    OneOf,
    /// Neither, nor `top_k`.
    None,
}

/// How a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// It does not.
    None,
    /// When asked, within a number of tokens: `{"type":"enabled","budget_tokens":N}`.
    Budget,
    /// As much as it sees fit, steered by an effort: `{"type":"adaptive"}`.
    Adaptive(Adaptive),
}

/// How a model thinks that decides itself how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    /// How it is kept from thinking.
    pub off: ThinkingOff,
    /// Whether it also takes a number of tokens.
    pub budget: bool,
    /// Whether it knows the effort `xhigh`.
    pub xhigh: bool,
    /// Whether it knows the effort `max`.
    pub max: bool,
    /// Whether it leaves its thoughts out of the answer unless they are asked for.
    pub hidden: bool,
}

/// How a model is kept from thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingOff {
    /// By not asking for it.
    Unasked,
    /// By `{"type":"disabled"}`.
    Disabled,
    /// Not quite: by `{"type":"between_tools"}`, after which it thinks between calls only.
    BetweenTools,
    /// Not at all.
    Never,
}

/// A model's prompt cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptCache {
    /// The shortest prefix that it keeps, in tokens.
    pub min_tokens: u32,
    /// Whether it can keep a prefix for an hour instead of five minutes.
    pub one_hour: bool,
}
