//! The chapter's tests.

mod explore;
