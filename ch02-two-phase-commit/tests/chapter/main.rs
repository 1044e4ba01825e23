//! The chapter's tests.

#[path = "../shared/append_lists.rs"]
mod append_lists;
mod decision_store;
mod deeper;
mod determinism;
mod explore;
mod fencing;
mod figures;
mod heuristic;
mod isolation;
mod locks;
mod matrix;
mod protocol;
mod random;
mod scripts;
