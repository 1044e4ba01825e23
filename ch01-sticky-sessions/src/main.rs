//! `cargo ch01`: the command line of the shop's processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::system::run(ch01_sticky_sessions::system::SYSTEM, std::env::args_os())
}
