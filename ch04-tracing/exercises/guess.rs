//! # Guess what becomes of five causes
//! stars: 1
//! Four requests are under way, and work changes hands. For five ways to pass the cause on, fill in what mostly
//! becomes of it: `Mostly::Right`, `Mostly::Missing` or `Mostly::Wrong`. The judge has the twelve crossings as they
//! were found with tokio and `tracing`.
//! hint 1: At each `await`, the thread goes on with another request. What is the current span then?
//! hint 2: A span that is kept with a future is current while that future runs, and nowhere else.
//! hint 3: What crosses a queue or a log: a future, or bytes?

use ch04_tracing::exercises::Mostly;

/// In this order: the guard of a span is held across an `await`; the span is kept with its future, and a closure
/// runs on the pool for blocking work; the span is kept with its future, and a worker takes the job out of a queue;
/// a guard is held while a new leader replays the log of the old one; the context stands in the log beside the entry.
// SOLUTION-BEGIN
const GUESSES: [Mostly; 5] =
    [Mostly::Wrong, Mostly::Missing, Mostly::Missing, Mostly::Wrong, Mostly::Right];
// SOLUTION-END
// STARTER: const GUESSES: [Mostly; 5] =
// STARTER:     [Mostly::Right, Mostly::Right, Mostly::Right, Mostly::Right, Mostly::Right];

pub fn check() -> Result<String, String> {
    ch04_tracing::exercises::guesses(GUESSES)
}
