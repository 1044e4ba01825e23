//! `cargo ch03`: the command line of the store's processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::system::run(ch03_paxos::system::SYSTEM, std::env::args_os())
}
