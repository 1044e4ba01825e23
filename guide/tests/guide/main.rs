//! The guide, tested from outside: against the real book, and against a small made-up one whose
//! mistakes are deliberate.

#[cfg(feature = "browser")]
mod browser;
mod commands;
mod exercises;
mod fake;
mod histories;
mod history_options;
mod made_up;
mod mistakes;
mod pages;
mod real_book;
mod served;
