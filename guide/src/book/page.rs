//! Pages: what a page is for, and how many words it has.
//!
//! The first line of every page says what it is: `<!-- page: kind=step chapter=ch02 step=step2 -->`.

use super::directive::Directive;
use crate::error::{Error, Result};

/// What a page is for; decides its budget of words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// The page a reader opens first.
    Start,
    /// A chapter's first page: break it before it is explained.
    BreakIt,
    /// One main step of a chapter.
    Step,
    /// Scoreboard and card, a chapter's last page.
    Card,
    /// Off the main path.
    Deeper,
    /// Reference at the end of the book.
    Appendix,
    /// The glossary: its definition list is what terms link to.
    Glossary,
}

impl Kind {
    const ALL: [(&'static str, Self); 7] = [
        ("start", Self::Start),
        ("breakit", Self::BreakIt),
        ("step", Self::Step),
        ("card", Self::Card),
        ("deeper", Self::Deeper),
        ("appendix", Self::Appendix),
        ("glossary", Self::Glossary),
    ];

    /// The most words a page of this kind may have.
    #[must_use]
    pub fn budget(self) -> Option<usize> {
        match self {
            Self::Start => Some(900),
            Self::BreakIt | Self::Step => Some(700),
            Self::Card | Self::Deeper => Some(1200),
            Self::Appendix | Self::Glossary => None,
        }
    }

    /// Whether the page counts towards its chapter's main path.
    #[must_use]
    pub fn is_main(self) -> bool {
        matches!(self, Self::BreakIt | Self::Step | Self::Card)
    }
}

/// The most words of a chapter's main path.
pub const MAIN_PATH: usize = 5000;

/// What the first line of a page says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// What the page is for.
    pub kind: Kind,
    /// The chapter it belongs to.
    pub chapter: Option<String>,
    /// The step it tells.
    pub step: Option<String>,
}

impl Meta {
    /// Reads the first line of a page.
    ///
    /// # Errors
    /// It is not a page comment, or says something unknown.
    pub fn parse(text: &str) -> Result<Self> {
        let example = "start the page with <!-- page: kind=step chapter=ch02 step=step2 -->";
        let first = text.lines().next().unwrap_or("").trim();
        let inside = first
            .strip_prefix("<!-- page:")
            .and_then(|l| l.strip_suffix("-->"))
            .ok_or_else(|| Error::new("the page does not say what it is", example))?;
        let line = format!("{{{{#page {}}}}}", inside.trim());
        let args = Directive::parse(&line)
            .ok_or_else(|| Error::new("the page comment cannot be read", example))??;
        args.only(&["kind", "chapter", "step"])?;
        let kind = args.need("kind")?;
        let known: Vec<&str> = Kind::ALL.iter().map(|(word, _)| *word).collect();
        let (_, kind) = *Kind::ALL.iter().find(|(word, _)| *word == kind).ok_or_else(|| {
            Error::new(format!("no page kind `{kind}`"), format!("one of: {}", known.join(", ")))
        })?;
        let own = |key: &str| args.get(key).map(str::to_string);
        Ok(Self { kind, chapter: own("chapter"), step: own("step") })
    }
}

/// A page of the book as it was written.
#[derive(Clone, Debug)]
pub struct Page {
    /// From `book/src`, with `/`.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

impl Page {
    /// `book/src/path:line`.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("book/src/{}:{line}", self.path)
    }
}

/// The words a reader reads: prose, headings, captions and answers, but no code and no comments.
#[must_use]
pub fn words(text: &str) -> usize {
    let mut count = 0;
    let mut fence = Fence::default();
    for line in text.lines() {
        if fence.covers(line) || line.trim_start().starts_with("<!--") {
            continue;
        }
        let prose = match Directive::parse(line) {
            Some(Ok(d)) => [d.text.as_deref(), d.get("caption")]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            Some(Err(_)) => String::new(),
            None => without_tags(line),
        };
        count += prose.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).count();
    }
    count
}

fn without_tags(line: &str) -> String {
    let mut out = String::new();
    let mut in_tag = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let opens = c == '<' && chars.peek().is_some_and(|n| n.is_ascii_alphabetic() || *n == '/');
        in_tag = (in_tag || opens) && c != '>';
        if !in_tag && c != '>' {
            out.push(c);
        }
    }
    out
}

/// Minutes to read: 200 words a minute, and time to look at listings and figures.
#[must_use]
pub fn minutes(words: usize, listings: usize, figures: usize) -> usize {
    (words * 60 / 200 + listings * 45 + figures * 30).div_ceil(60).max(1)
}

/// Follows code fences through a page, line by line.
#[derive(Default)]
pub struct Fence {
    open: Option<String>,
}

impl Fence {
    /// Whether this line is a fence or inside one.
    pub fn covers(&mut self, line: &str) -> bool {
        let line = line.trim_start();
        let mark: String = line.chars().take_while(|c| *c == '`' || *c == '~').collect();
        match &self.open {
            Some(open) => {
                if line.trim_end() == mark && mark.starts_with(open.as_str()) {
                    self.open = None;
                }
                true
            }
            None if mark.len() >= 3 => {
                self.open = Some(mark);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_directives_and_comments_are_no_words_but_captions_are() {
        let text = "<!-- page: kind=step -->\n# Two words\n\n```rust\nlet not = counted;\n```\n\
                    {{#figure run=a/b caption=\"three more words\"}}\n<b>and</b> — one\n";
        assert_eq!(words(text), 7);
    }

    #[test]
    fn a_page_must_say_what_it_is() {
        let meta = Meta::parse("<!-- page: kind=step chapter=ch02 step=step2 -->\n# x").unwrap();
        assert_eq!((meta.kind, meta.step.as_deref()), (Kind::Step, Some("step2")));
        assert!(Meta::parse("# x").is_err());
        assert!(Meta::parse("<!-- page: kind=poem -->").unwrap_err().fix.contains("breakit"));
    }
}
