//! Rotel, a collector of OpenTelemetry, which decodes the spans that it gets and drops them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::error::EngineError;
use super::ping;
use super::program::ROTEL;
use super::server::{Engine, Plan, free_port};

/// A collector without a destination, running once it speaks HTTP.
///
/// # Errors
/// It is missing, or does not start.
pub fn rotel() -> Result<Engine, EngineError> {
    let command = |program: &Path, dir: &Path, addr: SocketAddr| {
        let mut command = Command::new(program);
        command.current_dir(dir).args(["start", "--exporter", "blackhole"]);
        command.args(["--otlp-http-endpoint", &addr.to_string()]);
        // Nobody asks there, and its usual port may be taken.
        command.args(["--otlp-grpc-endpoint", &free_port()?.to_string()]);
        Ok(command)
    };
    Engine::start(&Plan { program: ROTEL, command: &command, ready: ping::http, polite: None })
}
