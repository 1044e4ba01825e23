//! How long nodes wait, as ranges that the driver draws from.

use std::ops::Range;
use std::time::Duration;

const fn millis(from: u64, to: u64) -> Range<Duration> {
    Duration::from_millis(from)..Duration::from_millis(to)
}

/// For all votes, before giving up.
pub const VOTES: Range<Duration> = millis(800, 1_000);
/// For an outcome, before asking.
pub const ASK: Range<Duration> = millis(200, 300);
/// For an acknowledgement, before saying it again.
pub const RESEND: Range<Duration> = millis(200, 300);
/// For an answer, before saying it again.
pub const RETRY: Range<Duration> = millis(400, 600);
