//! HAProxy and nginx with a configuration of the caller's, in which `{addr}` stands for the address
//! to listen on and `{dir}` for the engine's own directory.
//!
//! # Left out
//!
//! Reloading a configuration: start another one.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use super::error::EngineError;
use super::ping;
use super::program::{HAPROXY, NGINX};
use super::server::{Engine, Plan};

fn configuration(text: &str, dir: &Path, addr: SocketAddr) -> Result<String, EngineError> {
    let text = text.replace("{addr}", &addr.to_string());
    let text = text.replace("{dir}", &dir.display().to_string());
    let file = dir.join("conf");
    fs::write(&file, text).map_err(EngineError::io("write a configuration"))?;
    Ok(file.display().to_string())
}

/// A HAProxy with this configuration, running once it speaks HTTP.
///
/// # Errors
/// It is missing, does not start, or refuses the configuration.
pub fn haproxy(text: &str) -> Result<Engine, EngineError> {
    let command = |program: &Path, dir: &Path, addr: SocketAddr| {
        let mut command = Command::new(program);
        // -db: in the foreground, and no children of its own.
        command.current_dir(dir).args(["-db", "-f", &configuration(text, dir, addr)?]);
        Ok(command)
    };
    Engine::start(&Plan { program: HAPROXY, command: &command, ready: ping::http, polite: None })
}

/// An nginx with this in its `http { … }`, running once it speaks HTTP.
///
/// # Errors
/// It is missing, does not start, or refuses the configuration.
pub fn nginx(http: &str) -> Result<Engine, EngineError> {
    // Workers drop root, and would not reach a directory that is root's alone.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    let text = format!(
        "{user} daemon off; pid {{dir}}/pid; error_log stderr;\nevents {{ }}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {{dir}}/body;\nproxy_temp_path {{dir}}/proxy;\n\
         fastcgi_temp_path {{dir}}/fastcgi;\nuwsgi_temp_path {{dir}}/uwsgi;\n\
         scgi_temp_path {{dir}}/scgi;\n{http}\n}}\n"
    );
    let command = |program: &Path, dir: &Path, addr: SocketAddr| {
        let mut command = Command::new(program);
        let conf = configuration(&text, dir, addr)?;
        command.current_dir(dir).args(["-e", "stderr", "-p"]).arg(dir).args(["-c", &conf]);
        Ok(command)
    };
    Engine::start(&Plan {
        program: NGINX,
        command: &command,
        ready: ping::http,
        polite: Some(Signal::TERM),
    })
}
