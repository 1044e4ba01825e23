//! The participant that keeps its accounts in PostgreSQL, beside ours.
