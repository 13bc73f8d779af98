//! The bill of one request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use llmlite_core::{
    ports::{
        backend::{BackendError, BackendErrorKind},
        clock::Clock,
    },
    usage::{Ending, Tokens},
};
use llmlite_policy::{Admission, Outcome, PolicyEngine, Use};
use llmlite_translator::Usage;

/// Bills one request exactly once, however its answer ends.
///
/// Reaching the end, failing and being dropped all pass through [`Meter::close`], and only the
/// first one counts.
pub(crate) struct Meter {
    policy: Arc<PolicyEngine>,
    clock: Arc<dyn Clock>,
    admission: Option<Admission>,
    started: Instant,
    time_to_first_token: Option<Duration>,
    upstream_request_id: Option<Arc<str>>,
    counted: Option<Tokens>,
    output_bytes: u64,
}

impl Meter {
    /// Starts the clock: from here on Bedrock may bill.
    pub(crate) fn start(
        policy: Arc<PolicyEngine>,
        clock: Arc<dyn Clock>,
        admission: Admission,
    ) -> Self {
        Self {
            started: clock.instant(),
            policy,
            clock,
            admission: Some(admission),
            time_to_first_token: None,
            upstream_request_id: None,
            counted: None,
            output_bytes: 0,
        }
    }

    /// Bedrock has begun to answer.
    pub(crate) fn answered(&mut self, upstream_request_id: Option<Arc<str>>) {
        self.upstream_request_id = upstream_request_id;
    }

    /// So much output has come in all, and Bedrock has counted so far.
    pub(crate) fn saw(&mut self, output_bytes: usize, usage: Option<Usage>) {
        if output_bytes > 0 && self.time_to_first_token.is_none() {
            self.time_to_first_token = Some(self.elapsed());
        }
        self.output_bytes = output_bytes as u64;
        self.counted = usage.map(tokens).or(self.counted);
    }

    /// The answer has ended, and Bedrock's count is final.
    pub(crate) fn complete(&mut self, usage: Usage, ending: Ending) {
        self.close(Use::Counted(tokens(usage)), ending);
    }

    /// The answer has ended, and Bedrock's count never came.
    pub(crate) fn uncounted(&mut self, ending: Ending) {
        let used = Use::Unknown {
            counted: self.counted,
            output_bytes: self.output_bytes,
        };
        self.close(used, ending);
    }

    /// We stopped reading before the end, and the model may go on to its limit.
    pub(crate) fn abandoned(&mut self, ending: Ending) {
        let used = Use::Abandoned {
            counted: self.counted,
        };
        self.close(used, ending);
    }

    /// Bedrock did not begin to answer.
    pub(crate) fn refused(&mut self, error: &BackendError) {
        self.upstream_request_id
            .clone_from(&error.upstream_request_id);
        match error.kind {
            BackendErrorKind::Timeout => self.abandoned(Ending::UpstreamFailed),
            kind if kind.may_have_run() => self.uncounted(Ending::UpstreamFailed),
            _ if error.reached => self.close(Use::Refused, Ending::UpstreamFailed),
            _ => self.close(Use::NotSent, Ending::UpstreamFailed),
        }
    }

    fn close(&mut self, used: Use, ending: Ending) {
        let Some(admission) = self.admission.take() else {
            return;
        };
        let outcome = Outcome {
            used,
            ending,
            latency: self.elapsed(),
            time_to_first_token: self.time_to_first_token,
            upstream_request_id: self.upstream_request_id.take(),
        };
        self.policy.settle(admission, outcome);
    }

    fn elapsed(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.started)
    }
}

impl Drop for Meter {
    /// A request whose task ends without a word was still sent.
    fn drop(&mut self) {
        self.abandoned(Ending::UpstreamFailed);
    }
}

fn tokens(usage: Usage) -> Tokens {
    Tokens {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_tokens,
        cache_write_5m: usage.cache_write_5m_tokens,
        cache_write_1h: usage.cache_write_1h_tokens,
    }
}
