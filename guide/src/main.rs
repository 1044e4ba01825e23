//! `cargo guide`: see [`guide::cli`].

use std::process::ExitCode;

use guide::workspace::Workspace;

fn main() -> ExitCode {
    let ws = match Workspace::here() {
        Ok(ws) => ws,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let code = guide::cli::run(&ws, std::env::args_os().collect(), &mut std::io::stdout());
    ExitCode::from(u8::try_from(code).unwrap_or(2))
}
