//! Terms: `[[in doubt]]` and `[[participants|participant]]` link to the glossary page.
//!
//! Each term of the glossary is a heading, `## term`, so that the search finds it by name; or it stands
//! in a definition list: a line with the term, then a line that starts with `: `.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Fence, Kind, Meta, Page};
use crate::error::{Error, Result};

/// The terms of the book and which of them pages use.
#[derive(Clone, Debug, Default)]
pub struct Glossary {
    /// Where it is, from `book/src`.
    pub page: Option<String>,
    terms: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

impl Glossary {
    pub(super) fn of(pages: &[Page], errors: &mut Vec<Error>) -> Self {
        let mut glossary = Self::default();
        let is_glossary = |p: &&Page| Meta::parse(&p.text).is_ok_and(|m| m.kind == Kind::Glossary);
        let Some(page) = pages.iter().find(is_glossary) else { return glossary };
        glossary.page = Some(page.path.clone());
        let lines: Vec<&str> = page.text.lines().collect();
        let mut fence = Fence::default();
        for (i, line) in lines.iter().enumerate() {
            let listed = lines.get(i + 1).is_some_and(|next| next.starts_with(": "));
            let term = line.strip_prefix("## ").or(listed.then_some(*line)).unwrap_or("").trim();
            if fence.covers(line) || term.is_empty() {
                continue;
            }
            let term = term.to_string();
            if glossary.terms.insert(key(&term), slug(&term)).is_some() {
                errors.push(Error::at(
                    page.place(i + 1),
                    format!("`{term}` is defined twice"),
                    "keep one",
                ));
            }
        }
        glossary
    }

    /// Replaces every `[[term]]` in a line.
    pub(super) fn link(&mut self, line: &str, to_root: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("[[") {
            let Some((inside, after)) = after.split_once("]]") else { break };
            out.push_str(before);
            let (shown, term) = inside.split_once('|').unwrap_or((inside, inside));
            let page = self.page.clone().unwrap_or_default();
            let slug = self.find(term)?;
            out.push_str(&format!("[{shown}]({to_root}{page}#{slug} \"what is this?\")"));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn find(&mut self, term: &str) -> Result<String> {
        let whole = key(term);
        let singular = whole.strip_suffix('s').unwrap_or(&whole).to_string();
        for candidate in [whole, singular] {
            if let Some(slug) = self.terms.get(&candidate) {
                self.used.insert(candidate);
                return Ok(slug.clone());
            }
        }
        let page = self.page.as_deref().unwrap_or("the glossary page");
        Err(Error::new(
            format!("the term `{term}` is not in the glossary"),
            format!("define it in book/src/{page}, or write [[words|term]]"),
        ))
    }

    /// Terms that no page links to.
    #[must_use]
    pub fn unused(&self) -> Vec<&str> {
        self.terms.keys().filter(|t| !self.used.contains(*t)).map(String::as_str).collect()
    }
}

fn key(term: &str) -> String {
    term.trim().trim_matches(['`', '*']).to_lowercase().replace('-', " ")
}

/// The fragment mdBook gives a heading, and a definition's term.
fn slug(term: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    term.trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| if c.is_whitespace() { Some('-') } else { kept(c).then_some(c) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glossary() -> Glossary {
        let text = "<!-- page: kind=glossary -->\n# Glossary\n\nin doubt\n: voted yes, knows no outcome\n\n## ballot\n\na number\n";
        Glossary::of(&[Page { path: "glossary.md".into(), text: text.into() }], &mut vec![])
    }

    #[test]
    fn terms_link_to_their_definition_and_may_read_differently() {
        let mut g = glossary();
        let linked = g.link("a [[in-doubt|in doubt]] node, two [[ballots]]", "../").unwrap();
        assert!(linked.contains("[in-doubt](../glossary.md#in-doubt"), "{linked}");
        assert!(linked.contains("[ballots](../glossary.md#ballot "), "{linked}");
        assert!(g.unused().is_empty());
    }

    #[test]
    fn an_undefined_term_is_an_error() {
        assert!(glossary().link("[[quorum]]", "").unwrap_err().what.contains("quorum"));
    }
}
