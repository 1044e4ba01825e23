//! Values as text, to be searched for and shown.
//!
//! It is no JSON, and cannot be read back: text has no quotes, so that a search is typed as a value is shown.

use std::fmt;

use crate::types::Value;

/// Text as it is, bytes in hex, a list as `[1, two]`, a map as `{key: value}`, and nothing as nothing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(bool) => bool.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(bits) => f64::from_bits(*bits).fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("{")?;
                for (at, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Self::Empty => Ok(()),
        }
    }
}
