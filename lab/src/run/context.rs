//! What travels along with messages, and means nothing to the driver.
//!
//! Between an edge and its node it travels with the task: an edge runs the work for a request within
//! [`Context::scope`], and what it sends meanwhile carries the context of the scope.
//!
//! # Left out
//!
//! A meaning: see tracing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest context.
pub const MAX_CONTEXT: usize = 64;

/// Opaque bytes that travel with a message and with what it causes: tracing uses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context {
    len: u8,
    /// Zeros behind the first `len`. In place, so that a copy allocates nothing.
    bytes: [u8; MAX_CONTEXT],
}

impl Context {
    /// Takes up to [`MAX_CONTEXT`] bytes.
    ///
    /// # Errors
    /// There are more.
    pub fn new(bytes: &[u8]) -> Result<Self, ContextTooLong> {
        let too_long = ContextTooLong(bytes.len());
        let mut context = Self::default();
        context.bytes.get_mut(..bytes.len()).ok_or(too_long)?.copy_from_slice(bytes);
        context.len = u8::try_from(bytes.len()).map_err(|_| too_long)?;
        Ok(context)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }
}

tokio::task_local! {
    static CURRENT: Context;
}

impl Context {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The context of the work that this task does now; empty outside of [`Context::scope`], and in tasks
    /// and threads that were started inside of it.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(|context| *context).unwrap_or_default()
    }

    /// Does work under this context.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }
}

impl Default for Context {
    fn default() -> Self {
        Self { len: 0, bytes: [0; MAX_CONTEXT] }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.as_bytes()).finish()
    }
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&[u8]>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A context is at most [`MAX_CONTEXT`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a context of {0} bytes; at most {MAX_CONTEXT} travel with a message")]
pub struct ContextTooLong(pub usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_of_65_bytes_is_refused() {
        assert!(Context::new(&[0; 64]).is_ok());
        assert_eq!(Context::new(&[0; 65]), Err(ContextTooLong(65)));
        let longer_than_a_byte_counts = Context::new(&[0; 300]);
        assert_eq!(longer_than_a_byte_counts, Err(ContextTooLong(300)));
        let bytes = postcard::to_allocvec(&[1u8; 65].as_slice()).unwrap();
        assert!(postcard::from_bytes::<Context>(&bytes).is_err());
    }
}
