//! How many tokens a request had, when Bedrock's count never came.

/// Fewer bytes than this make no token on average, so a division by it gives an upper bound.
const BYTES_PER_TOKEN: u64 = 2;
/// What the instructions for the use of tools add.
const TOOL_PROMPT: u64 = 1_000;

/// The facts of a request that bound its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the body that is sent to the model.
    pub body_bytes: u64,
    /// Whether it offers tools.
    pub tools: bool,
    /// The most that the model may put out.
    pub max_tokens: u32,
    /// The model's context.
    pub context_tokens: u32,
}

/// An upper bound of the input.
pub fn input_tokens(facts: &Facts) -> u64 {
    let prompt = facts.body_bytes.div_ceil(BYTES_PER_TOKEN);
    let tools = if facts.tools { TOOL_PROMPT } else { 0 };
    (prompt + tools).min(u64::from(facts.context_tokens))
}

/// An upper bound of the output so far, from the bytes that came.
pub fn output_tokens(facts: &Facts, bytes_seen: u64) -> u64 {
    bytes_seen
        .div_ceil(BYTES_PER_TOKEN)
        .min(u64::from(facts.max_tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_bounded_by_what_the_model_can_take_and_give() {
        let facts = |body_bytes, tools| Facts {
            body_bytes,
            tools,
            max_tokens: 100,
            context_tokens: 10_000,
        };
        assert_eq!(input_tokens(&facts(101, false)), 51);
        assert_eq!(input_tokens(&facts(100, true)), 1_050);
        assert_eq!(input_tokens(&facts(1 << 40, true)), 10_000);
        assert_eq!(output_tokens(&facts(0, false), 3), 2);
        assert_eq!(output_tokens(&facts(0, false), 1 << 40), 100);
    }
}
