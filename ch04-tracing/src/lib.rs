//! Chapter 4: what caused this?
//!
//! One click makes forty calls. Each process writes down what it did, and none of them knows why. A *trace*
//! puts together what one request caused, in all processes. It is worth something only if it is right: a
//! wrong cause is worse than a missing one.
//!
//! | file | is about |
//! |---|---|
//! | [`types`] | the nouns: spans, traces, links |
//! | [`context`] | what travels with a request: W3C Trace Context, baggage, B3 |
//! | `otlp` | how spans travel: OpenTelemetry's protocol |
//! | `store` | where spans stay: segments of checked blocks, and how they are found again |
//! | [`workload`] | checkouts as the processes see them, and beside that what really happened |
//! | [`step1_log_lines`] | log lines and a search by time: right while there is one request at a time |
//! | [`step2_request_id`] | an id in every message: which request, and not what caused what |
//! | [`step3_context`] | each message says which span sent it: nothing is guessed |
//! | [`step4_exporter`] | spans on their way to the collector: which ones are lost, and who knows |
//! | [`step6_sampling`] | which traces to keep, and how to count when most are gone |
//! | [`analysis`] | what follows from spans: offsets of clocks, the critical path, who calls whom |
//! | [`propagation`] | where work changes hands inside a process, and what becomes of its cause |
//! | [`redact`] | what must not stand in a span |
//! | [`experiments`] | all designs on the same runs: curves and tables |
//!
//! Everything here is core, without a clock, a socket or a thread, but the edge: `otlp`, `store`
//! and `system`, the collector as a process.

// Without features the chapter is its core alone: nothing in it may hold what is no plain value.
#![cfg_attr(not(feature = "study"), deny(clippy::disallowed_types))]

pub mod analysis;
#[cfg(feature = "study")]
mod chapter;
pub mod context;
#[cfg(feature = "exercises")]
pub mod exercises;
#[cfg(feature = "study")]
pub mod experiments;
#[cfg(feature = "system")]
pub mod otlp;
pub mod propagation;
pub mod redact;
pub mod step1_log_lines;
pub mod step2_request_id;
pub mod step3_context;
pub mod step4_exporter;
pub mod step6_sampling;
#[cfg(feature = "system")]
pub mod store;
#[cfg(feature = "system")]
pub mod system;
pub mod types;
pub mod workload;

#[cfg(feature = "study")]
pub use chapter::chapter;
