//! How long, how often, under how many clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Starting, warming up, settling, counting and floors take about this long beside each turn.
const BESIDE: Duration = Duration::from_millis(500);
/// A turn is no shorter.
const SHORTEST: Duration = Duration::from_millis(200);
/// Enough for a median and a spread.
const ROUNDS: usize = 5;

/// How contenders are compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Where all data goes; a folder on the disk that is meant.
    pub dir: PathBuf,
    /// How long each turn is.
    pub turn: Duration,
    /// How many turns each contender has at each number of clients.
    pub rounds: usize,
    /// Numbers of clients.
    pub clients: Vec<usize>,
}

impl Plan {
    /// The comparison of so many contenders in about this many seconds: five rounds with 1, 8 and 64
    /// clients, fewer if there is no time for them.
    #[must_use]
    pub fn within(dir: &Path, seconds: u64, contenders: usize) -> Self {
        Self::under(vec![1, 8, 64], dir, seconds, contenders)
    }

    /// The same with other numbers of clients.
    #[must_use]
    pub fn under(clients: Vec<usize>, dir: &Path, seconds: u64, contenders: usize) -> Self {
        let time = Duration::from_secs(seconds);
        let round = u32::try_from(clients.len() * contenders.max(1)).unwrap_or(u32::MAX);
        let fit = time.as_millis() / (u128::from(round) * (BESIDE + SHORTEST).as_millis());
        let rounds = usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, ROUNDS);
        let turn = (time / round / rounds as u32).saturating_sub(BESIDE).max(SHORTEST);
        Self { dir: dir.to_owned(), turn, rounds, clients }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_are_shared_by_all_turns() {
        let plan = Plan::within(Path::new("data"), 180, 3);
        assert_eq!(
            (plan.rounds, plan.clients.len(), plan.turn),
            (5, 3, Duration::from_millis(3500))
        );
        let short = Plan::within(Path::new("data"), 1, 3);
        assert_eq!((short.rounds, short.turn), (1, SHORTEST));
    }
}
