//! Links that fail one by one: the store goes on wherever a replica reaches a majority.

use ch03_paxos::partial::{Design, Outcome, Pattern};

#[test]
fn the_store_goes_on_whichever_links_are_left() {
    for (pattern, name) in Pattern::ALL {
        let Outcome { ballots, silence } = Outcome::worst(Design::Step7, pattern);
        // As long as the old leader waits for a majority, and an election after that.
        assert!(ballots <= 2 && silence < 2_000_000, "{name}: {ballots} ballots, {silence} µs");
    }
}

#[test]
fn whoever_counts_only_the_silent_elects_leaders_again_and_again() {
    for (pattern, name) in Pattern::ALL {
        let Outcome { ballots, .. } = Outcome::worst(Design::Step6, pattern);
        assert!(ballots > 10, "{name}: {ballots} ballots");
    }
}
