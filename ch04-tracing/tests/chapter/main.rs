//! What has to hold of the chapter's designs.

#[cfg(feature = "system")]
mod collector;
