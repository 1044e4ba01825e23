//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! The cases, by what they are about.

mod answers;
mod fields;
mod framing;
mod requests;

use super::case::Case;

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    [requests::cases(), framing::cases(), fields::cases(), answers::cases()].concat()
}
