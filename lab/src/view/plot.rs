//! Curves: points over an axis, drawn as one self-contained `<svg>`.
//!
//! Each curve has a dash pattern and a name at its end, so nothing is told by colour alone, and
//! every point is in [`Plot::rows`] for a reader who prefers a table.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::svg::escape;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
/// Room for the axes' labels and, at the right, for the names of the curves: at least so much, and more for
/// long names.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 180.0;
/// A letter of a name takes so much.
const LETTER: f64 = 8.2;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 56.0;
/// At most so many numbers on an axis.
const TICKS: f64 = 6.0;
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// Names at the ends of curves are at least so far apart.
const LINE: f64 = 19.0;

/// Curves over one axis.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plot {
    /// What the picture claims.
    pub title: String,
    /// What is on the horizontal axis, with its unit.
    pub x: String,
    /// What is on the vertical axis, with its unit.
    pub y: String,
    /// The curves, four at most.
    pub series: Vec<Series>,
}

/// One curve.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points, in the order of the horizontal axis.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    #[serde(default)]
    pub mark: Mark,
}

/// How a curve is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Mark {
    /// As a line: a formula, or what is known everywhere.
    #[default]
    Line,
    /// Each point as a dot, with a thin line between them: what was counted or measured there.
    Dots,
}

/// From the smallest to the largest number on an axis; never empty.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
    /// From one number to the next.
    step: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut from, mut to) = (0.0_f64, f64::NEG_INFINITY);
        for value in values {
            (from, to) = (from.min(value), to.max(value));
        }
        if to <= from {
            to = from + 1.0;
        }
        let step = round_step((to - from) / TICKS);
        Self { from: (from / step).floor() * step, to: (to / step).ceil() * step, step }
    }

    fn place(self, value: f64, begin: f64, end: f64) -> f64 {
        begin + (value - self.from) / (self.to - self.from) * (end - begin)
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let count = ((self.to - self.from) / self.step).round() as u32;
        (0..=count).map(move |i| self.from + f64::from(i) * self.step)
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let mut power = 1.0_f64;
    while power > least {
        power /= 10.0;
    }
    while power * 10.0 <= least {
        power *= 10.0;
    }
    let round = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.999);
    round.unwrap_or(10.0) * power
}

impl Plot {
    /// The picture. Equal plots give equal bytes.
    #[must_use]
    pub fn render(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (x, y) = (Axis::of(points().map(|p| p.0)), Axis::of(points().map(|p| p.1)));
        let title = escape(&self.title);
        let mut out = format!(
            "<svg class=\"plot\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" xmlns=\"http://www.w3.org/2000/svg\" \
             style=\"font-family:var(--sans-font, system-ui, sans-serif);font-size:15px;--w:{WIDTH}\">\
             <title>{title}</title>"
        );
        self.axes(&mut out, x, y);
        for (i, series) in self.series.iter().enumerate() {
            curve(&mut out, series, i % DASHES.len(), (x, y), self.right());
        }
        self.names(&mut out, x, y);
        out.push_str("</svg>");
        out
    }

    /// Where the curves end and their names begin.
    fn right(&self) -> f64 {
        let letters = self.series.iter().map(|series| series.name.chars().count()).max();
        let names = letters.unwrap_or_default() as f64 * LETTER + 14.0;
        WIDTH - names.clamp(RIGHT, WIDTH / 2.0)
    }

    fn axes(&self, out: &mut String, x: Axis, y: Axis) {
        let (right, bottom) = (self.right(), HEIGHT - BOTTOM);
        let line = "stroke:var(--fg, #1c1c28);stroke-width:1.2;fill:none";
        let _ = write!(out, "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" style=\"{line}\"/>");
        let text = "fill:var(--fg, #1c1c28)";
        for value in x.ticks() {
            let at = x.place(value, LEFT, right);
            let (y, number) = (bottom + 20.0, short(value));
            let _ = write!(
                out,
                "<text x=\"{at:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" style=\"{text}\">{number}</text>"
            );
        }
        for value in y.ticks() {
            let at = y.place(value, bottom, TOP);
            let (x, number) = (LEFT - 8.0, short(value));
            let _ = write!(
                out,
                "<path d=\"M{LEFT} {at:.1}H{right}\" style=\"stroke:var(--fig-muted, #6b7280);\
                 stroke-width:.4\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\" \
                 style=\"{text}\">{number}</text>",
                at + 5.0
            );
        }
        let (middle, low) = ((LEFT + right) / 2.0, HEIGHT - 9.0);
        let _ = write!(
            out,
            "<text x=\"{middle:.1}\" y=\"{low:.1}\" text-anchor=\"middle\" style=\"{text}\">{}</text>\
             <text x=\"{LEFT}\" y=\"16\" text-anchor=\"start\" style=\"{text}\">{}</text>",
            escape(&self.x),
            escape(&self.y)
        );
    }

