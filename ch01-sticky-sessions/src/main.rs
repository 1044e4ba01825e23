//! `cargo ch01`: the command line of the shop's processes.

fn main() {}
