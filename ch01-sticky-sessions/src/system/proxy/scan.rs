//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Reads a client's bytes before the HTTP library does. Request smuggling needs two readers that find
//! different requests in the same bytes: the balancer and a web process, for example. So a head or a chunk
//! that a lenient reader could take for something else is refused here, whatever the library accepts:
//! lines that end with a bare LF, a Content-Length beside a Transfer-Encoding, two of either, a space
//! before a colon, a folded line, control characters, a chunk size that is not plain hexadecimal.
//!
//! No input or output: bytes in, a verdict out, and the verdict is the same however the bytes were cut.

use std::mem;

/// RFC 9112, section 7.1: a recipient has to limit chunk extensions. Nobody needs them.
const MAX_CHUNK_LINE: usize = 256;
/// Sixteen hexadecimal digits may exceed what a signed 64-bit number holds.
const MAX_CHUNK_DIGITS: usize = 15;
/// A Content-Length with more digits may exceed it, too.
const MAX_LENGTH_DIGITS: usize = 18;

/// Which part of a request comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Between two requests; one empty line is allowed there (RFC 9112, section 2.2).
    Start {
        blank: bool,
    },
    /// The fields of a head.
    Fields,
    /// A body with this many bytes left.
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    /// The CRLF after a chunk's data.
    ChunkEnd,
    Trailers,
}

/// What a head said about its body.
#[derive(Clone, Copy, Default, Debug)]
struct Framing {
    is_http_10: bool,
    length: Option<u64>,
    is_chunked: bool,
}

/// Follows one connection from its first byte.
#[derive(Debug)]
pub(super) struct Scanner {
    phase: Phase,
    framing: Framing,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
}

impl Scanner {
    pub(super) fn new() -> Self {
        let phase = Phase::Start { blank: false };
        Self { phase, framing: Framing::default(), line: Vec::new() }
    }

    /// Whether the next byte begins a request.
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Start { .. }) && self.line.is_empty()
    }

    /// Whether it has the beginning of a head, and not its end.
    pub(super) fn is_in_head(&self) -> bool {
        match self.phase {
            Phase::Start { .. } => !self.line.is_empty(),
            Phase::Fields => true,
            Phase::Body(_)
            | Phase::ChunkSize
            | Phase::ChunkData(_)
            | Phase::ChunkEnd
            | Phase::Trailers => false,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// How many of them may be passed on: the rest begins with, or belongs to, a line that is refused.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.phase {
                Phase::Body(left) => {
                    let taken = taken(left, rest);
                    self.phase = if taken == left { START } else { Phase::Body(left - taken) };
                    taken as usize
                }
                Phase::ChunkData(left) => {
                    let taken = taken(left, rest);
                    let done = taken == left;
                    self.phase =
                        if done { Phase::ChunkEnd } else { Phase::ChunkData(left - taken) };
                    taken as usize
                }
                Phase::Start { .. }
                | Phase::Fields
                | Phase::ChunkSize
                | Phase::ChunkEnd
                | Phase::Trailers => self.line(rest).ok_or(at)?,
            };
        }
        Ok(())
    }

    /// Takes a line, or the beginning of one. How many bytes these were; none if it is refused.
    fn line(&mut self, rest: &[u8]) -> Option<usize> {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let part = end.map_or(rest, |end| &rest[..=end]);
        // Most lines arrive whole, and are not copied.
        let mut whole = mem::take(&mut self.line);
        if end.is_some() && whole.is_empty() {
            self.phase = self.next(part)?;
            return Some(part.len());
        }
        whole.extend_from_slice(part);
        match self.phase {
            Phase::ChunkSize if whole.len() > MAX_CHUNK_LINE => return None,
            Phase::ChunkEnd if whole.len() > 2 => return None,
            // The HTTP library stops at a head that is too long.
            _ => {}
        }
        if end.is_some() {
            self.phase = self.next(&whole)?;
            whole.clear();
        }
        self.line = whole;
        Some(part.len())
    }

    /// What comes after this line. Nothing if it is refused.
    fn next(&mut self, line: &[u8]) -> Option<Phase> {
        let line = line.strip_suffix(b"\r\n")?;
        match self.phase {
            Phase::Start { blank } if line.is_empty() => {
                (!blank).then_some(Phase::Start { blank: true })
            }
            Phase::Start { .. } => {
                self.framing = Framing { is_http_10: is_http_10(line)?, ..Framing::default() };
                Some(Phase::Fields)
            }
            Phase::Fields if line.is_empty() => Some(self.framing.body()),
            Phase::Fields => {
                let (name, value) = field(line)?;
                self.framing.learn(name, value)?;
                Some(Phase::Fields)
            }
            Phase::ChunkSize => match chunk_size(line)? {
                0 => Some(Phase::Trailers),
                size => Some(Phase::ChunkData(size)),
            },
            Phase::ChunkEnd => line.is_empty().then_some(Phase::ChunkSize),
            Phase::Trailers if line.is_empty() => Some(START),
            Phase::Trailers => field(line).map(|_| Phase::Trailers),
            Phase::Body(_) | Phase::ChunkData(_) => unreachable!("they are no lines"),
        }
    }
}

