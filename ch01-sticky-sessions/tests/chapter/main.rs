//! The chapter's designs: explored, simulated, judged.

mod copies;
mod curves;
mod matrix;
mod random;
mod store;
