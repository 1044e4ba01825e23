//! `cargo ch02`: reads the command line; all else is in the library.

use std::process::ExitCode;

use ch02_two_phase_commit::system::{Command, act};
use clap::Parser;

/// Two-phase commit as three processes: a shop whose checkout is all or nothing.
///
/// Exit code: 0 done, 1 not done, 2 could not be asked, 3 not known yet.
#[derive(Parser)]
#[command(name = "ch02", bin_name = "cargo ch02", version, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match act(Line::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(2)
        }
    }
}
