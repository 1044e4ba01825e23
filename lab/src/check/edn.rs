//! EDN, the notation of Jepsen's histories, as JSON.
//!
//! A keyword `:x` becomes the string `":x"`, so that it is not taken for the string `"x"`. Lists, vectors
//! and sets become arrays; tags, such as that of a record, are left out.

use super::number::end_of_string;

/// Deeper nesting is no history.
const DEEPEST: usize = 100;

/// The first form of a text as JSON.
///
/// # Errors
/// What is not understood.
pub(super) fn to_json(edn: &str) -> Result<String, String> {
    let mut reader = Reader { text: edn, at: 0, out: String::new() };
    reader.form(0)?;
    Ok(reader.out)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Steps over spaces, commas, comments and tags. Gives the next character.
    fn peek(&mut self, depth: usize) -> Result<char, String> {
        loop {
            let rest = self.rest();
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            self.at = self.text.len() - rest.len();
            if rest.starts_with(';') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("#_") {
                self.at += 2;
                let kept = self.out.len();
                self.form(depth + 1)?;
                self.out.truncate(kept);
            } else if rest.starts_with('#') && !rest.starts_with("#{") && !rest.starts_with("##") {
                self.at += 1;
                self.word();
            } else {
                return rest.chars().next().ok_or_else(|| "the form does not end".to_string());
            }
        }
    }

    fn form(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("nested too deeply".into());
        }
        match self.peek(depth)? {
            '{' => self.map(depth),
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '#' if self.rest().starts_with("#{") => {
                self.at += 1;
                self.list('}', depth)
            }
            '"' => {
                let end = end_of_string(self.text.as_bytes(), self.at);
                let string = &self.text[self.at..end];
                self.at = end;
                self.out += &string.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
                Ok(())
            }
            _ => self.atom(),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<(), String> {
        self.at += 1;
        self.out.push('[');
        let mut first = true;
        while self.peek(depth)? != end {
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            self.form(depth + 1)?;
        }
        self.at += 1;
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Result<(), String> {
        self.at += 1;
        self.out.push('{');
        let mut keys = std::collections::BTreeSet::new();
        while self.peek(depth)? != '}' {
            if !keys.is_empty() {
                self.out.push(',');
            }
            let start = self.out.len();
            self.form(depth + 1)?;
            let key = self.out.split_off(start);
            let is_string = key.starts_with('"');
            let key = if is_string { key } else { serde_json::Value::from(key).to_string() };
            if !keys.insert(key.clone()) {
                return Err(format!("the key {key} is there twice"));
            }
            self.out += &key;
            self.out.push(':');
            self.form(depth + 1)?;
        }
        self.at += 1;
        self.out.push('}');
        Ok(())
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || ",()[]{}\";".contains(c);
        let length = rest.find(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn atom(&mut self) -> Result<(), String> {
        let word = self.word();
        let plain = word.strip_prefix('+').unwrap_or(word);
        let digits = plain.strip_suffix(['N', 'M']).unwrap_or(plain);
        match word {
            "" => return Err(format!("unexpected {:?}", self.rest().chars().next())),
            "nil" => self.out += "null",
            "true" | "false" => self.out += word,
            _ if serde_json::from_str::<serde_json::Number>(digits).is_ok() => self.out += digits,
            _ if word.starts_with("##") => return Err(format!("{word} is no value here")),
            _ => self.out += &serde_json::Value::from(word).to_string(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sort_of_form_has_its_json() {
        for (edn, json) in [
            ("nil", "null"),
            ("[1 -2, +3 4N 5.5M 1e3]", "[1,-2,3,4,5.5,1e3]"),
            ("(:append \"x\" x)", "[\":append\",\"x\",\"x\"]"),
            ("#{1 2}", "[1,2]"),
            (
                "{:type :ok, :value {0 10, :a 7}}",
                "{\":type\":\":ok\",\":value\":{\"0\":10,\":a\":7}}",
            ),
            ("#jepsen.history.Op{:f #inst \"2020\"}", "{\":f\":\"2020\"}"),
            ("; a comment\n[1 #_[2 3] 4 #_5]", "[1,4]"),
            ("\"a\\\"\n,b\"", "\"a\\\"\\n,b\""),
            ("18446744073709551617", "18446744073709551617"),
        ] {
            let read = to_json(edn).unwrap();
            assert_eq!(read, json, "{edn}");
            serde_json::from_str::<serde_json::Value>(&read).unwrap();
        }
    }

    #[test]
    fn what_does_not_end_or_says_two_things_is_refused() {
        for edn in ["", "{:a", "[1 2", "(1]", "{:a 1 :a 2}", "{0 1 \"0\" 2}", "##Inf", "{:a}", "#_"]
        {
            assert!(to_json(edn).is_err(), "{edn}");
        }
        assert!(to_json(&"[".repeat(100_000)).is_err());
        assert!(to_json(&"#_ ".repeat(100_000)).is_err());
    }
}
