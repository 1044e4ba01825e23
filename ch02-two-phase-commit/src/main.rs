//! `cargo ch02`: the command line of the shop's processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::system::run(ch02_two_phase_commit::system::SYSTEM, std::env::args_os())
}
