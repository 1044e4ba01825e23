//! What all pages share: the frame, and how texts, times and services look.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::typed;

/// A text from outside, with nothing in it that HTML would read.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                char => fmt::Write::write_char(f, char)?,
            }
        }
        Ok(())
    }
}

/// A page with this title and content.
pub(super) fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let title = Text(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body>\
         <header><a href=\"/\">Traces</a> <a href=\"/graph\">Services</a></header><main>{content}</main></body></html>\n"
    );
    typed("text/html; charset=utf-8", (status, text).into_response())
}

/// A page that says what is wrong.
pub(super) fn sorry(status: StatusCode, why: &str) -> Response {
    let content = format!(
        "<h1>Not found</h1><p class=\"alarm\">{}</p><p><a href=\"/\">All traces</a></p>",
        Text(why)
    );
    page(status, "Not found", &content)
}

/// A time in ns, to three digits.
pub(super) fn took(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| ns >= *unit) else {
        return format!("{ns} ns");
    };
    let (whole, part) = (ns / unit, ns % unit);
    match whole {
        100.. => format!("{whole} {name}"),
        10..100 => format!("{whole}.{} {name}", part * 10 / unit),
        _ => format!("{whole}.{:02} {name}", part * 100 / unit),
    }
}

/// A time in ns since 1970, as a date.
pub(super) fn date(ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(ns));
    time.map_or_else(|_| format!("{ns} ns"), |time| time.strftime("%F %T%.3f UTC").to_string())
}

/// The roles of the shop, which have one colour in the whole book.
const ROLES: [&str; 8] = ["client", "lb", "web", "coord", "stock", "pay", "replica", "collector"];
/// As many colours do other services share.
const OTHERS: u32 = 8;

/// The class that gives a service its colour: `replica-2` looks like every replica.
pub(super) fn class(service: &str) -> String {
    let name = service.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    if ROLES.contains(&name) {
        return format!("s-{name}");
    }
    format!("s-{}", crc32c::crc32c(service.as_bytes()) % OTHERS)
}

/// A service's name in its colour.
pub(super) fn service(service: &str) -> String {
    format!("<span class=\"service {}\">{}</span>", class(service), Text(service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_cannot_become_html() {
        let bad = "<script>alert('x')</script> & \"quotes\"";
        let text = Text(bad).to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;"
        );
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (123_456_789, "123 ms"),
            (59_999_999_999, "59.9 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(took(ns), text);
        }
        assert_eq!(date(1_700_000_000_123_456_789), "2023-11-14 22:13:20.123 UTC");
        assert_eq!(date(u64::MAX), "2554-07-21 23:34:33.709 UTC");
    }

    #[test]
    fn a_role_has_one_colour_whatever_its_number() {
        assert_eq!(
            (class("replica-1"), class("replica-22")),
            ("s-replica".into(), "s-replica".into())
        );
        assert_ne!(class("webhook"), class("web"));
    }
}
