//! Figures: recorded runs as a picture, as text, and as something to step through.

use lab::event::{Event, Kind, Log};
use lab::view::{svg, text};

use super::context::Context;
use super::directive::Directive;
use crate::error::{Error, Result};

/// The most happenings a figure may hold; the end of an arrow is none of its own.
pub const MOST_EVENTS: usize = 25;
/// The most columns a figure may hold.
pub const MOST_COLUMNS: usize = 6;

/// Where a run is kept: `ch02/half-an-order` is `book/data/runs/ch02/half-an-order.jsonl`.
#[must_use]
pub fn run_file(run: &str) -> String {
    format!("book/data/runs/{run}.jsonl")
}

/// `{{#figure run=ch02/half-an-order caption="claim" timeline=true}}`.
///
/// # Errors
/// No such run, a damaged one, or one too large to read.
pub fn figure(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["run", "caption", "timeline", "events"])?;
    let run = d.need("run")?;
    let log = load(x, run, d.get("events"))?;
    let caption = x.inline(d.need("caption")?)?;
    let (label, id) = x.number("Figure");
    let inner = picture(&log);
    let body = if d.get("timeline") == Some("true") {
        format!("<time-line data-figure=\"{id}\">{inner}{}</time-line>", data(&log))
    } else {
        inner
    };
    Ok(format!(
        "<figure class=\"fig\" id=\"{id}\">{body}{}<figcaption>\n\n<b>{label}.</b> {caption}\n\n</figcaption></figure>\n",
        as_text(&log, "As text")
    ))
}

/// `{{#breakit chapter=ch02 step=step2 path=0,0 run=ch02/blocked caption="…"}}`: the exhibit, and
/// without a server or JavaScript the shortest schedule as a figure.
///
/// # Errors
/// An unknown step, a path that is not numbers, or a missing run.
pub fn break_it(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["chapter", "step", "path", "run", "caption", "events"])?;
    let (chapter, step) = (d.need("chapter")?, d.need("step")?);
    let name = format!("{chapter}/{step}");
    x.ws.step(&name)?;
    let path = d.get("path").unwrap_or("");
    let numbers: std::result::Result<Vec<u32>, _> =
        path.split(',').filter(|p| !p.trim().is_empty()).map(|p| p.trim().parse()).collect();
    let numbers = numbers.map_err(|_| {
        Error::new(
            format!("`{path}` is not a path"),
            "write the choices' numbers, such as path=0,3,1",
        )
    })?;
    let path: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let log = load(x, d.need("run")?, d.get("events"))?;
    let caption = x.inline(d.need("caption")?)?;
    let (label, id) = x.number("Figure");
    Ok(format!(
        "<figure class=\"fig breakit\" id=\"{id}\"><break-it data-chapter=\"{chapter}\" data-step=\"{step}\" \
         data-path=\"{}\"><div class=\"fallback\">{}<p class=\"live-note\">Here you can break it yourself, move by \
         move, once the book runs on your machine: <code>cargo run</code> in the repository.</p></div></break-it>{}\
         <figcaption>\n\n<b>{label}.</b> {caption}\n\n</figcaption></figure>\n",
        path.join("."),
        picture(&log),
        as_text(&log, "The shortest way, as text")
    ))
}

fn load(x: &mut Context<'_>, run: &str, part: Option<&str>) -> Result<Log> {
    let file = run_file(run);
    let log = x.generated(&file)?;
    let mut log = Log::from_json_lines(&log)
        .map_err(|e| Error::new(format!("{file}: {e}"), "run `cargo guide book refresh`"))?;
    if let Some(part) = part {
        let ends = part.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (first, last): (u64, u64) = ends.ok_or_else(|| {
            Error::new(
                format!("`{part}` is no part of a run"),
                "write the first and last event: events=1-30",
            )
        })?;
        log.events.retain(|e| (first..=last).contains(&e.seq));
        if log.events.is_empty() {
            return Err(Error::new(
                format!("the run {run} has no events {part}"),
                "see its text form",
            ));
        }
    }
    let shown = happenings(&log);
    if shown > MOST_EVENTS || log.header.nodes.len() > MOST_COLUMNS {
        return Err(Error::new(
            format!(
                "the run {run} shows {shown} happenings and {} nodes; a figure may have {MOST_EVENTS} and {MOST_COLUMNS}",
                log.header.nodes.len()
            ),
            "shrink the run, or show a part of it with events=1-30",
        ));
    }
    Ok(log)
}

fn happenings(log: &Log) -> usize {
    let sent = |seq: &u64| log.events.iter().any(|e| e.kind == Kind::Send && e.seq == *seq);
    let arrow = |e: &&Event| e.kind == Kind::Receive && e.causes.iter().any(sent);
    log.events.len() - log.events.iter().filter(arrow).count()
}

fn picture(log: &Log) -> String {
    let name = svg::escape(&log.header.title);
    format!(
        "<div class=\"fig-scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Diagram: {name}\">{}</div>",
        svg::render(log)
    )
}

/// Markdown ends an HTML block at a blank line, so there must be none.
fn as_text(log: &Log, summary: &str) -> String {
    let lines: Vec<String> =
        text::render(log).lines().filter(|l| !l.trim().is_empty()).map(svg::escape).collect();
    format!(
        "<details class=\"as-text\"><summary>{summary}</summary><pre class=\"log\" tabindex=\"0\" \
         role=\"group\" aria-label=\"{summary}\">{}</pre></details>",
        lines.join("\n")
    )
}

/// The log for the scrubber, safe inside a script element.
#[must_use]
pub fn data(log: &Log) -> String {
    let json = serde_json::json!({ "nodes": log.header.nodes, "events": log.events });
    let json = json.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\" class=\"log-data\">{json}</script>")
}
