//! The lines of a stream, read to its end on a thread of its own, so that the writer is never
//! blocked by a full pipe. Any bytes are taken; what the caller does not fetch is dropped, the
//! oldest first, and a line in its place says so.
//!
//! # Left out
//!
//! Writing it all to a file: a caller that wants to keep the lines fetches them.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// How many lines wait at most.
const MAX_LINES: usize = 10_000;
/// A longer line comes in pieces.
const MAX_LINE: usize = 8 << 10;

/// Lines as they come.
#[derive(Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    dropped: u64,
    ended: bool,
}

impl Lines {
    pub(super) fn of(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for_each_line(BufReader::new(stream), |line| {
                let mut queue = ours.queue();
                if queue.lines.len() == MAX_LINES {
                    queue.lines.pop_front();
                    queue.dropped += 1;
                }
                queue.lines.push_back(line);
                ours.changed.notify_all();
            });
            ours.queue().ended = true;
            ours.changed.notify_all();
        });
        Self(shared)
    }

    /// The next line, if there is one before the time is over.
    pub(super) fn next(&self, until: Instant) -> Result<String, RecvTimeoutError> {
        let mut queue = self.0.queue();
        loop {
            if queue.dropped > 0 {
                let dropped = std::mem::take(&mut queue.dropped);
                return Ok(format!("({dropped} lines were dropped here: they were not fetched)"));
            }
            if let Some(line) = queue.lines.pop_front() {
                return Ok(line);
            }
            if queue.ended {
                return Err(RecvTimeoutError::Disconnected);
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Err(RecvTimeoutError::Timeout);
            };
            let woken = self.0.changed.wait_timeout(queue, left);
            queue = woken.expect("no thread panics with this lock held").0;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no thread panics with this lock held")
    }
}

/// Hands on every line until the stream ends, whatever bytes it consists of.
pub(super) fn for_each_line(mut stream: impl BufRead, mut each: impl FnMut(String)) {
    let mut bytes = Vec::new();
    // An end and an error are the same news here: no more lines from there.
    while let Ok(1..) = stream.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut bytes) {
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        each(String::from_utf8_lossy(line).into_owned());
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn all(text: Vec<u8>) -> Vec<String> {
        let lines = Lines::of(std::io::Cursor::new(text));
        let queue = lines.0.queue();
        drop(lines.0.changed.wait_while(queue, |queue| !queue.ended).unwrap());
        std::iter::from_fn(|| lines.next(Instant::now()).ok()).collect()
    }

    #[test]
    fn any_bytes_become_lines() {
        assert_eq!(all(b"one\r\nt\xffwo\n\nthree".to_vec()), ["one", "t\u{fffd}wo", "", "three"]);
        let long = all(vec![b'x'; 2 * MAX_LINE + 1]);
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, MAX_LINE, 1]);
    }

    #[test]
    fn of_too_many_lines_the_oldest_are_dropped_and_a_line_says_so() {
        let text: String = (1..=MAX_LINES + 5).map(|n| format!("{n}\n")).collect();
        let lines = all(text.into_bytes());
        assert_eq!(lines[0], "(5 lines were dropped here: they were not fetched)");
        assert_eq!(lines[1..], (6..=MAX_LINES + 5).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn who_waits_is_told_of_the_end_and_of_the_time() {
        let (reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::of(reader);
        let soon = || Instant::now() + Duration::from_millis(1);
        assert_eq!(lines.next(soon()), Err(RecvTimeoutError::Timeout));
        drop(writer);
        let late = Instant::now() + Duration::from_secs(30);
        assert_eq!(lines.next(late), Err(RecvTimeoutError::Disconnected));
    }
}
