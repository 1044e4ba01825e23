//! Which share of the requests is recorded. The lesson is in `step6_sampling.rs`.
//!
//! It is decided where a trace begins, by its id. All others read the decision from the context that comes with
//! a message: whoever calls this shop decides for its own requests.
//!
//! # Left out
//!
//! Shares that are not one of so many, and a share for each operation. Work that several requests share is
//! recorded if the first of them is, so a link may lead to a trace that is not kept.

use std::str::FromStr;

use crate::context::{Flags, TraceContext, TraceState};
use crate::step6_sampling::{Threshold, keep, random};
use crate::types::{SpanId, TraceId};

/// A share of all traces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Share {
    /// None: no trace.
    threshold: Option<Threshold>,
    /// What a kept trace carries along: how many it stands for.
    state: TraceState,
}

/// Why a text is no share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write 0 for none, 1 for all, or 1/N for one of N requests, such as 1/1024")]
pub(super) struct BadShare;

impl Share {
    /// All traces.
    pub(super) fn all() -> Self {
        Self { threshold: Some(Threshold::one_in(1)), state: TraceState::default() }
    }

    fn one_in(n: u64) -> Self {
        let threshold = Threshold::one_in(n);
        let state = TraceState::default().with("ot", &format!("th:{threshold}"));
        Self { threshold: Some(threshold), state: state.expect("a threshold is hex digits") }
    }

    /// The context of the first span of a trace, with the decision.
    pub(super) fn root(&self, trace: TraceId, span: SpanId) -> TraceContext {
        let context = TraceContext::root(trace, span, Flags::RANDOM);
        if !self.threshold.is_some_and(|threshold| keep(threshold, random(trace))) {
            return context;
        }
        let (flags, state) = (context.flags.with(Flags::SAMPLED), self.state.clone());
        TraceContext { flags, state, ..context }
    }
}

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        match text {
            "0" => Ok(Self { threshold: None, state: TraceState::default() }),
            "1" => Ok(Self::all()),
            other => {
                let n = other.strip_prefix("1/").ok_or(BadShare)?;
                let is_number = n.bytes().all(|byte| byte.is_ascii_digit());
                let n = n.parse().ok().filter(|n| is_number && *n > 0).ok_or(BadShare)?;
                Ok(if n == 1 { Self::all() } else { Self::one_in(n) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lab::rng::Rng;

    use super::*;

    #[test]
    fn of_many_requests_the_share_is_recorded_that_was_asked_for() {
        let mut rng = Rng::new(1);
        let ids: Vec<TraceId> = (0..100_000)
            .map(|_| TraceId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())))
            .collect();
        let recorded = |share: &str| {
            let share: Share = share.parse().unwrap();
            let sampled = |id: &&TraceId| share.root(**id, SpanId(1)).flags.has(Flags::SAMPLED);
            ids.iter().filter(sampled).copied().collect::<Vec<_>>()
        };
        assert_eq!((recorded("0").len(), recorded("1").len()), (0, 100_000));
        // Three standard deviations of a fair draw.
        let tenth = recorded("1/10");
        assert!((9_715..=10_285).contains(&tenth.len()), "{}", tenth.len());
        let few = recorded("1/1024");
        assert!((68..=127).contains(&few.len()), "{}", few.len());
        assert!(few.iter().all(|id| tenth.contains(id)), "who keeps fewer keeps some of the same");
    }

    #[test]
    fn a_kept_trace_says_how_many_it_stands_for_and_others_go_on_without_that() {
        let share: Share = "1/1024".parse().unwrap();
        let kept = share.root(TraceId(u128::MAX), SpanId(1));
        let headers: Vec<_> = kept.headers().collect();
        assert_eq!(headers[1], ("tracestate", "ot=th:ffc".to_owned()));
        assert_eq!(kept.to_frame().dropped(), 0, "it travels in frames as well");
        let other = share.root(TraceId(1 << 64), SpanId(1));
        assert_eq!((other.flags, other.headers().count()), (Flags::RANDOM, 1));
        assert_eq!(Share::all().root(TraceId(1), SpanId(1)).headers().count(), 1, "it is itself");
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for bad in ["", "2", "0.5", "1/", "1/0", "1/+2", "-1", "1/99999999999999999999", "2/3"] {
            assert_eq!(bad.parse::<Share>(), Err(BadShare), "{bad}");
        }
    }
}