    /// The name of each curve at its end; names that would cover each other move apart.
    fn names(&self, out: &mut String, x: Axis, y: Axis) {
        let mut ends: Vec<(f64, f64, usize)> = Vec::new();
        for (i, series) in self.series.iter().enumerate() {
            if let Some(last) = series.points.last() {
                let at = x.place(last.0, LEFT, self.right());
                ends.push((y.place(last.1, HEIGHT - BOTTOM, TOP), at, i));
            }
        }
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = f64::NEG_INFINITY;
        for (end, at, i) in ends {
            let line = end.max(free);
            free = line + LINE;
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" style=\"fill:var(--fg, #1c1c28)\">{}</text>",
                at + 12.0,
                line + 5.0,
                escape(&self.series[i].name)
            );
        }
    }

    /// All points as a table: the head, then one row for each place on the horizontal axis.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<String>> {
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let head = std::iter::once(self.x.clone());
        let mut rows = vec![head.chain(self.series.iter().map(|s| s.name.clone())).collect()];
        for place in places {
            let value = |series: &Series| {
                let point = series.points.iter().find(|p| p.0.total_cmp(&place).is_eq());
                point.map_or_else(String::new, |p| short(p.1))
            };
            let row = std::iter::once(short(place)).chain(self.series.iter().map(value));
            rows.push(row.collect());
        }
        rows
    }
}

fn curve(out: &mut String, series: &Series, i: usize, (x, y): (Axis, Axis), right: f64) {
    let place = |p: &(f64, f64)| (x.place(p.0, LEFT, right), y.place(p.1, HEIGHT - BOTTOM, TOP));
    let mut path = String::new();
    for (n, point) in series.points.iter().enumerate() {
        let (x, y) = place(point);
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { "M" } else { "L" });
    }
    let (colour, dash) = (COLOURS[i], DASHES[i]);
    let width = if series.mark == Mark::Dots { 1.0 } else { 2.2 };
    let _ = write!(
        out,
        "<path class=\"curve\" d=\"{path}\" style=\"stroke:{colour};stroke-width:{width};fill:none;\
         stroke-dasharray:{}\"/>",
        if dash.is_empty() { "none" } else { dash }
    );
    if series.mark == Mark::Dots {
        for point in &series.points {
            let (x, y) = place(point);
            let _ = write!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" style=\"fill:{colour}\"/>"
            );
        }
    }
}

/// At most three digits after the point, and none that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let series = |name: &str, points: &[(f64, f64)]| Series {
            name: name.into(),
            points: points.to_vec(),
            mark: Mark::Line,
        };
        Plot {
            title: "moved < kept".into(),
            x: "nodes".into(),
            y: "sessions moved, %".into(),
            series: vec![
                series("mod n", &[(2.0, 50.0), (4.0, 75.0)]),
                series("ring", &[(4.0, 25.0)]),
            ],
        }
    }

    #[test]
    fn every_curve_has_its_name_and_the_text_is_safe() {
        let svg = plot().render();
        assert!(svg.contains(">mod n</text>") && svg.contains(">ring</text>"), "{svg}");
        assert!(svg.contains("moved &lt; kept") && !svg.contains("moved < kept"), "{svg}");
        assert_eq!(svg.matches("class=\"curve\"").count(), 2);
    }

    #[test]
    fn axes_have_round_numbers_and_names_do_not_cover_each_other() {
        for (most, step) in [(1.68, 0.5), (100.0, 20.0), (0.5, 0.1), (7.0, 2.0), (3.1, 1.0)] {
            let axis = Axis::of([0.0, most].into_iter());
            assert!((axis.step - step).abs() < 1e-9, "{most}: {}", axis.step);
        }
        let same = |name: &str| Series { name: name.into(), ..plot().series[0].clone() };
        let svg = Plot { series: vec![same("one"), same("other")], ..plot() }.render();
        let line = |name: &str| {
            let end = svg.find(&format!(">{name}</text>")).expect("it is there");
            let from = svg[..end].rfind(" y=\"").expect("a place") + 4;
            svg[from..end].split('"').next().unwrap().parse::<f64>().expect("a number")
        };
        assert!((line("one") - line("other")).abs() >= LINE);
    }

    #[test]
    fn a_long_name_has_its_room() {
        let mut long = plot();
        assert_eq!(long.right(), WIDTH - RIGHT);
        long.series[0].name = "decisions in three replicas".into();
        assert!(long.right() + 12.0 + 27.0 * 8.0 < WIDTH, "{}", long.right());
    }

    #[test]
    fn every_point_is_in_the_table() {
        let rows = plot().rows();
        assert_eq!(rows, [["nodes", "mod n", "ring"], ["2", "50", ""], ["4", "75", "25"]]);
    }

    #[test]
    fn a_curve_of_equal_values_and_an_empty_plot_can_be_drawn() {
        let points = vec![(0.0, 0.0), (0.0, 0.0)];
        let flat = Series { name: "flat".into(), points, mark: Mark::Dots };
        for series in [vec![flat], Vec::new()] {
            let svg = Plot { series, ..plot() }.render();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
