//! Directives: `{{#name key=value key="quoted value"}}` on a line of its own.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// One parsed directive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// What it asks for, such as `listing`.
    pub name: String,
    /// Its keys.
    pub args: BTreeMap<String, String>,
    /// The quoted text that stands without a key, such as the question of a `why`.
    pub text: Option<String>,
    /// The whole directive as it was written.
    pub source: String,
}

impl Directive {
    /// Parses a line; `None` where it is not a directive at all.
    #[must_use]
    pub fn parse(line: &str) -> Option<Result<Self>> {
        let inside = line.trim().strip_prefix("{{#")?;
        let Some(inside) = inside.strip_suffix("}}") else {
            return (!inside.contains("}}")).then(|| {
                Err(Error::new(
                    "a directive that does not end",
                    "close it with }} on the same line",
                ))
            });
        };
        if inside.contains("{{#") {
            return None;
        }
        // A number may stand alone on a line too; its name is not a key.
        if let Some(key) = inside.strip_prefix("num ") {
            let args = BTreeMap::from([("key".to_string(), key.trim().to_string())]);
            return Some(Ok(Self {
                name: "num".into(),
                args,
                text: None,
                source: line.trim().into(),
            }));
        }
        Some(Self::parse_inside(inside).map(|d| Self { source: line.trim().to_string(), ..d }))
    }

    fn parse_inside(inside: &str) -> Result<Self> {
        let inside = inside.trim();
        let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut args = BTreeMap::new();
        let mut text = None;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Ok(Self { name: name.to_string(), args, text, source: String::new() });
            }
            if rest.starts_with('"') {
                let (value, after) = quoted(rest)?;
                text = Some(value);
                rest = after;
                continue;
            }
            let Some((key, after)) = rest.split_once('=') else {
                return Err(Error::new(
                    format!("cannot read `{rest}` in a {name} directive"),
                    "write key=value, key=\"a value with spaces\" or \"a text\"",
                ));
            };
            let (value, after) = if after.starts_with('"') {
                quoted(after)?
            } else {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (after[..end].to_string(), &after[end..])
            };
            args.insert(key.trim().to_string(), value);
            rest = after;
        }
    }

    /// A key that may be missing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.args.get(key).map(String::as_str)
    }

    /// A key that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn need(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::new(format!("a {} directive needs `{key}`", self.name), format!("add {key}=…"))
        })
    }

    /// Refuses keys that no directive reads: a typo must not pass in silence.
    ///
    /// # Errors
    /// The first unknown key.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.args.keys().find(|k| !known.contains(&k.as_str())) {
            None => Ok(()),
            Some(key) => Err(Error::new(
                format!("a {} directive has no key `{key}`", self.name),
                format!("one of: {}", known.join(", ")),
            )),
        }
    }
}

fn quoted(from: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = from.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &from[i + 1..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    Err(Error::new("a quotation mark that is not closed", "close it with \""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_quotes_and_texts_are_read() {
        let line = r#"{{#listing file=a/b.rs anchor=on_vote caption="say \"yes\" once"}}"#;
        let d = Directive::parse(line).unwrap().unwrap();
        assert_eq!((d.name.as_str(), d.get("file")), ("listing", Some("a/b.rs")));
        assert_eq!(d.get("caption"), Some("say \"yes\" once"));
        let why = Directive::parse("{{#why \"Why wait?\"}}").unwrap().unwrap();
        assert_eq!(why.text.as_deref(), Some("Why wait?"));
    }

    #[test]
    fn an_inline_use_is_no_directive_and_an_open_one_is_an_error() {
        assert!(Directive::parse("there are {{#num a.b}} states").is_none());
        assert!(Directive::parse("{{#num a}} and {{#num b}}").is_none());
        assert!(Directive::parse("{{#listing file=a").unwrap().is_err());
        assert!(Directive::parse("{{#why \"open}}").unwrap().is_err());
    }

    #[test]
    fn a_key_that_no_directive_reads_is_refused() {
        let d = Directive::parse("{{#figure rum=x}}").unwrap().unwrap();
        assert!(d.only(&["run"]).unwrap_err().what.contains("rum"));
    }
}
