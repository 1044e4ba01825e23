//! Where words go: beside their event, clear of arrows and of other words where that is possible.

use super::geometry::{Area, Shaft};
use super::words::{CHAR, LINE, fold, letters};

/// Nearly all labels have room in two lines.
const MOST_LINES: usize = 3;
/// Between a lifeline and words beside it.
const BESIDE: f64 = 12.0;
/// The same for the words of a message, which begin above its arrow.
const NEAR: f64 = 10.0;

/// Words at their place.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The event they belong to.
    pub(super) seq: u64,
    pub(super) lines: Vec<String>,
    /// All of them, where some are cut off.
    pub(super) full: Option<String>,
    pub(super) x: f64,
    /// Of the first line of letters.
    pub(super) baseline: f64,
    pub(super) anchor: &'static str,
    /// What this place costs by itself; what is in its way comes on top.
    price: f64,
}

impl Label {
    fn width(&self) -> f64 {
        self.lines.iter().map(|line| letters(line) * CHAR).fold(0.0, f64::max)
    }

    pub(super) fn area(&self) -> Area {
        let width = self.width();
        let (left, right) = match self.anchor {
            "end" => (self.x - width, self.x),
            _ => (self.x, self.x + width),
        };
        let top = self.baseline - 12.0;
        let count = f64::from(u32::try_from(self.lines.len()).unwrap_or(1));
        Area { left, top, right, bottom: top + count * LINE - 1.0 }
    }
}

/// Words, where they begin, to which side they go (right is 1, left -1) and how wide they may be.
struct Block<'a> {
    seq: u64,
    text: &'a str,
    x: f64,
    side: f64,
    room: f64,
}

impl Block<'_> {
    /// The words as lines; `first` says where the first baseline is for so many.
    fn at(&self, price: f64, first: impl Fn(f64) -> f64) -> Label {
        let (lines, cut) = fold(self.text, self.room, MOST_LINES);
        let count = f64::from(u32::try_from(lines.len()).unwrap_or(1));
        Label {
            seq: self.seq,
            full: cut.then(|| self.text.to_string()),
            x: self.x,
            baseline: first(count),
            anchor: if self.side < 0.0 { "end" } else { "start" },
            price: price + if cut { 6.0 } else { 0.0 },
            lines,
        }
    }

    /// The last line stands just above `y`.
    fn above(&self, price: f64, y: f64) -> Label {
        self.at(price, |lines| y - 5.0 - LINE * (lines - 1.0))
    }

    /// The middle of the lines is at `y`.
    fn around(&self, price: f64, y: f64) -> Label {
        self.at(price, |lines| y + 5.0 - LINE / 2.0 * (lines - 1.0))
    }

    /// Above an arrow or below it, at a part of the way between two lifelines.
    fn along(&self, price: f64, part: f64, above: bool, shaft: &Shaft) -> Label {
        let width = self.at(0.0, |_| 0.0).width();
        let x = self.x + self.side * part * (self.room - width).max(0.0);
        let moved = Block { x, ..*self };
        // The arrow falls: its highest point is where the words begin, its lowest where they end.
        if above {
            moved.above(price, shaft.at(x))
        } else {
            moved.at(price, |_| shaft.at(x + self.side * width) + 15.0)
        }
    }
}

/// What all places in a diagram depend on.
pub(super) struct Page<'a> {
    /// The lifelines, from left to right.
    pub(super) columns: &'a [f64],
    pub(super) width: f64,
}

/// A send, an arrow and its words, as far as places are concerned.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) seq: u64,
    pub(super) text: &'a str,
    pub(super) from: (f64, f64),
    /// The column it goes to.
    pub(super) to: f64,
    /// Its stroke, if something became of it.
    pub(super) shaft: Option<Shaft>,
}

