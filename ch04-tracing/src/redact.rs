//! What must not stand in a span: names that open something.
//!
//! A span goes to another machine, is kept for weeks, and is read by many. A session id in it is as good as a
//! password, and nobody looks for it there. So every text that a span takes from a message passes here: words
//! that may be such a name lose all but their beginning, and a text has a limit.
//!
//! # Left out
//!
//! What a program cannot tell from other words: names and addresses of people. Whoever writes such values
//! into attributes has to leave them out by their key ([`DENIED`]).

use crate::types::{Span, Status, Value};

/// No text of a span is longer, in bytes.
pub const MAX_TEXT: usize = 512;
/// Attributes with these words in their key are not kept.
pub const DENIED: [&str; 6] = ["password", "secret", "token", "cookie", "authorization", "email"];
/// Letters and digits in a row; from so many on, a word with digits in it may open something.
const LONG: usize = 16;
/// So many of them stay, to tell one from another.
const STAYS: usize = 6;

/// Whether an attribute with this key is kept.
#[must_use]
pub fn is_allowed(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !DENIED.iter().any(|word| key.contains(word))
}

/// Takes out of a span what must not stand in it: in its name, its attributes, and the text of an error.
pub fn clean(span: &mut Span) {
    span.name = redact(&span.name);
    clean_all(&mut span.attributes);
    if let Status::Error(why) = &mut span.status {
        *why = redact(why);
    }
}

fn clean_all(named: &mut Vec<(String, Value)>) {
    named.retain(|(key, _)| is_allowed(key));
    named.iter_mut().for_each(|(_, value)| clean_value(value));
}

fn clean_value(value: &mut Value) {
    match value {
        Value::Text(text) => *text = redact(text),
        Value::List(values) => values.iter_mut().for_each(clean_value),
        Value::Map(named) => clean_all(named),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) | Value::Empty => {}
    }
}

/// A text without what may open something, cut at [`MAX_TEXT`].
#[must_use]
pub fn redact(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(MAX_TEXT));
    let mut rest = text;
    while !rest.is_empty() && kept.len() < MAX_TEXT {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let word = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if word == 0 {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            kept.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        }
        let (word, after) = rest.split_at(word);
        let opens = word.len() >= LONG && word.bytes().any(|byte| byte.is_ascii_digit());
        kept.push_str(if opens { &word[..STAYS] } else { word });
        if opens {
            kept.push('…');
        }
        rest = after;
    }
    if !rest.is_empty() || kept.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT.min(kept.len())).rev().find(|end| kept.is_char_boundary(*end));
        kept.truncate(end.unwrap_or(0));
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{Kind, SpanId, TraceId};

    #[test]
    fn what_may_open_something_keeps_only_its_beginning() {
        for (text, kept) in [
            (
                "show the cart [s86041576233547486068637980154566633484 v3]",
                "show the cart [s86041… v3]",
            ),
            ("set session/0af7651916cd43dd8448eb211c80319c {}", "set session/0af765… {}"),
            ("Bearer eyJhbGciOiJIUzI1NiJ9.x", "Bearer eyJhbG….x"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af…"),
            ("prepare tx 1.1: umbrella -1, alice -12", "prepare tx 1.1: umbrella -1, alice -12"),
            ("internationalisation", "internationalisation"),
            ("", ""),
        ] {
            assert_eq!(redact(text), kept, "{text}");
        }
    }

    #[test]
    fn a_span_is_clean_also_in_its_lists_and_in_the_text_of_its_error() {
        let secret = || Value::Text("id 0af7651916cd43dd8448eb211c80319c".into());
        let inner = vec![("cookie".to_owned(), secret()), ("note".to_owned(), secret())];
        let secret_name = "GET /reset/0af7651916cd43dd8448eb211c80319c";
        let mut span = Span {
            trace: TraceId(1),
            id: SpanId(1),
            parent: None,
            links: Vec::new(),
            service: "web".into(),
            name: secret_name.into(),
            kind: Kind::Server,
            start: 0,
            end: 1,
            status: Status::Unset,
            attributes: Vec::new(),
        };
        span.attributes = vec![
            ("password".into(), Value::Int(1)),
            ("all".into(), Value::List(vec![secret(), Value::Map(inner)])),
        ];
        span.status = Status::Error("no session 0af7651916cd43dd8448eb211c80319c".into());
        clean(&mut span);
        assert_eq!(span.name, "GET /reset/0af765…");
        let short = || Value::Text("id 0af765…".into());
        let inner = vec![("note".to_owned(), short())];
        let all = Value::List(vec![short(), Value::Map(inner)]);
        assert_eq!(span.attributes, [("all".to_owned(), all)]);
        assert_eq!(span.status, Status::Error("no session 0af765…".into()));
    }

    #[test]
    fn a_key_is_denied_whatever_its_case_and_wherever_the_word_stands() {
        for key in ["http.request.header.Cookie", "user_password", "X-Auth-TOKEN"] {
            assert!(!is_allowed(key), "{key}");
        }
        assert!(is_allowed("message") && is_allowed("http.route"));
    }

    proptest! {
        #[test]
        fn no_text_is_longer_than_the_limit_and_no_long_number_stays(text in "[ -~é]{0,700}") {
            let kept = redact(&text);
            prop_assert!(kept.len() <= MAX_TEXT + "…".len());
            let is_part = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            let long = |word: &str| word.len() >= LONG && word.bytes().any(|b| b.is_ascii_digit());
            prop_assert!(!kept.split(is_part).any(long), "{kept}");
        }
    }
}
