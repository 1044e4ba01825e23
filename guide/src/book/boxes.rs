//! Boxes that ask something of the reader: why, predict, change one line, an exercise.
//!
//! All of them are plain HTML with `details`: they work without JavaScript and on paper.

use std::fmt::Write as _;

use lab::view::svg::escape;

use super::context::Context;
use super::directive::Directive;
use super::mutant::{self, Change};
use crate::error::{Error, Result};
use crate::exercise;

/// Whether a directive has a body and an end of its own.
#[must_use]
pub fn is_block(name: &str) -> bool {
    matches!(name, "why" | "predict" | "change")
}

/// A directive with a body.
///
/// # Errors
/// What its kind asks for is missing.
pub fn block(x: &mut Context<'_>, d: &Directive, body: &[&str]) -> Result<String> {
    match d.name.as_str() {
        "change" => change(x, d, body),
        name => question(x, d, body, name),
    }
}

/// An answer: its words, whether it is right, and the explanation as Markdown.
struct Answer {
    words: String,
    right: bool,
    because: Vec<String>,
}

/// `- [x] words` starts an answer; the indented lines below explain it.
fn answers(body: &[&str]) -> Result<Vec<Answer>> {
    let mut answers: Vec<Answer> = Vec::new();
    for line in body {
        let start = line.strip_prefix("- [x] ").map(|w| (w, true));
        let start = start.or_else(|| line.strip_prefix("- [ ] ").map(|w| (w, false)));
        if let Some((words, right)) = start {
            answers.push(Answer { words: words.trim().to_string(), right, because: vec![] });
        } else if let Some(last) = answers.last_mut() {
            last.because.push(line.trim().to_string());
        } else if !line.trim().is_empty() {
            return Err(Error::new(
                format!("`{}` stands before the first answer", line.trim()),
                "start answers with `- [ ] ` or `- [x] `, and indent what explains them",
            ));
        }
    }
    Ok(answers)
}

fn question(x: &mut Context<'_>, d: &Directive, body: &[&str], name: &str) -> Result<String> {
    d.only(&[])?;
    let asked = d.text.clone().ok_or_else(|| {
        Error::new(
            format!("a {name} asks nothing"),
            format!("write {{{{#{name} \"the question?\"}}}}"),
        )
    })?;
    let answers = answers(body)?;
    let wanted = if name == "predict" { 3..=3 } else { 2..=5 };
    if !wanted.contains(&answers.len()) {
        return Err(Error::new(
            format!("this {name} has {} answers", answers.len()),
            format!("give it {} to {}", wanted.start(), wanted.end()),
        ));
    }
    if answers.iter().filter(|a| a.right).count() == 0 {
        return Err(Error::new("no answer is right", "mark it with [x]"));
    }
    if let Some(silent) = answers.iter().find(|a| a.because.iter().all(String::is_empty)) {
        return Err(Error::new(
            format!("nothing explains the answer `{}`", silent.words),
            "indent the explanation below it; wrong answers need one most",
        ));
    }
    let heading = if name == "predict" { "Guess first" } else { "Why?" };
    let mut out = format!(
        "<aside class=\"box {name}\" aria-label=\"{heading} {}\"><p class=\"box-name\">{heading}</p>\n\n{}\n\n",
        plain(&asked),
        x.inline(&asked)?
    );
    for answer in answers {
        let verdict = if answer.right { ("is-right", "Yes.") } else { ("is-wrong", "No.") };
        let mut because = String::new();
        for line in &answer.because {
            let _ = writeln!(because, "{}", x.inline(line)?);
        }
        let _ = write!(
            out,
            "<details class=\"answer {}\"><summary>{}</summary>\n\n<b class=\"verdict\">{}</b> {}\n\n</details>\n",
            verdict.0,
            html(&answer.words),
            verdict.1,
            because.trim()
        );
    }
    out.push_str("</aside>\n");
    Ok(out)
}

