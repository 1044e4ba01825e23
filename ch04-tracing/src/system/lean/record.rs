//! A span while it is short: everything in place, nothing behind a pointer but text that was made for it.
//!
//! # Left out
//!
//! Links, and floats and lists as values. A span that needs those goes to the exporter as a [`Span`].

use crate::otlp::DROPPED_ATTRIBUTES;
use crate::step4_exporter::Class;
use crate::types::{Kind, Span, SpanId, Status, TraceId, Value};

/// As many attributes has a span at most; further ones are counted.
pub const MAX_ATTRIBUTES: usize = 4;
/// As long is a text at most, in bytes; a longer one is cut.
pub const MAX_TEXT: usize = 256;

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plain {
    /// A whole number.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A text that is part of the program.
    Static(&'static str),
    /// Any other text. It is the only value that takes memory of its own.
    Text(Box<str>),
}

impl From<i64> for Plain {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Plain {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Plain {
    fn from(text: &str) -> Self {
        if text.len() <= MAX_TEXT {
            return Self::Text(text.into());
        }
        let fits = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        // Half a word that opens something would no longer be seen to be one.
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        Self::Text([text[..fits].trim_end_matches(is_part), "…"].concat().into())
    }
}

impl From<Plain> for Value {
    fn from(plain: Plain) -> Self {
        match plain {
            Plain::Int(value) => Self::Int(value),
            Plain::Bool(value) => Self::Bool(value),
            Plain::Static(text) => Self::Text(text.to_owned()),
            Plain::Text(text) => Self::Text(text.into()),
        }
    }
}

/// A span of a fixed size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// In ns since 1970.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) has_failed: bool,
    /// The first ones, without gaps.
    pub(super) attributes: [Option<(&'static str, Plain)>; MAX_ATTRIBUTES],
    /// How many there were besides.
    pub(super) more: u32,
}

impl Record {
    pub(super) fn set(&mut self, name: &'static str, value: Plain) {
        let is_for =
            |place: &Option<(&str, Plain)>| place.as_ref().is_none_or(|(of, _)| *of == name);
        match self.attributes.iter_mut().find(|place| is_for(place)) {
            Some(place) => *place = Some((name, value)),
            None => self.more = self.more.saturating_add(1),
        }
    }

    /// What it is worth, as [`Class::of`] says of a whole span.
    pub(super) fn class(&self, slow: u64) -> Class {
        match self {
            Self { has_failed: true, .. } => Class::Failed,
            _ if self.end.saturating_sub(self.start) > slow => Class::Slow,
            Self { parent: None, .. } => Class::Root,
            _ => Class::Ordinary,
        }
    }

    /// As it is exported.
    pub(super) fn into_span(self, service: &str) -> Span {
        let attributes = self.attributes.into_iter().flatten();
        let mut attributes: Vec<(String, Value)> =
            attributes.map(|(name, value)| (name.to_owned(), value.into())).collect();
        if self.more > 0 {
            attributes.push((DROPPED_ATTRIBUTES.to_owned(), Value::Int(self.more.into())));
        }
        Span {
            trace: self.trace,
            id: self.id,
            parent: self.parent,
            links: Vec::new(),
            service: service.to_owned(),
            name: self.name.to_owned(),
            kind: self.kind,
            start: self.start,
            end: self.end.max(self.start),
            status: if self.has_failed { Status::Error(String::new()) } else { Status::Unset },
            attributes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_worth_as_much_as_its_span(
            (start, took, slow) in (..u64::MAX / 2, ..50_u64, ..50_u64),
            (is_root, has_failed, is_early) in any::<(bool, bool, bool)>(),
        ) {
            let record = Record {
                trace: TraceId(1),
                id: SpanId(2),
                parent: (!is_root).then_some(SpanId(1)),
                name: "work",
                kind: Kind::Internal,
                start,
                // A clock may be set back.
                end: if is_early { start.saturating_sub(took) } else { start + took },
                has_failed,
                attributes: [const { None }; MAX_ATTRIBUTES],
                more: 0,
            };
            let class = record.class(slow);
            prop_assert_eq!(class, Class::of(&record.into_span("web"), Duration::from_nanos(slow)));
        }
    }
}
