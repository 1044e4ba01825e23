//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! What stands behind and beside our balancer while it is measured: web processes that do nothing but answer,
//! and the same job as HAProxy and nginx are told it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::USERS;
use crate::system::shop::random;
use crate::worlds::WEB_NAMES;

/// No head is longer.
const LONGEST: usize = 16 << 10;

pub(super) fn haproxy_conf(backends: &[SocketAddr]) -> String {
    let server = |(name, at): (&&str, &SocketAddr)| {
        format!(" server {name} {at} cookie {name} check inter 200ms\n")
    };
    let servers: String = WEB_NAMES.iter().zip(backends).map(server).collect();
    format!(
        "global\n nbthread 1\ndefaults\n mode http\n timeout connect 2s\n timeout client 60s\n\
         timeout server 30s\n http-reuse always\nfrontend all\n bind {{addr}}\n option forwardfor\n\
         default_backend webs\nbackend webs\n balance roundrobin\n cookie node insert indirect nocache\n\
         {servers}"
    )
}

/// Debian's nginx has no sticky cookie: it hashes the session, consistently.
pub(super) fn nginx_conf(backends: &[SocketAddr]) -> String {
    let servers: String = backends.iter().map(|at| format!("server {at};\n")).collect();
    format!(
        "upstream webs {{ hash $cookie_sid consistent;\n{servers} keepalive {USERS}; keepalive_requests 1000000000; }}\n\
         keepalive_requests 1000000000; server {{ listen {{addr}};\n\
         location / {{ proxy_pass http://webs; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n"
    )
}

/// Web processes that answer each request at once, and give a session to who signs in.
pub(super) async fn backends() -> io::Result<Vec<SocketAddr>> {
    let mut all = Vec::new();
    for _ in WEB_NAMES {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        all.push(listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever hangs up is done.
                tokio::spawn(async move { drop(answer(stream).await) });
            }
        });
    }
    Ok(all)
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    loop {
        let read = stream.read_buf(&mut head).await?;
        if read == 0 || head.len() > LONGEST {
            return Ok(());
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let cookie = match head.starts_with(b"POST ") {
            true => format!("Set-Cookie: sid={:032x}; Path=/\r\n", random().unwrap_or_default()),
            false => String::new(),
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: 2\r\n\r\n{{}}");
        stream.write_all(answer.as_bytes()).await?;
        head.clear();
    }
}
