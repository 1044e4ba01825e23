//! The chapter's tests.

mod deliver;
mod determinism;
mod duel;
mod explore;
mod figures;
mod learner;
mod leases;
mod log;
mod machine;
mod matrix;
mod members;
mod partial;
mod pulls;
mod quorums;
mod random;
mod reads;
mod scripts;
mod snapshots;
mod store;
