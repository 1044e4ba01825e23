//! Curves: points over an axis, drawn as one self-contained `<svg>`.
//!
//! Each curve has a dash pattern and a name at its end, so nothing is told by colour alone, and
//! every point is in [`Plot::rows`] for a reader who prefers a table.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::svg::escape;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
/// Room for the axes' labels and, at the right, for the names of the curves.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 180.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 56.0;
const TICKS: u32 = 5;
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

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
}

/// From the smallest to the largest value of an axis; never empty.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut from, mut to) = (0.0_f64, f64::NEG_INFINITY);
        for value in values {
            (from, to) = (from.min(value), to.max(value));
        }
        if to <= from { Self { from, to: from + 1.0 } } else { Self { from, to } }
    }

    fn place(self, value: f64, begin: f64, end: f64) -> f64 {
        begin + (value - self.from) / (self.to - self.from) * (end - begin)
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        (0..=TICKS)
            .map(move |i| self.from + (self.to - self.from) * f64::from(i) / f64::from(TICKS))
    }
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
            curve(&mut out, series, i % DASHES.len(), x, y);
        }
        out.push_str("</svg>");
        out
    }

    fn axes(&self, out: &mut String, x: Axis, y: Axis) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
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

fn curve(out: &mut String, series: &Series, i: usize, x: Axis, y: Axis) {
    let place =
        |p: &(f64, f64)| (x.place(p.0, LEFT, WIDTH - RIGHT), y.place(p.1, HEIGHT - BOTTOM, TOP));
    let mut path = String::new();
    for (n, point) in series.points.iter().enumerate() {
        let (x, y) = place(point);
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { "M" } else { "L" });
    }
    let (colour, dash) = (COLOURS[i], DASHES[i]);
    let _ = write!(
        out,
        "<path class=\"curve\" d=\"{path}\" style=\"stroke:{colour};stroke-width:2.2;fill:none;\
         stroke-dasharray:{}\"/>",
        if dash.is_empty() { "none" } else { dash }
    );
    if let Some(last) = series.points.last() {
        let (x, y) = place(last);
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" style=\"fill:var(--fg, #1c1c28)\">{}</text>",
            x + 8.0,
            y + 5.0,
            escape(&series.name)
        );
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
    fn every_point_is_in_the_table() {
        let rows = plot().rows();
        assert_eq!(rows, [["nodes", "mod n", "ring"], ["2", "50", ""], ["4", "75", "25"]]);
    }

    #[test]
    fn a_curve_of_equal_values_and_an_empty_plot_can_be_drawn() {
        let flat = Series { name: "flat".into(), points: vec![(0.0, 0.0), (0.0, 0.0)] };
        for series in [vec![flat], Vec::new()] {
            let svg = Plot { series, ..plot() }.render();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
