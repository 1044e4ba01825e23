//! # Guess how small a world shows it
//! stars: 1
//! Five changes of step 4. For each, guess in which world the explorer first sees two processes learn
//! two values. It tries `Seen::TwoBallots`, then `Seen::ReplicaRestarts` (two ballots as well), then
//! `Seen::ThreeBallots`, then `Seen::ProposerRestarts` (two ballots, until one of the proposers comes
//! back). Nothing anywhere is `Seen::Nowhere`. The explorer judges your guesses.
//! hint 1: Which of the five only matter after a process has forgotten something, and which process is it?
//! hint 2: To take the wrong value of two, a proposer must first be told of two: that takes two earlier ballots.
//! hint 3: Two defences may cover the same hole. Then nothing breaks without one of them.

use ch03_paxos::exercises::Seen;

/// In this order: an acceptor writes what it accepts, and not what it promises; a proposer proposes its
/// own value, whatever it is told; a proposer does not count its starts; a proposer takes the value with
/// the lowest ballot, of those that it is told; all proposers use the same ballots.
// SOLUTION-BEGIN
const GUESSES: [Seen; 5] = [
    Seen::ReplicaRestarts,
    Seen::TwoBallots,
    Seen::ProposerRestarts,
    Seen::ThreeBallots,
    Seen::Nowhere,
];
// SOLUTION-END
// STARTER: const GUESSES: [Seen; 5] = [
// STARTER:     Seen::TwoBallots,
// STARTER:     Seen::TwoBallots,
// STARTER:     Seen::TwoBallots,
// STARTER:     Seen::TwoBallots,
// STARTER:     Seen::TwoBallots,
// STARTER: ];

pub fn check() -> Result<String, String> {
    ch03_paxos::exercises::scopes(GUESSES)
}
