//! The chapter's tests.

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
