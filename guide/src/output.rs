//! An output whose reader may leave early, as `head` and `grep -q` do.

use std::io::{ErrorKind, Result, Write};

/// Prints until the reader has closed the pipe. Then nothing more is printed, and nothing has failed:
/// the command goes on to its exit code.
pub struct Output<'a> {
    out: &'a mut dyn Write,
    is_closed: bool,
}

impl<'a> Output<'a> {
    /// An output that is still open.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, is_closed: false }
    }

    fn or_closed<T>(&mut self, done: Result<T>, closed: T) -> Result<T> {
        match done {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(closed)
            }
            done => done,
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let done = if self.is_closed { Ok(bytes.len()) } else { self.out.write(bytes) };
        self.or_closed(done, bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        let done = if self.is_closed { Ok(()) } else { self.out.flush() };
        self.or_closed(done, ())
    }
}
