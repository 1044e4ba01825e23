//! The chapter's tests.

mod core_only;
mod deeper;
mod determinism;
mod explore;
mod fencing;
mod figures;
mod heuristic;
mod isolation;
mod matrix;
mod protocol;
mod random;
mod scripts;
