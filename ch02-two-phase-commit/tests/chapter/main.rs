//! The chapter's tests.
