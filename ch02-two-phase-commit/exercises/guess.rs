//! # Guess five verdicts
//! stars: 1
//! For five designs under a fault, fill in `Verdict::Ok`, `Verdict::Stuck` (nothing wrong happens, and
//! the order never ends) or `Verdict::Unsafe` (a promise breaks). The explorer judges your guesses.
//! hint 1: `Unsafe` needs one bad path, `Stuck` means that nothing bad happens and nothing else does either.
//! hint 2: What is in memory does not survive a restart, what is on disk does.
//! hint 3: Atomic is not isolated: the page "Isolation and blocking" has the last one.

use lab::chapter::Verdict;

/// In this order: step 1 and nothing fails; step 2 and a process restarts; step 3 and a process never
/// comes back; step 3 and a process restarts; step 3 and a client reads in the middle.
// SOLUTION-BEGIN
const GUESSES: [Verdict; 5] =
    [Verdict::Unsafe, Verdict::Unsafe, Verdict::Stuck, Verdict::Ok, Verdict::Unsafe];
// SOLUTION-END
// STARTER: const GUESSES: [Verdict; 5] =
// STARTER:     [Verdict::Ok, Verdict::Ok, Verdict::Ok, Verdict::Ok, Verdict::Ok];

pub fn check() -> Result<String, String> {
    ch02_two_phase_commit::exercises::guesses(GUESSES)
}
