//! Rectangles and strokes, and whether they meet.

/// A rectangle around words or a mark.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) fn around(x: f64, y: f64, half: f64) -> Self {
        Self { left: x - half, top: y - half, right: x + half, bottom: y + half }
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.beside(other.left, other.right) && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether a part of it is between two vertical lines.
    pub(super) fn beside(&self, left: f64, right: f64) -> bool {
        self.left < right && left < self.right
    }
}

/// A straight stroke of an arrow, from its send to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shaft {
    /// The `seq` of the send.
    pub(super) send: u64,
    /// The `seq` of the event that ends it.
    pub(super) end: u64,
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
}

impl Shaft {
    /// How far down it is at `x`.
    pub(super) fn at(&self, x: f64) -> f64 {
        let ((x1, y1), (x2, y2)) = (self.from, self.to);
        if (x2 - x1).abs() < 1.0 { y2 } else { y1 + (x - x1) / (x2 - x1) * (y2 - y1) }
    }

    /// Its highest and its lowest point between two vertical lines.
    pub(super) fn between(&self, left: f64, right: f64) -> Option<(f64, f64)> {
        let (low, high) = (self.from.0.min(self.to.0), self.from.0.max(self.to.0));
        let (left, right) = (left.max(low), right.min(high));
        let (a, b) = (self.at(left), self.at(right));
        (left < right).then_some((a.min(b), a.max(b)))
    }

    pub(super) fn crosses(&self, area: &Area) -> bool {
        self.between(area.left, area.right)
            .is_some_and(|(top, bottom)| top < area.bottom && area.top < bottom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_crosses_what_it_passes_through_and_nothing_else() {
        let shaft = Shaft { send: 1, end: 2, from: (100.0, 10.0), to: (0.0, 110.0) };
        assert!(shaft.crosses(&Area::around(50.0, 60.0, 5.0)));
        assert!(!shaft.crosses(&Area::around(50.0, 40.0, 5.0)), "above it");
        assert!(!shaft.crosses(&Area::around(120.0, 10.0, 5.0)), "beyond its end");
    }
}
