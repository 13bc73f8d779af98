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
    ///
    /// `one_hour` tells whether something may have been written to the cache for that long.
    pub(crate) fn update(&mut self, fields: &UsageFields, one_hour: bool) {
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
        self.set_cache_writes(fields.cache_creation_input_tokens, one_hour);
    }

    /// Takes over Bedrock's own counts, which are the ones on the bill.
    pub(crate) fn update_billed(&mut self, metrics: &InvocationMetrics, one_hour: bool) {
        set(&mut self.input_tokens, metrics.input_token_count);
        set(&mut self.output_tokens, metrics.output_token_count);
        set(
            &mut self.cache_read_tokens,
            metrics.cache_read_input_token_count,
        );
        self.set_cache_writes(metrics.cache_write_input_token_count, one_hour);
    }

    /// Takes over the sum of both kinds of cache writes.
    ///
    /// What no split accounts for counts as the dearest kind that it can be: that of an hour if the
    /// request asked for it anywhere, else that of five minutes.
    fn set_cache_writes(&mut self, total: Option<u64>, one_hour: bool) {
        let Some(total) = total else { return };
        let (dearest, other) = match one_hour {
            true => (
                &mut self.cache_write_1h_tokens,
                &mut self.cache_write_5m_tokens,
            ),
            false => (
                &mut self.cache_write_5m_tokens,
                &mut self.cache_write_1h_tokens,
            ),
        };
        *other = (*other).min(total);
        *dearest = total - *other;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::response::CacheCreation;

    /// Counts of cache writes as an answer tells them: the sum, and the split by lifetime.
    type Told = (Option<u64>, Option<(u64, u64)>);

    /// `want` is what was written for five minutes and for an hour, by the events of a stream and
    /// Bedrock's sum at its end.
    #[track_caller]
    fn check(one_hour: bool, told: &[Told], billed: Option<u64>, want: (u64, u64)) {
        let mut usage = Usage::default();
        for (total, split) in told {
            let fields = UsageFields {
                cache_creation_input_tokens: *total,
                cache_creation: split.map(|(five, hour)| CacheCreation {
                    ephemeral_5m_input_tokens: Some(five),
                    ephemeral_1h_input_tokens: Some(hour),
                }),
                ..UsageFields::default()
            };
            usage.update(&fields, one_hour);
        }
        let metrics = InvocationMetrics {
            cache_write_input_token_count: billed,
            ..InvocationMetrics::default()
        };
        usage.update_billed(&metrics, one_hour);
        let got = (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens);
        assert_eq!(got, want, "{one_hour} {told:?} {billed:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn cache_writes_that_no_split_accounts_for_are_of_the_dearest_kind_that_was_asked_for() {
        let split = |five, hour| (Some(five + hour), Some((five, hour)));
        let sum = |total| (Some(total), None);
        //    1 h    events                      billed     5 m  1 h
        check(false, &[],                        None,      (0,  0));
        check(false, &[sum(9)],                  None,      (9,  0));
        check(true,  &[sum(9)],                  None,      (0,  9));
        check(false, &[],                        Some(9),   (9,  0));
        check(true,  &[],                        Some(9),   (0,  9));
        // A split that came stands, also beside a sum that comes later.
        check(true,  &[split(4, 5)],             None,      (4,  5));
        check(true,  &[split(9, 0)],             Some(9),   (9,  0));
        check(true,  &[split(4, 5), sum(9)],     Some(9),   (4,  5));
        check(false, &[split(4, 5), sum(9)],     Some(9),   (4,  5));
        check(true,  &[sum(9), split(9, 0)],     Some(9),   (9,  0));
        // Of a sum that is larger the rest is not told; one that is smaller is the bill.
        check(true,  &[split(4, 5)],             Some(12),  (4,  8));
        check(false, &[split(4, 5)],             Some(12),  (7,  5));
        check(true,  &[split(4, 5)],             Some(3),   (3,  0));
        check(true,  &[split(4, 5)],             Some(0),   (0,  0));
    }
}
