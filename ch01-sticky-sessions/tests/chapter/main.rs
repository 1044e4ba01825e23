//! The chapter's designs: explored, simulated, judged.

mod copies;
mod matrix;
mod random;
