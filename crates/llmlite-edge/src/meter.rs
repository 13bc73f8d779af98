//! The bill of one request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use llmlite_core::{
    ids::EventId,
    ports::{backend::BackendError, clock::Clock},
    usage::{Ending, Tokens},
};
use llmlite_policy::{Admission, Outcome, PolicyEngine, Use, estimate};
use llmlite_translator::Usage;

/// Bills one request exactly once, however its answer ends.
///
/// Reaching the end, failing and being dropped all pass through [`Meter::close`], and only the
/// first one counts.
pub(crate) struct Meter {
    policy: Arc<PolicyEngine>,
    clock: Arc<dyn Clock>,
    event_id: EventId,
    admission: Option<Admission>,
    /// When Bedrock was called, if it was.
    started: Option<Instant>,
    time_to_first_token: Option<Duration>,
    upstream_request_id: Option<Arc<str>>,
    counted: Option<Tokens>,
    output_bytes: u64,
}

impl Meter {
    /// Holds the admission. Until [`Meter::start`] it is given back unused.
    pub(crate) fn hold(
        policy: Arc<PolicyEngine>,
        clock: Arc<dyn Clock>,
        admission: Admission,
    ) -> Self {
        Self {
            event_id: admission.event_id(),
            started: None,
            policy,
            clock,
            admission: Some(admission),
            time_to_first_token: None,
            upstream_request_id: None,
            counted: None,
            output_bytes: 0,
        }
    }

    /// Names the request in the ledger.
    pub(crate) fn event_id(&self) -> EventId {
        self.event_id
    }

    /// The longest answer that a budget pays for, if that is shorter than what was asked for.
    pub(crate) fn clamped_to(&self) -> Option<u32> {
        let admission = self.admission.as_ref()?;
        admission.is_clamped().then(|| admission.facts().max_tokens)
    }

    /// The longest answer of a body with these facts that what was set aside pays for.
    pub(crate) fn affordable_output(&self, facts: &estimate::Facts) -> Option<u32> {
        self.admission.as_ref()?.affordable_output(facts)
    }

    /// Starts the clock: from here on Bedrock may bill.
    pub(crate) fn start(&mut self) {
        self.started = Some(self.clock.instant());
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

    /// The model has stopped, as it says itself, and Bedrock's count never came.
    pub(crate) fn uncounted(&mut self, ending: Ending) {
        let used = Use::Unknown {
            counted: self.counted,
            output_bytes: self.output_bytes,
        };
        self.close(used, ending);
    }

    /// We stopped reading before the end, or could not read it, and the model may go on to its
    /// limit.
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
            // Nothing came, and yet all of it may have been put out.
            kind if kind.may_have_run() => self.abandoned(Ending::UpstreamFailed),
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
        let now = self.clock.instant();
        self.started.map_or(Duration::ZERO, |started| {
            now.saturating_duration_since(started)
        })
    }
}

impl Drop for Meter {
    /// A request whose task ends without a word was still sent, if it had come so far.
    fn drop(&mut self) {
        match self.started {
            Some(_) => self.abandoned(Ending::UpstreamFailed),
            None => self.close(Use::NotSent, Ending::UpstreamFailed),
        }
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
