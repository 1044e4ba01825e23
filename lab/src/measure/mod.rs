//! Edge: makes it survive the real world. The lesson is in `node.rs`.
