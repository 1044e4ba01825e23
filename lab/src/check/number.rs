//! Integers of any size, exactly. JSON has them, and a `Value` holds at most 64 bits: above that it
//! takes the nearest float, and two keys become one.
//!
//! So a longer integer becomes a string that no history can contain, and is shown as its digits.

use std::borrow::Cow;

use serde_json::Value;

/// In front of the digits. Unicode keeps this code for the inside of programs.
const MARK: char = '\u{10FFFF}';

/// The same JSON with a marked string for each integer beyond 64 bits.
///
/// # Errors
/// The text contains the mark.
pub(super) fn exact(json: &str) -> Result<Cow<'_, str>, String> {
    if json.contains(MARK) {
        return Err(format!("the character U+{:X} is not for texts", u32::from(MARK)));
    }
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    let bytes = json.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let is_part = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
                at += bytes[at..].iter().take_while(|b| is_part(b)).count();
                if let Some(mended) = mended(&json[start..at]) {
                    out += &json[kept..start];
                    out += &mended;
                    kept = at;
                }
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Ok(json.into());
    }
    out += &json[kept..];
    Ok(out.into())
}

/// Reads JSON with integers of any size, as the values of a history are read.
///
/// # Errors
/// It is no JSON.
pub fn value(json: &str) -> Result<Value, String> {
    serde_json::from_str(&exact(json)?).map_err(|e| e.to_string())
}

/// The place behind a string that begins here.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What to write for this number, if it would not be read exactly.
fn mended(number: &str) -> Option<String> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits == "0" && digits != number {
        return Some("0".into());
    }
    let is_integer = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let fits = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    (is_integer && !digits.is_empty() && !fits).then(|| format!("\"{MARK}{number}\""))
}

/// A value as JSON, with its integers as they were written.
pub(super) fn shown(json: &str) -> String {
    let mark = format!("\"{MARK}");
    let mut parts = json.split(&mark);
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (digits, rest) = part.split_once('"').unwrap_or((part, ""));
        out += digits;
        out += rest;
    }
    out
}

/// An integer of up to 128 bits.
pub(super) fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_i128(),
        Value::String(text) => text.strip_prefix(MARK)?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_is_read_as_it_is_written() {
        for number in [
            "0",
            "-1",
            "9223372036854775807",
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551617",
            "-9223372036854775808",
            "-9223372036854775809",
            "340282366920938463463374607431768211456000",
        ] {
            let json = format!("{{\"a\\\"1\":[{number},\"{number}\"]}}");
            let value: Value = serde_json::from_str(&exact(&json).unwrap()).unwrap();
            assert_eq!(shown(&value.to_string()), json);
        }
    }

    #[test]
    fn what_is_no_long_integer_stays_as_it_is() {
        for json in
            ["1.5", "1e30", "\"18446744073709551616\"", "00018446744073709551616", "-", "\"\\"]
        {
            assert_eq!(exact(json).unwrap(), json);
        }
        assert_eq!(exact("[-0]").unwrap(), "[0]");
        assert!(exact("\"\u{10FFFF}\"").is_err());
    }
}