const START: Phase = Phase::Start { blank: false };

fn taken(left: u64, rest: &[u8]) -> u64 {
    left.min(rest.len() as u64)
}

impl Framing {
    /// What a field says about the body. Nothing if that is ambiguous.
    fn learn(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_first = self.length.is_none() && !self.is_chunked;
            self.length = Some(length(value).filter(|_| is_first)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // A coding before `chunked` does not change where the body ends; it is refused later.
            let last = value.rsplit(|&byte| byte == b',').next().unwrap_or(value);
            let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            let is_first = self.length.is_none() && !self.is_chunked;
            if !is_chunked || !is_first || self.is_http_10 {
                return None;
            }
            self.is_chunked = true;
        }
        Some(())
    }

    fn body(self) -> Phase {
        match self {
            Self { is_chunked: true, .. } => Phase::ChunkSize,
            Self { length: Some(length), .. } if length > 0 => Phase::Body(length),
            Self { .. } => START,
        }
    }
}

/// Whether a request line is of HTTP/1.0 rather than HTTP/1.1. Nothing if it is neither: exactly two
/// spaces, a token, and a target of visible ASCII without a fragment.
fn is_http_10(line: &[u8]) -> Option<bool> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_target = !target.is_empty() && target.iter().all(|&b| b.is_ascii_graphic() && b != b'#');
    if parts.next().is_some() || !is_token(method) || !is_target {
        return None;
    }
    match version {
        b"HTTP/1.1" => Some(false),
        b"HTTP/1.0" => Some(true),
        _ => None,
    }
}

/// The name and the value of a field.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    (is_token(name) && value.iter().all(is_text)).then(|| (name, value.trim_ascii()))
}

/// RFC 9110, section 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !bytes.is_empty() && bytes.iter().all(is_token)
}

fn length(value: &[u8]) -> Option<u64> {
    let is_short = (1..=MAX_LENGTH_DIGITS).contains(&value.len());
    let digits = std::str::from_utf8(value).ok()?;
    (is_short && value.iter().all(u8::is_ascii_digit)).then(|| digits.parse().ok())?
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|&byte| byte == b';').unwrap_or(line.len());
    let (digits, extension) = line.split_at(end);
    let is_short = (1..=MAX_CHUNK_DIGITS).contains(&digits.len()) && line.len() <= MAX_CHUNK_LINE;
    let is_text = |byte: &u8| *byte == b'\t' || (b' '..0x7f).contains(byte);
    if !is_short || !digits.iter().all(u8::is_ascii_hexdigit) || !extension.iter().all(is_text) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::Scanner;

    /// How many bytes are passed on, whatever the cuts.
    fn passed(bytes: &[u8], cuts: &[usize]) -> usize {
        let mut scanner = Scanner::new();
        let mut from = 0;
        let ends = cuts.iter().copied().chain([bytes.len()]);
        for end in ends {
            let end = end.max(from);
            if let Err(at) = scanner.scan(&bytes[from..end]) {
                return from + at;
            }
            from = end;
        }
        from
    }

    fn is_clean(bytes: &[u8]) -> bool {
        passed(bytes, &[]) == bytes.len()
    }

    const CLEAN: &[u8] = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\n\0\r\n\
        \r\nPUT / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;x=\"y\"\r\n\r\n\0\r\n000a\r\n0123456789\r\n0\r\nX: y\r\n\r\n\
        GET * HTTP/1.0\r\n\r\n";

    #[test]
    fn clean_requests_pass_and_their_bodies_are_not_read() {
        assert!(is_clean(CLEAN));
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
            changes in vec((any::<Index>(), prop::sample::select(b"\r\n :;0x,\0\tA".to_vec())), 0..3),
            cuts in vec(any::<Index>(), 0..6),
        ) {
            let mut bytes = CLEAN.to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.sort_unstable();
            let cut = passed(&bytes, &cuts) == bytes.len();
            prop_assert_eq!(is_clean(&bytes), cut);
        }

        #[test]
        fn no_head_with_a_line_that_ends_otherwise_passes(
            head in "[ -~]{0,20}(\r\n|\n|\r|\0)[ -~]{0,20}",
            at in 0..3_usize,
        ) {
            let is_bare = head.replace("\r\n", "").contains(['\r', '\n', '\0']);
            let parts = ["GET / HTTP/1.1\r\n", "Host: a\r\n", "X: "];
            let bytes = format!("{}{head}\r\n\r\n", parts[..at].concat());
            prop_assert!(!is_bare || !is_clean(bytes.as_bytes()));
        }
    }
}
