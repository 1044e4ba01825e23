//! `00-<trace id>-<span id>-<flags>`: fixed offsets, so it is read by offsets.
//!
//! Reading it by "split at `-`, then parse each part" accepts values that are too short or too long. Half
//! of the cases that other libraries fail are of that kind.
//!
//! # Left out
//!
//! Fields of later versions. Of those we read what version 00 has, as its section 4.3 asks.

use crate::types::{SpanId, TraceId};

use super::{Flags, trim};

/// How long a value of version 00 is.
const LEN: usize = 55;

/// Why a `traceparent` is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTraceparent {
    /// Two of them: one is wrong, and nobody knows which.
    #[error("more than one traceparent; send one")]
    Repeated,
    /// Too short, too long, or the dashes stand elsewhere.
    #[error("a traceparent reads 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
    Shape,
    /// A character that is no lower-case hex digit.
    #[error("the ids and flags of a traceparent are lower-case hex digits")]
    Digit,
    /// Version ff is not one.
    #[error("version ff of traceparent does not exist; send 00")]
    Version,
    /// An id of zeros names nothing.
    #[error("an id of only zeros in traceparent names nothing; draw another one")]
    Zero,
}

// ANCHOR: parse
pub(super) fn parse(value: &[u8]) -> Result<(TraceId, SpanId, Flags), BadTraceparent> {
    let value = trim(value);
    if value.len() < LEN || [2, 35, 52].iter().any(|&at| value[at] != b'-') {
        return Err(BadTraceparent::Shape);
    }
    let version = hex(&value[..2])?;
    let trace = hex(&value[3..35])?;
    let span = hex(&value[36..52])?;
    let flags = hex(&value[53..55])?;
    // A later version may go on, behind one more dash. This one ends here.
    let ends_well = match version {
        0xff => return Err(BadTraceparent::Version),
        0x00 => value.len() == LEN,
        _ => value.len() == LEN || value[LEN] == b'-',
    };
    if !ends_well {
        return Err(BadTraceparent::Shape);
    }
    if trace == 0 || span == 0 {
        return Err(BadTraceparent::Zero);
    }
    Ok((TraceId(trace), SpanId(narrow(span)), Flags::from_bits(narrow(flags))))
}
// ANCHOR_END: parse

pub(super) fn format(trace: TraceId, span: SpanId, flags: Flags) -> String {
    format!("00-{trace}-{span}-{:02x}", flags.bits())
}

/// The number in up to 32 lower-case hex digits.
fn hex(digits: &[u8]) -> Result<u128, BadTraceparent> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(BadTraceparent::Digit),
        };
        Ok(number << 4 | u128::from(digit))
    })
}

/// A number of at most so many digits as fit.
fn narrow<T: TryFrom<u128>>(number: u128) -> T {
    T::try_from(number).ok().expect("as many digits as the type has")
}
