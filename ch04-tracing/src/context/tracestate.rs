//! `tracestate`: what each tracing system on the way adds for itself, `key=value`, the newest first.
//!
//! The grammar of keys is that of June 2026 (w3c/trace-context#584): a key begins with a lower-case letter
//! or a digit, and `@` is a character like others. One bad member makes the whole list worthless, because
//! the order of the list means something and a hole in it cannot be seen.
//!
//! # Left out
//!
//! Reading what is inside a value: only the system that wrote it knows.

use std::fmt;
use std::sync::Arc;

use super::trim;

/// As many members may arrive.
pub const MAX_MEMBERS: usize = 32;
/// As many characters are kept, commas included.
pub const MAX_STATE: usize = 512;
/// Members that are longer make room first.
const LONG: usize = 128;
/// The longest key, and the longest value.
const MAX_PART: usize = 256;

/// Checked members. A clone costs no allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceState(Arc<str>);

/// Why a `tracestate` is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTraceState {
    /// Not `key=value`, or a character that may not stand there.
    #[error(
        "a member of tracestate reads key=value: a key of a-z 0-9 _ - * / @ that begins with a letter or \
         a digit, and printable ASCII without , and = as the value; 256 characters each at most"
    )]
    Member,
    /// More than [`MAX_MEMBERS`].
    #[error("more than 32 members in tracestate; drop the ones at its end")]
    TooMany,
}

impl TraceState {
    /// Reads the values of all `tracestate` headers as one list. Of two members with one key the first is
    /// kept: it is the newer one. Of what is longer than [`MAX_STATE`] whole members are left out.
    ///
    /// # Errors
    /// A member is wrong, or there are too many.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, BadTraceState> {
        let mut members: Vec<&str> = Vec::new();
        let mut count = 0;
        for member in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
            let member = trim(member);
            if member.is_empty() {
                continue;
            }
            count += 1;
            if count > MAX_MEMBERS {
                return Err(BadTraceState::TooMany);
            }
            let member = check(member)?;
            if !members.iter().any(|other| key(other) == key(member)) {
                members.push(member);
            }
        }
        Ok(Self::of(fit(members, MAX_STATE)))
    }

    /// With one member more, in front. An older one with that key is removed, and whatever does not fit
    /// any more.
    ///
    /// # Errors
    /// The member is wrong.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, BadTraceState> {
        let new = format!("{name}={value}");
        let member = check(new.as_bytes())?;
        if trim(new.as_bytes()).len() != new.len() {
            return Err(BadTraceState::Member);
        }
        let others = self.members().filter(|other| key(other) != name);
        // What this process says is never what makes room.
        let others =
            fit(others.take(MAX_MEMBERS - 1).collect(), MAX_STATE.saturating_sub(member.len() + 1));
        Ok(Self::of(std::iter::once(member).chain(others)))
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members()
            .filter_map(|member| member.split_once('='))
            .find(|(k, _)| *k == name)
            .map(|(_, v)| v)
    }

    /// As the value of one header; empty if there is none to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The members, `key=value`.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|member| !member.is_empty())
    }

    fn of<'a>(members: impl IntoIterator<Item = &'a str>) -> Self {
        let mut joined = String::new();
        for member in members {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(member);
        }
        if joined.is_empty() { Self::default() } else { Self(joined.into()) }
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

fn key(member: &str) -> &str {
    member.split_once('=').map_or(member, |(key, _)| key)
}

fn check(member: &[u8]) -> Result<&str, BadTraceState> {
    let equals = member.iter().position(|byte| *byte == b'=').ok_or(BadTraceState::Member)?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_key = |byte: &u8| is_first(byte) || b"_-*/@".contains(byte);
    let is_value = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
    let is_well = key.first().is_some_and(is_first)
        && key.iter().all(is_key)
        && key.len() <= MAX_PART
        && value.iter().all(is_value)
        && (1..=MAX_PART).contains(&value.len());
    // It is ASCII by now.
    let member = std::str::from_utf8(member).map_err(|_| BadTraceState::Member)?;
    if is_well { Ok(member) } else { Err(BadTraceState::Member) }
}

/// Leaves out whole members until the rest fits: the long ones first, then the oldest, which stand last.
pub(super) fn fit(mut members: Vec<&str>, room: usize) -> Vec<&str> {
    let mut len = members.iter().map(|member| member.len() + 1).sum::<usize>();
    while len > room + 1 {
        let long = members.iter().rposition(|member| member.len() > LONG);
        let at = long.unwrap_or(members.len() - 1);
        len -= members.remove(at).len() + 1;
    }
    members
}
