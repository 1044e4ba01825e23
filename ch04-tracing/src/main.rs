//! `cargo ch04`: the command line of the collector.

use std::process::ExitCode;

fn main() -> ExitCode {
    ch04_tracing::system::main(std::env::args_os())
}
