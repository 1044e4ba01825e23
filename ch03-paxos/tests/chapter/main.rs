//! The chapter's tests.

mod determinism;
mod explore;
mod figures;
mod learner;
mod matrix;
mod random;
mod scripts;
