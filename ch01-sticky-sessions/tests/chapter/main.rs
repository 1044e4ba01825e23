//! The chapter's designs: explored, simulated, judged.

mod matrix;
