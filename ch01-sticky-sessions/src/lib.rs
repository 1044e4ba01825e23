//! Chapter 1: where does a session live?

#[cfg(feature = "system")]
pub mod system;
