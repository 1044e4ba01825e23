//! # Guess five verdicts
//! stars: 1
//! For five designs and an event, fill in `Verdict::Ok` or `Verdict::Unsafe` (a signed-in user is asked to sign
//! in, a cart loses something, or a session is used after its end). The explorer judges your guesses.
//! hint 1: Ask each time: where is the session, and is it still there?
//! hint 2: A store that survives a restart can still be told the wrong thing by two requests at once.
//! hint 3: Bounded loads send a request away from home. With sessions in memory, what is there?

use lab::chapter::Verdict;

/// In this order: step 3 and a server restarts; step 4 and two users share an address; step 5 and a server
/// restarts; step 5 and one user has two requests open; step 6 and a user signs out.
// SOLUTION-BEGIN
const GUESSES: [Verdict; 5] =
    [Verdict::Unsafe, Verdict::Unsafe, Verdict::Ok, Verdict::Unsafe, Verdict::Unsafe];
// SOLUTION-END
// STARTER: const GUESSES: [Verdict; 5] =
// STARTER:     [Verdict::Ok, Verdict::Ok, Verdict::Ok, Verdict::Ok, Verdict::Ok];

pub fn check() -> Result<String, String> {
    ch01_sticky_sessions::exercises::guesses(GUESSES)
}
