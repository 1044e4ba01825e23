//! Wrong: a refusal is no fault, and it leaves half an order.

use lab::chapter::Verdict;

/// In this order: step 1 and nothing fails; step 2 and a process restarts; step 3 and a process never
/// comes back; step 3 and a process restarts; step 3 and somebody looks in the middle.
const GUESSES: [Verdict; 5] =
    [Verdict::Ok, Verdict::Unsafe, Verdict::Stuck, Verdict::Ok, Verdict::Unsafe];

pub fn check() -> Result<String, String> {
    ch02_two_phase_commit::exercises::guesses(GUESSES)
}