/// `{{#change mutant=ch02/NAME}}` or `{{#change file=… find="…" replace="…" command="…"}}` what then
/// happens `{{/change}}`.
fn change(x: &mut Context<'_>, d: &Directive, body: &[&str]) -> Result<String> {
    let change = match d.get("mutant") {
        Some(name) => {
            d.only(&["mutant"])?;
            mutant::change(x.ws, name)?
        }
        None => {
            d.only(&["file", "find", "replace", "command"])?;
            let need = |key| d.need(key).map(ToString::to_string);
            Change {
                file: need("file")?,
                find: need("find")?,
                replace: need("replace")?,
                command: need("command")?,
                tested: None,
            }
        }
    };
    let Change { file, find, replace, command, tested } = change;
    let source = x.ws.read(&file)?;
    let hits = source.matches(&find).count();
    if hits != 1 {
        return Err(Error::new(
            format!("`{find}` stands {hits} times in {file}, it must stand there once"),
            "name more of the line",
        ));
    }
    let before = source.split(&find).next().unwrap_or_default();
    let line = before.matches('\n').count() + find.chars().take_while(|c| *c == '\n').count() + 1;
    let mut then = String::new();
    for text in body {
        let _ = writeln!(then, "{}", x.inline(text)?);
    }
    if let Some(tested) = tested {
        let _ = write!(then, "\n{tested}");
    }
    Ok(format!(
        "<aside class=\"box change\" aria-label=\"Change one line to: {}\"><p class=\"box-name\">Change one \
         line</p><p class=\"where\"><code>{file}</code>, line {line}</p><pre class=\"swap\" tabindex=\"0\" \
         role=\"group\" aria-label=\"The change\">{}\n{}</pre><p class=\"run\"><code>{}</code></p><details><summary>What \
         then happens</summary>\n\n{}\n\n</details></aside>\n",
        plain(replace.trim().lines().next().unwrap_or("nothing")),
        swapped(&find, "old", '−', "del"),
        swapped(&replace, "new", '+', "ins"),
        escape(&command),
        then.trim()
    ))
}

/// Lines that go or come, as far to the left as they can stand. The first may start in the middle
/// of a line, so it says nothing about the others.
fn swapped(text: &str, class: &str, mark: char, tag: &str) -> String {
    let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let rest = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let margin = rest.map(indent).min().unwrap_or(0);
    let line = |(i, line): (usize, &str)| {
        let line = if i == 0 { line.trim_start() } else { line.get(margin..).unwrap_or_default() };
        format!("<span class=\"{class}\"><i>{mark}</i><{tag}>{}</{tag}></span>", escape(line))
    };
    if lines.is_empty() {
        return line((0, "(nothing)"));
    }
    lines.into_iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// `{{#exercise id=ch02-vote}}`: title, size and command of an exercise, from its file.
///
/// # Errors
/// No exercise has this id.
pub fn exercise(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["id"])?;
    let exercise = exercise::find(x.ws, d.need("id")?)?;
    let stars = "★".repeat(exercise.stars);
    let task = exercise.task.iter().map(|l| x.inline(l)).collect::<Result<Vec<_>>>()?.join("\n");
    Ok(format!(
        "<aside class=\"box exercise\" aria-label=\"Exercise {}\"><p class=\"box-name\">Exercise <span title=\"{} of 3\">{stars}</span></p>\n\n\
         **{}** {}\n\n<p class=\"run\"><code>cargo guide exercise start {}</code></p></aside>\n",
        plain(&exercise.title),
        exercise.stars,
        exercise.title,
        task.trim(),
        exercise.id
    ))
}

/// Words without marks, for an attribute.
fn plain(text: &str) -> String {
    escape(&text.replace(['`', '*', '[', ']'], ""))
}

/// The little Markdown that a summary may hold: code and emphasis.
fn html(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in escape(text).split('`').enumerate() {
        if i % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
            continue;
        }
        for (j, piece) in part.split('*').enumerate() {
            let _ =
                if j % 2 == 1 { write!(out, "<em>{piece}</em>") } else { write!(out, "{piece}") };
        }
    }
    out
}
