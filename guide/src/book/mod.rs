//! The book: pages with directives in, HTML out.
//!
//! A page never holds code, output, a picture or a number of its own. It names them, and
//! [`expand`] puts them in: listings from compiled files, everything else from `book/data`, which
//! [`refresh`] regenerates. mdBook itself stays silent when something is missing, so [`check`] is
//! loud.
//!
//! # What a page may say
//!
//! The first line is the page's kind: `<!-- page: kind=step chapter=ch02 step=step2 -->`, with
//! kinds `start`, `breakit`, `step`, `card`, `deeper`, `appendix`, `glossary` ([`page::Kind`] has
//! their budgets). Directives stand on lines of their own, outside code fences:
//!
//! ```text
//! {{#listing file=… anchor=… caption="…" since=…}}     code; `since` marks what is new in it
//! {{#listing … decisive="cx.persist"}}                  marks the one line that the caption is about
//! {{#diff chapter=ch02 from=step2 to=step3 anchor=… caption="…"}}
//! {{#figure run=ch02/half-an-order caption="…" timeline=true events=1-30}}
//! {{#plot name=ch01/load caption="…"}}   {{#dial name=ch01/moved}}   {{#table name=ch01/moved}}
//! {{#breakit chapter=ch02 step=step2 path=0,3 run=ch02/… caption="…"}}
//! {{#output file=ch02/find-step1.txt}}                  its first line is `$ cargo guide …`
//! {{#matrix chapter=ch02 part=deeper}}   {{#measured name=ch02.steps}}   {{#exercise id=ch02/votes}}
//! {{#mutants chapter=ch02}}                             its mutants, and what kills each
//! {{#predict "Question?"}}   three answers   {{/predict}}
//! {{#why "Question?"}}       two to five     {{/why}}
//! - [x] An answer that is right               - [ ] one that is wrong
//!   and, indented below it, why.
//! {{#change file=… find="…" replace="…" command="…"}} what then happens {{/change}}
//! ```
//!
//! Inside prose: `{{#num ch02.states_step3}}`, and `[[in doubt]]` or `[[words|term]]` for terms.

pub mod anchors;
pub mod boxes;
pub mod charts;
pub mod check;
pub mod context;
pub mod directive;
pub mod expand;
pub mod figure;
pub mod glossary;
pub mod links;
pub mod listing;
pub mod mutant;
pub mod mutants;
pub mod numbers;
pub mod page;
pub mod refresh;
pub mod tables;

use std::path::Path;

use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem};
use mdbook_preprocessor::errors::Result as MdResult;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use self::context::Context;
use self::page::Page;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Our preprocessor, as `book.toml` names it.
pub struct Guide {
    /// Where the files are.
    pub ws: Workspace,
}

impl Preprocessor for Guide {
    fn name(&self) -> &'static str {
        "guide"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> MdResult<Book> {
        let pages = pages_of(&book);
        let mut context = Context::new(&self.ws, &pages);
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item
                && let Some(path) = &chapter.source_path
            {
                let path = path_words(path);
                let page = Page { path, text: std::mem::take(&mut chapter.content) };
                chapter.content = expand::page(&mut context, &page);
            }
        });
        match context.errors.as_slice() {
            [] => Ok(book),
            errors => {
                let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Err(mdbook_preprocessor::errors::Error::msg(all.join("\n")))
            }
        }
    }
}

fn path_words(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn pages_of(book: &Book) -> Vec<Page> {
    book.iter()
        .filter_map(|item| match item {
            BookItem::Chapter(c) => {
                let path = c.source_path.as_deref()?;
                Some(Page { path: path_words(path), text: c.content.clone() })
            }
            BookItem::Separator | BookItem::PartTitle(_) => None,
        })
        .collect()
}

fn load(ws: &Workspace) -> Result<MDBook> {
    MDBook::load(ws.root.join("book")).map_err(|e| {
        Error::new(format!("the book cannot be loaded: {e:#}"), "check book.toml and SUMMARY.md")
    })
}

/// The pages in reading order, as they were written.
///
/// # Errors
/// mdBook cannot load the book.
pub fn pages(ws: &Workspace) -> Result<Vec<Page>> {
    Ok(pages_of(&load(ws)?.book))
}

/// Builds the book into a folder.
///
/// # Errors
/// Every directive that could not be replaced, or what mdBook says.
pub fn build(ws: &Workspace, into: &Path) -> Result<()> {
    let mut book = load(ws)?;
    book.config.build.build_dir = into.to_path_buf();
    book.with_preprocessor(Guide { ws: ws.clone() });
    book.build().map_err(|e| Error::new(format!("the book cannot be built:\n{e:#}"), ""))
}

/// Answers `mdbook`'s questions on stdin and stdout, so that stock mdBook builds the same pages.
///
/// # Errors
/// The input is not a book, or a directive could not be replaced.
pub fn preprocess(
    ws: &Workspace,
    input: &mut dyn std::io::Read,
    output: &mut dyn std::io::Write,
) -> Result<()> {
    let wrong = |e: mdbook_preprocessor::errors::Error| Error::new(format!("{e:#}"), "");
    let (context, book) = mdbook_preprocessor::parse_input(input).map_err(wrong)?;
    let book = Guide { ws: ws.clone() }.run(&context, book).map_err(wrong)?;
    serde_json::to_writer(output, &book).map_err(|e| {
        Error::new(format!("cannot answer mdbook: {e}"), "run it through `mdbook build book`")
    })
}
