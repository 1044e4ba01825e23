//! How far a search is, for a terminal; and when its time is over.

use std::io::Write;
use std::time::{Duration, Instant};

use lab::view::thousands;

/// A clock that a search asks whether to go on.
pub(super) struct Progress<'a> {
    began: Instant,
    /// `None`: as long as it takes.
    seconds: Option<u64>,
    /// The second that was printed last.
    shown: u64,
    terminal: Option<&'a mut dyn Write>,
}

impl<'a> Progress<'a> {
    #[expect(clippy::disallowed_methods, reason = "a search may not take longer than one waits")]
    pub(super) fn new(seconds: Option<u64>, terminal: Option<&'a mut dyn Write>) -> Self {
        Self { began: Instant::now(), seconds, shown: 0, terminal }
    }

    /// Prints the count once a second; whether there is time left.
    pub(super) fn may_go_on(&mut self, states: usize) -> bool {
        let elapsed = self.began.elapsed();
        let second = elapsed.as_secs();
        if second > self.shown
            && let Some(terminal) = &mut self.terminal
        {
            self.shown = second;
            let of = self.seconds.map_or_else(String::new, |seconds| format!(" of {seconds}"));
            // A line that cannot be printed is only missed.
            let _ = write!(terminal, "\r{} states, {second}{of} s\x1b[K", thousands(states));
            let _ = terminal.flush();
        }
        self.seconds.is_none_or(|seconds| elapsed < Duration::from_secs(seconds))
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown > 0
            && let Some(terminal) = &mut self.terminal
        {
            let _ = write!(terminal, "\r\x1b[K");
            let _ = terminal.flush();
        }
    }
}
