//! Plots and dials: curves, and guesses at a point of one.

use lab::chapter::{Dial, Plot};
use lab::view::svg::escape;
use serde::Deserialize;

use super::context::Context;
use super::directive::Directive;
use super::numbers::parse;
use super::tables::measured_file;
use crate::error::Result;

/// Where a plot is kept: `ch01/load` is `book/data/plots/ch01/load.json`.
#[must_use]
pub fn plot_file(plot: &str) -> String {
    format!("book/data/plots/{plot}.json")
}

/// Where a dial is kept.
#[must_use]
pub fn dial_file(dial: &str) -> String {
    format!("book/data/dials/{dial}.json")
}

/// The picture that stands in a measurement beside its table.
#[derive(Deserialize)]
struct Measured {
    plot: Plot,
}

/// `{{#plot name=ch01/load caption="claim"}}`: the picture, and its points as a table. With
/// `measured=ch03_outage` in the place of the name it is the picture of that measurement.
///
/// # Errors
/// No such plot, or a damaged one.
pub fn plot(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["name", "measured", "caption"])?;
    let plot = if let Some(name) = d.get("measured") {
        let file = measured_file(name);
        x.used_files.insert(file.clone());
        parse::<Measured>(&file, &x.ws.read(&file)?)?.plot
    } else {
        let file = plot_file(d.need("name")?);
        parse(&file, &x.generated(&file)?)?
    };
    let caption = x.inline(d.need("caption")?)?;
    let (label, id) = x.number("Figure");
    Ok(format!(
        "<figure class=\"fig\" id=\"{id}\">{}<figcaption>\n\n<b>{label}.</b> {caption}\n\n</figcaption></figure>\n",
        drawn(&plot)
    ))
}

/// `{{#dial name=ch01/moved}}`: a question to be answered by dragging, then the answer beside its
/// formula and its curve. Without JavaScript the answer is behind a `details`.
///
/// # Errors
/// No such dial, or a damaged one.
pub fn dial(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["name"])?;
    let file = dial_file(d.need("name")?);
    let dial: Dial = parse(&file, &x.generated(&file)?)?;
    let (least, most) = dial.range;
    Ok(format!(
        "<aside class=\"box dial\" aria-label=\"Guess first\"><p class=\"box-name\">Guess first</p>\n\n{}\n\n\
         <div><guess-dial data-least=\"{least}\" data-most=\"{most}\" data-unit=\"{unit}\" data-answer=\"{answer}\">\
         <details class=\"answer\"><summary>The answer</summary><p><b>{answer} {unit}</b>: <code>{}</code></p>{}\
         </details></guess-dial></div></aside>\n",
        x.inline(&dial.question)?,
        escape(&dial.formula),
        drawn(&dial.plot),
        unit = escape(&dial.unit),
        answer = dial.answer,
    ))
}

/// The curves, and every point of them in words.
fn drawn(plot: &Plot) -> String {
    let name = escape(&plot.title);
    let rows = plot.rows().into_iter().map(|row| {
        let cells = row.iter().map(|cell| format!("<td>{}</td>", escape(cell)));
        format!("<tr>{}</tr>", cells.collect::<String>())
    });
    format!(
        "<div class=\"fig-scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Diagram: {name}\">{}</div>\
         <details class=\"as-text\"><summary>As a table</summary><div class=\"table-wrapper\"><table>{}</table></div>\
         </details>",
        plot.render(),
        rows.collect::<String>()
    )
}