impl Page<'_> {
    /// From `x` to the next lifeline on one side, or to the border.
    fn room(&self, x: f64, side: f64) -> f64 {
        let ahead = self.columns.iter().map(|c| (c - x) * side).filter(|d| *d > 1.0);
        let border = if side < 0.0 { x - super::GUTTER + BESIDE } else { self.width - x + 4.0 };
        ahead.fold(border, f64::min) - 2.0 * BESIDE
    }

    /// The places for words beside a mark at `(x, y)`; the first is where they go if all is free.
    pub(super) fn beside(&self, seq: u64, text: &str, x: f64, y: f64) -> Vec<Label> {
        let at = |side: f64, down: f64, price: f64| {
            let x = x + side * (BESIDE + 1.0);
            Block { seq, text, x, side, room: self.room(x, side) }.around(price, y + down)
        };
        let mut places = vec![at(1.0, 0.0, 0.0), at(-1.0, 0.0, 0.9)];
        if places[0].price > places[1].price {
            places.swap(0, 1);
        }
        for side in [1.0, -1.0] {
            places.extend([at(side, -9.0, 1.6), at(side, 9.0, 1.7)]);
        }
        places
    }

    /// The places for the words of a message; the first is where they go if all is free.
    pub(super) fn of_message(&self, sent: Sent<'_>) -> Vec<Label> {
        let Sent { seq, text, from: (x, y), to, shaft } = sent;
        let side = if to < x { -1.0 } else { 1.0 };
        let gap = self.room(x, side);
        let first = Block { seq, text, x: x + side * NEAR, side, room: gap };
        let mut places = vec![first.above(0.0, y)];
        let whole = (to - x).abs() - 2.0 * BESIDE;
        if whole > gap + 1.0 {
            places.push(Block { room: whole, ..first }.above(0.5, y));
        }
        let (side, x) = (-side, x - side * BESIDE);
        places.push(Block { seq, text, x, side, room: self.room(x, side) }.around(1.5, y));
        if let Some(shaft) = shaft {
            places.extend(self.along(seq, text, &shaft));
        }
        places
    }

    /// Places further along an arrow: above it and below it in every gap that it passes.
    fn along(&self, seq: u64, text: &str, shaft: &Shaft) -> Vec<Label> {
        let (from, to) = (shaft.from.0, shaft.to.0);
        let side = if to < from { -1.0 } else { 1.0 };
        let passed = |c: &&f64| (**c - from) * side > -1.0 && (to - **c) * side > 1.0;
        let mut places = Vec::new();
        for &column in self.columns.iter().filter(passed) {
            let gaps = (column - from).abs() / self.width;
            let room = self.room(column, side);
            let block = Block { seq, text, x: column + side * NEAR, side, room };
            for part in [0.0, 0.5, 1.0] {
                places.push(block.along(0.8 + gaps + part, part, true, shaft));
                places.push(block.along(2.8 + gaps - part, part, false, shaft));
            }
        }
        places
    }
}

/// Everything that words should keep clear of.
pub(super) struct Obstacles<'a> {
    pub(super) page: Page<'a>,
    pub(super) shafts: Vec<Shaft>,
    pub(super) marks: Vec<(u64, Area)>,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Obstacles<'_> {
    /// Chooses one place for each label. A few rounds are enough: nearly all stay where they begin.
    pub(super) fn choose(&self, places: &[Vec<Label>]) -> Vec<Label> {
        let mut chosen: Vec<Label> = places.iter().filter_map(|p| p.first().cloned()).collect();
        for _ in 0..3 {
            for (i, candidates) in places.iter().enumerate() {
                let mut best = f64::INFINITY;
                for candidate in candidates {
                    let price = self.price(candidate, &chosen);
                    if price < best - 0.01 {
                        best = price;
                        chosen[i] = candidate.clone();
                    }
                }
            }
        }
        chosen
    }

    fn price(&self, label: &Label, others: &[Label]) -> f64 {
        let area = label.area();
        let count = |hits: usize| f64::from(u32::try_from(hits).unwrap_or(100));
        let crossed = self.shafts.iter().filter(|s| s.crosses(&area)).count();
        let marks =
            self.marks.iter().filter(|(seq, m)| *seq != label.seq && m.meets(&area)).count();
        let lines = self.page.columns.iter().filter(|c| area.beside(**c - 1.0, **c + 1.0)).count();
        let words = others.iter().filter(|o| o.seq != label.seq && o.area().meets(&area)).count();
        let outside = area.left < super::GUTTER - 6.0
            || area.right > self.page.width
            || area.top < self.top
            || area.bottom > self.bottom;
        label.price
            + 5.0 * count(crossed)
            + 10.0 * count(marks)
            + 2.0 * count(lines)
            + 20.0 * count(words)
            + if outside { 100.0 } else { 0.0 }
    }
}
