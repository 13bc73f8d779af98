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
    pub forced_tool: bool,
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
