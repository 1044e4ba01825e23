//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! HAProxy and nginx before a [`Recorder`], as plain as they can be configured: each in a directory of its
//! own, on a free port, and gone when its cases are done.
//!
//! # Left out
//!
//! Settings that make them stricter.

use std::io;
use std::net::SocketAddr;

use lab::engines::{Engine, EngineError, HAPROXY, NGINX, Program, haproxy, nginx};

use super::recorder::Recorder;
use super::table::{Column, column};

/// Starts a proxy before this backend.
type Start = fn(SocketAddr) -> Result<Engine, EngineError>;

/// The columns of those that are installed.
pub(super) async fn columns(recorder: &Recorder) -> io::Result<Vec<Column>> {
    let mut columns = Vec::new();
    let at = recorder.address();
    let all: [(Program, Start); 2] = [(HAPROXY, start_haproxy), (NGINX, start_nginx)];
    for (program, start) in all {
        let Ok(found) = program.find() else { continue };
        let name = program.version(&found);
        // It waits until the proxy answers, which asks the recorder of this very thread.
        let engine =
            tokio::task::spawn_blocking(move || start(at)).await.map_err(io::Error::other)?;
        let engine = engine.map_err(io::Error::other)?;
        columns.push(column(&name, engine.addr(), recorder).await);
    }
    Ok(columns)
}

fn start_haproxy(backend: SocketAddr) -> Result<Engine, EngineError> {
    haproxy(&format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 2s\n timeout server 2s\n\
         frontend all\n bind {{addr}}\n option forwardfor\n default_backend webs\n\
         backend webs\n server web-1 {backend}\n"
    ))
}

fn start_nginx(backend: SocketAddr) -> Result<Engine, EngineError> {
    nginx(&format!(
        "client_header_timeout 2s; client_body_timeout 2s; server {{ listen {{addr}};\n\
         location / {{ proxy_pass http://{backend}; proxy_http_version 1.1;\n\
         proxy_read_timeout 2s; proxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n"
    ))
}
