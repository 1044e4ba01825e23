//! Chapter 1: where does a session live?
//!
//! A shop outgrows its one machine, so there are several now, with a balancer before them. You sign in,
//! click once, and are asked to sign in. Your session is on the machine that you were on a moment ago, and
//! the balancer has sent you to another one. *Sticky sessions* are the usual answer, and the beginning of
//! other trouble.
//!
//! | file | is about |
//! |---|---|
//! | [`types`] | the nouns: sessions, cookies, requests, messages |
//! | [`shop`] | the protocol of the chapter |
//! | [`balancer`] | takes each request, and picks a web node by a [`balancer::Route`] |
//! | [`policy`] | more ways to pick one: ring, Maglev, jump, fewest sessions |
//! | [`hash`], [`store`] | where a key belongs; where sessions are kept, from step 5 on |
//! | [`browser`], [`operator`] | who clicks, in small worlds; who changes the list of nodes |
//! | [`invariants`], [`guarantees`] | what has to be true, whatever happens; what a history shows |
//! | [`step1_round_robin`] | any node, sessions in memory: signed out by the next click |
//! | [`step2_ip_hash`] | the node by the address: one company on one node |
//! | [`step3_sticky_cookie`] | the same node again: signed out by the next restart |
//! | [`step4_consistent_hash`] | few sessions move, and a busy node sends some away |
//! | [`step5_shared_store`] | any node, sessions in a store: the last writer wins |
//! | [`step6_sealed_cookie`] | any node, sessions in the browser: no way to sign out |
//! | [`step7_affinity_hint`] | the store is the truth, affinity saves a question |
//! | [`crowd`], [`experiments`] | thousands who click, and what becomes of them: curves beside formulas |
//! | [`worlds`], [`designs`] | where each step is tried, against what, and what is expected of it |
//!
//! Everything here is core, without a clock, a socket or a thread, but `system`: the shop as processes.

// Without features the chapter is its core alone: nothing in it may hold what is no plain value.
#![cfg_attr(not(feature = "study"), deny(clippy::disallowed_types))]

pub mod balancer;
#[cfg(feature = "study")]
pub mod book;
pub mod browser;
#[cfg(feature = "study")]
mod chapter;
pub mod crowd;
#[cfg(feature = "study")]
pub mod designs;
#[cfg(feature = "exercises")]
pub mod exercises;
#[cfg(feature = "study")]
pub mod experiments;
pub mod guarantees;
pub mod hash;
pub mod invariants;
pub mod operator;
pub mod policy;
pub mod shop;
pub mod step1_round_robin;
pub mod step2_ip_hash;
pub mod step3_sticky_cookie;
pub mod step4_consistent_hash;
pub mod step5_shared_store;
pub mod step6_sealed_cookie;
pub mod step7_affinity_hint;
pub mod store;
#[cfg(feature = "system")]
pub mod system;
pub mod types;
mod words;
pub mod worlds;

#[cfg(feature = "study")]
pub use chapter::chapter;
