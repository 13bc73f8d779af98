//! Tokens as Claude counts and Bedrock bills them.

use llmlite_openai::usage::{CompletionTokensDetails, CompletionUsage, PromptTokensDetails};

use crate::claude::response::{InvocationMetrics, Maybe, UsageFields};

/// The usage of one answer, in tokens; what met the prompt cache is apart from the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that did not meet the cache.
    pub input_tokens: u64,
    /// The answer, thinking included.
    pub output_tokens: u64,
    /// How much of the answer was thinking, if that is known; billed as part of it.
    pub thinking_tokens: Option<u64>,
    /// Input read from the cache.
    pub cache_read_tokens: u64,
    /// Input written to the cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input written to the cache for one hour.
    pub cache_write_1h_tokens: u64,
}

impl Usage {
    /// Takes over the counts that `fields` has; each is a total, not an addition.
    pub(crate) fn update(&mut self, fields: &UsageFields) {
        set(&mut self.input_tokens, fields.input_tokens);
        set(&mut self.output_tokens, fields.output_tokens);
        if let Some(Maybe::Known(details)) = &fields.output_tokens_details {
            self.thinking_tokens = details.thinking_tokens.or(self.thinking_tokens);
        }
        set(&mut self.cache_read_tokens, fields.cache_read_input_tokens);
        if let Some(split) = &fields.cache_creation {
            set(
                &mut self.cache_write_1h_tokens,
                split.ephemeral_1h_input_tokens,
            );
            set(
                &mut self.cache_write_5m_tokens,
                split.ephemeral_5m_input_tokens,
            );
        }
        self.set_cache_writes(fields.cache_creation_input_tokens);
    }

    /// Takes over Bedrock's own counts, which are the ones on the bill.
    pub(crate) fn update_billed(&mut self, metrics: &InvocationMetrics) {
        set(&mut self.input_tokens, metrics.input_token_count);
        set(&mut self.output_tokens, metrics.output_token_count);
        set(
            &mut self.cache_read_tokens,
            metrics.cache_read_input_token_count,
        );
        self.set_cache_writes(metrics.cache_write_input_token_count);
    }

    /// Takes over the sum of both kinds of cache writes; what no split accounts for counts as
    /// the five-minute kind, which is the default.
    fn set_cache_writes(&mut self, total: Option<u64>) {
        if let Some(total) = total {
            self.cache_write_1h_tokens = self.cache_write_1h_tokens.min(total);
            self.cache_write_5m_tokens = total - self.cache_write_1h_tokens;
        }
    }
}

impl From<Usage> for CompletionUsage {
    fn from(usage: Usage) -> Self {
        let written = usage
            .cache_write_5m_tokens
            .saturating_add(usage.cache_write_1h_tokens);
        let cached = usage.cache_read_tokens.saturating_add(written);
        let prompt = usage.input_tokens.saturating_add(cached);
        Self {
            prompt_tokens: prompt,
            completion_tokens: usage.output_tokens,
            total_tokens: prompt.saturating_add(usage.output_tokens),
            prompt_tokens_details: PromptTokensDetails {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: written,
            },
            completion_tokens_details: usage
                .thinking_tokens
                .map(|reasoning_tokens| CompletionTokensDetails { reasoning_tokens }),
        }
    }
}

fn set(count: &mut u64, value: Option<u64>) {
    if let Some(value) = value {
        *count = value;
    }
}
