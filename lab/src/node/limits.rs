//! How large a message and a record may be.
//!
//! A node cannot see the wire or the log, so these are rules of the model: every world asserts them
//! as every driver does, and a model finds what production would.

use serde::Serialize;

/// The longest message, in bytes as it is encoded (postcard). Whatever can grow beyond it is sent in
/// chunks, which the receiver asks for one by one.
pub const MAX_MESSAGE: usize = (1 << 20) - 1024;

/// The longest record, in bytes as it is encoded (postcard). Whatever can grow beyond it is persisted
/// in chunks; see [`super::Cx::mark`].
pub const MAX_RECORD: usize = 1 << 20;

/// # Panics
/// If it does not fit.
pub(crate) fn assert_message_fits<M: Serialize + std::fmt::Display>(msg: &M) {
    let len = encoded_len(msg);
    assert!(len <= MAX_MESSAGE, "a message of {len} bytes, above MAX_MESSAGE: {}", start_of(msg));
}

/// # Panics
/// If it does not fit.
pub(crate) fn assert_record_fits<R: Serialize + std::fmt::Display>(record: &R) {
    let len = encoded_len(record);
    assert!(len <= MAX_RECORD, "a record of {len} bytes, above MAX_RECORD: {}", start_of(record));
}

fn start_of(fact: &impl std::fmt::Display) -> String {
    fact.to_string().chars().take(200).collect()
}

#[cfg(feature = "net")]
fn encoded_len<T: Serialize>(value: &T) -> usize {
    let size = postcard::ser_flavors::Size::default();
    postcard::serialize_with_flavor(value, size).expect("plain data always serialises")
}

/// Without the encoding of drivers nothing can be measured; whatever has the feature `net` does.
#[cfg(not(feature = "net"))]
fn encoded_len<T: Serialize>(_value: &T) -> usize {
    0
}
