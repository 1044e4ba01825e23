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
//!
//! Everything here is core, without a clock, a socket or a thread, but the edge: `otlp`, `store`
//! and `system`, the collector as a process.

// Without features the chapter is its core alone: nothing in it may hold what is no plain value.
#![cfg_attr(not(feature = "study"), deny(clippy::disallowed_types))]

#[cfg(feature = "study")]
mod chapter;
pub mod context;
#[cfg(feature = "system")]
pub mod otlp;
#[cfg(feature = "system")]
pub mod store;
#[cfg(feature = "system")]
pub mod system;
pub mod types;

#[cfg(feature = "study")]
pub use chapter::chapter;
