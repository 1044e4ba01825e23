//! A request as a line of words, as a person types it: words are divided by blanks, and quotes make one
//! word of several. In double quotes `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` stand for one byte, and a
//! backslash before any other byte for that byte; in single quotes `\'` stands for a quote.
//!
//! # Left out
//!
//! A zero byte ends the line in Redis; here it is a byte like others.

use bytes::{Bytes, BytesMut};

/// The words of a line that has no line feed; `None` if a quote is not closed, or the closing one is
/// followed by something other than a blank. Words without quotes are slices of the line.
pub(super) fn words(line: &Bytes) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at += line[at..].iter().take_while(|byte| is_blank(**byte)).count();
        if at == line.len() {
            return Some(words);
        }
        let (word, end) = word(line, at)?;
        words.push(word);
        at = end;
    }
}

/// The word that begins at `begin`, and where it ends.
fn word(line: &Bytes, begin: usize) -> Option<(Bytes, usize)> {
    let rest = &line[begin..];
    let plain = rest.iter().take_while(|byte| !ends_word(**byte) && !is_quote(**byte)).count();
    let mut at = begin + plain;
    if line.get(at).is_none_or(|byte| ends_word(*byte)) {
        return Some((line.slice(begin..at), at));
    }
    let mut word = BytesMut::from(&rest[..plain]);
    while let Some(byte) = line.get(at).copied().filter(|byte| !ends_word(*byte)) {
        at += 1;
        if is_quote(byte) {
            at = quoted(line, at, byte, &mut word)?;
            if line.get(at).is_some_and(|byte| !is_blank(*byte)) {
                return None;
            }
        } else {
            word.extend_from_slice(&[byte]);
        }
    }
    Some((word.freeze(), at))
}

/// Appends what is between quotes, and gives the place behind the closing one.
fn quoted(line: &[u8], mut at: usize, quote: u8, word: &mut BytesMut) -> Option<usize> {
    loop {
        let (byte, len) = match line.get(at..)? {
            [byte, ..] if *byte == quote => return Some(at + 1),
            [b'\\', b'\'', ..] if quote == b'\'' => (b'\'', 2),
            [b'\\', b'x', high, low, ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (digit(*high) << 4 | digit(*low), 4)
            }
            [b'\\', escaped, ..] if quote == b'"' => (unescaped(*escaped), 2),
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        word.extend_from_slice(&[byte]);
        at += len;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// Of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_lowercase() - b'a' + 10,
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

fn is_blank(byte: u8) -> bool {
    ends_word(byte) || matches!(byte, 0x0b | 0x0c)
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<Vec<u8>>> {
        let line = Bytes::copy_from_slice(line.as_bytes());
        words(&line).map(|words| words.iter().map(|word| word.to_vec()).collect())
    }

    fn list(words: &[&str]) -> Option<Vec<Vec<u8>>> {
        Some(words.iter().map(|word| word.as_bytes().to_vec()).collect())
    }

    #[test]
    fn words_are_divided_by_blanks_and_joined_by_quotes() {
        for (line, words) in [
            ("", list(&[])),
            (" \t\r", list(&[])),
            ("  GET\tk  ", list(&["GET", "k"])),
            (r#"SET k "a b""#, list(&["SET", "k", "a b"])),
            (r#""" ''"#, list(&["", ""])),
            (r#"a"b c"'"#, None),
            (r#"a"b c""#, list(&["ab c"])),
            (r#""a\n\r\t\b\a\"\\\q""#, list(&["a\n\r\t\u{8}\u{7}\"\\q"])),
            (r#""\x41\x4a\x7f\x""#, list(&["AJ\u{7f}x"])),
            (r#""\xg1\x1""#, list(&["xg1x1"])),
            (r"'a\'b\n\\.' c", list(&[r"a'b\n\\.", "c"])),
            (r#"'"' "'""#, list(&["\"", "'"])),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
        assert_eq!(split(r#""\xFF\x00""#), Some(vec![vec![0xff, 0]]));
    }

    #[test]
    fn a_quote_that_is_open_or_followed_by_a_letter_is_refused() {
        for line in [r#"""#, "'", r#""a"#, r#""a\""#, r"'a\'", r#""a"b"#, "'a''b'", r#"a "b"c"#] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
