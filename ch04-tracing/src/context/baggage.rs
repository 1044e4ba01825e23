//! Baggage: what an application sends along for itself, `key=value`, to everyone that it calls.
//!
//! It comes from outside and goes on to every process that is called, other companies' included. So it has a
//! limit of 64 entries and 8192 bytes, and a process takes only the keys that its operator allows.
//!
//! # Left out
//!
//! The meaning of properties: they travel with their entry, unread.

use super::{Header, trim, values};

/// As many entries travel.
pub const MAX_ENTRIES: usize = 64;
/// As many bytes travel, commas included.
pub const MAX_BAGGAGE: usize = 8192;

/// One thing that travels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// Its name, which an HTTP token could be.
    pub key: String,
    /// Any text.
    pub value: String,
    /// `;`-separated properties as they came, without the first `;`.
    pub properties: String,
}

/// What travels, in its order, and how much did not get in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Baggage {
    entries: Vec<Entry>,
    len: usize,
    refused: usize,
}

impl Baggage {
    /// Reads all `baggage` headers of a request as one list. Whatever is not allowed, not well-formed or
    /// over a limit is counted in [`Baggage::refused`], and the rest counts.
    #[must_use]
    pub fn extract(headers: &[Header<'_>], allowed: &[&str]) -> Self {
        let mut baggage = Self::default();
        for member in values(headers, "baggage").flat_map(|value| value.split(|byte| *byte == b','))
        {
            let member = trim(member);
            if member.is_empty() {
                continue;
            }
            match parse(member).filter(|entry| allowed.contains(&entry.key.as_str())) {
                Some(entry) => _ = baggage.push(entry),
                None => baggage.refused += 1,
            }
        }
        baggage
    }

    /// Adds an entry, and says whether it was taken: it must be well-formed and fit.
    pub fn push(&mut self, entry: Entry) -> bool {
        let comma = usize::from(!self.entries.is_empty());
        let len = comma + format(&entry).len();
        let is_well = is_key(entry.key.as_bytes()) && is_properties(entry.properties.as_bytes());
        let fits = self.entries.len() < MAX_ENTRIES && self.len + len <= MAX_BAGGAGE;
        if is_well && fits {
            self.len += len;
            self.entries.push(entry);
        } else {
            self.refused += 1;
        }
        is_well && fits
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// How many entries were not taken.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The value of the header `baggage`; empty if there is none to send.
    #[must_use]
    pub fn header(&self) -> String {
        self.entries.iter().map(format).collect::<Vec<_>>().join(",")
    }
}

fn parse(member: &[u8]) -> Option<Entry> {
    let end = member.iter().position(|byte| *byte == b';').unwrap_or(member.len());
    let (pair, properties) = member.split_at(end);
    let properties = trim(properties.strip_prefix(b";").unwrap_or_default());
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (trim(&pair[..equals]), trim(&pair[equals + 1..]));
    if !is_key(key) || !value.iter().all(is_octet) || !is_properties(properties) {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Entry { key: text(key), value: text(&unescape(value)), properties: text(properties) })
}

fn format(entry: &Entry) -> String {
    let mut member = format!("{}={}", entry.key, escape(&entry.value, is_octet));
    if !entry.properties.is_empty() {
        member.push(';');
        member.push_str(&entry.properties);
    }
    member
}

/// Writes all bytes but these as `%` and two digits; a `%` itself too.
pub(crate) fn escape(text: &str, stays: impl Fn(&u8) -> bool) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if stays(&byte) && byte != b'%' {
            escaped.push(byte.into());
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A `%` without two hex digits behind it stays as it is.
fn unescape(value: &[u8]) -> Vec<u8> {
    let digit = |at: usize| value.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high << 4 | low).expect("two hex digits"));
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    bytes
}

fn is_key(key: &[u8]) -> bool {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !key.is_empty() && key.iter().all(is_token)
}

/// What may stand in a value: no blanks, quotes, commas, semicolons, backslashes.
fn is_octet(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(byte)
}

fn is_properties(text: &[u8]) -> bool {
    let is_well = |byte: &u8| is_octet(byte) || b" \t;".contains(byte);
    text.iter().all(is_well) && trim(text).len() == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]], allowed: &[&str]) -> Baggage {
        let headers: Vec<_> = values.iter().map(|value| ("Baggage", *value)).collect();
        Baggage::extract(&headers, allowed)
    }

    #[test]
    fn a_table_of_headers_is_read_as_the_standard_says() {
        for (value, expected) in [
            ("a=1", "1"),
            (" a \t=  1 ", "1"),
            ("a=1;p=2;q", "1"),
            ("a=b=c", "b=c"),
            ("a=", ""),
            ("a=%41%20%C3%A4", "A ä"),
            ("a=%FF", "\u{fffd}"),
            ("a=100%", "100%"),
            ("a=%4", "%4"),
            (",,a=1,,", "1"),
        ] {
            assert_eq!(read(&[value.as_bytes()], &["a"]).get("a"), Some(expected), "{value}");
        }
        for value in ["a", "=1", "a b=1", "a=1 2", "a=\"1\"", "a=\\", "ä=1", "a=ä", "a=1;\u{1}"] {
            let baggage = read(&[value.as_bytes()], &["a", "a b", "ä"]);
            assert_eq!((baggage.entries().len(), baggage.refused()), (0, 1), "{value}");
        }
    }

    #[test]
    fn what_may_not_stand_there_is_escaped_and_read_back() {
        let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
        let escaped = escape("100 % ü\n", is_printable);
        assert_eq!(escaped, "100 %25 %C3%BC%0A");
        assert_eq!(unescape(escaped.as_bytes()), "100 % ü\n".as_bytes());
    }

    #[test]
    fn only_allowed_keys_get_in() {
        let baggage = read(&[b"user=7,tenant=3"], &["tenant"]);
        assert_eq!((baggage.header().as_str(), baggage.refused()), ("tenant=3", 1));
    }

    #[test]
    fn limits_leave_whole_entries_out() {
        let member = |n: usize| format!("k={n:02}");
        let many: Vec<_> = (0..65).map(member).collect();
        let (first, rest) = many.split_at(30);
        let (first, rest) = (first.join(","), rest.join(","));
        let baggage = read(&[first.as_bytes(), rest.as_bytes()], &["k"]);
        assert_eq!((baggage.entries().len(), baggage.refused()), (64, 1));
        let long = format!("k={},k={},k=1", "x".repeat(4090), "y".repeat(4098));
        let baggage = read(&[long.as_bytes()], &["k"]);
        let lengths: Vec<_> = baggage.entries().iter().map(|entry| entry.value.len()).collect();
        assert_eq!((lengths, baggage.refused()), (vec![4090, 1], 1));
        let full = format!("k={},k={}", "x".repeat(4090), "y".repeat(4097));
        assert_eq!(read(&[full.as_bytes()], &["k"]).header().len(), MAX_BAGGAGE);
    }
}
