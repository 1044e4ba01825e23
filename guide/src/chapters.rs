//! The chapters, in reading order. A new chapter is one line here.

use lab::chapter::Chapter;

/// Every chapter of the book.
#[must_use]
pub fn all() -> Vec<&'static dyn Chapter> {
    vec![
        ch01_sticky_sessions::chapter(),
        ch02_two_phase_commit::chapter(),
        ch03_paxos::chapter(),
        ch04_tracing::chapter(),
    ]
}
