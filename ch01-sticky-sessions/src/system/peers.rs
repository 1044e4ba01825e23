//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! HAProxy and nginx as they are configured wherever they stand beside our balancer, each once: a browser is
//! sent back to where it was, connections are kept on both sides, and a request that found nobody is sent
//! elsewhere. `{addr}` stands for the address to listen on.
//!
//! # Left out
//!
//! What the probe compares: it takes them as plain as they can be, and without a cookie.

use std::net::SocketAddr;

use crate::worlds::WEB_NAMES;

// ANCHOR: haproxy_conf
/// One thread, a cookie, and backends that are checked as often as ours checks them.
#[must_use]
pub fn haproxy_conf(backends: &[SocketAddr]) -> String {
    let server = |(name, at): (&&str, &SocketAddr)| {
        format!(" server {name} {at} cookie {name} check inter 200ms\n")
    };
    let servers: String = WEB_NAMES.iter().zip(backends).map(server).collect();
    format!(
        "global\n nbthread 1\ndefaults\n mode http\n timeout connect 2s\n timeout client 60s\n\
         timeout server 30s\n http-reuse always\n option redispatch\nfrontend all\n bind {{addr}}\n\
         option forwardfor\n default_backend webs\nbackend webs\n balance roundrobin\n\
         cookie node insert indirect nocache\n{servers}"
    )
}
// ANCHOR_END: haproxy_conf

// ANCHOR: nginx_conf
/// Debian's nginx has no sticky cookie: it hashes the session, consistently. It keeps so many connections
/// to backends.
#[must_use]
pub fn nginx_conf(backends: &[SocketAddr], kept: usize) -> String {
    let servers: String = backends.iter().map(|at| format!("server {at};\n")).collect();
    format!(
        "upstream webs {{ hash $cookie_sid consistent;\n{servers} keepalive {kept};\n\
         keepalive_requests 1000000000; }}\n\
         keepalive_requests 1000000000; server {{ listen {{addr}};\n\
         location / {{ proxy_pass http://webs; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         proxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n"
    )
}
// ANCHOR_END: nginx_conf
