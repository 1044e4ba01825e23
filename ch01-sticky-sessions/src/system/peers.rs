//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! HAProxy and nginx as they are configured wherever they stand beside our balancer, each once: a browser is
//! sent back to where it was, connections are kept on both sides, and a request that found nobody is sent
//! elsewhere. The files in `settings` are whole, with addresses to begin with; here those are replaced, and
//! `{addr}` stands for the address to listen on.
//!
//! # Left out
//!
//! What the probe compares: it takes them as plain as they can be, and without a cookie.

use std::net::SocketAddr;

/// The addresses in the files: to listen on, and of the web servers.
const LISTEN: &str = "127.0.0.1:8000";
const FIRST: &str = "127.0.0.1:8001";
const OTHERS: [&str; 3] = ["127.0.0.1:8002", "127.0.0.1:8003", "127.0.0.1:8004"];

/// One thread, a cookie, and backends that are checked as often as ours checks them.
#[must_use]
pub fn haproxy_conf(backends: &[SocketAddr]) -> String {
    with_backends(backends, include_str!("../../settings/haproxy.cfg"))
}

/// Debian's nginx has no sticky cookie: it hashes the session, consistently.
#[must_use]
pub fn nginx_conf(backends: &[SocketAddr]) -> String {
    with_backends(backends, include_str!("../../settings/nginx.conf"))
}

/// The line of the first web server once for each of these, and without those of the others.
fn with_backends(backends: &[SocketAddr], settings: &str) -> String {
    let mut text = String::new();
    let mut push = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    for line in settings.lines() {
        if line.contains(FIRST) {
            for (number, at) in (1..).zip(backends) {
                let line = line.replace("web-1", &format!("web-{number}"));
                push(&line.replace(FIRST, &at.to_string()));
            }
        } else if !OTHERS.iter().any(|other| line.contains(other)) {
            push(&line.replace(LISTEN, "{addr}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_get_a_line_for_each_backend_and_keep_no_address_of_their_own() {
        let backends = ["127.0.0.1:9101", "127.0.0.1:9102"].map(|at| at.parse().unwrap());
        for text in [haproxy_conf(&backends), nginx_conf(&backends)] {
            let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
            assert_eq!(["{addr}", ":9101", ":9102", ":800"].map(lines), [1, 1, 1, 0], "{text}");
        }
        let second = "    server web-2 127.0.0.1:9102 cookie web-2 check inter 200ms\n";
        assert!(haproxy_conf(&backends).contains(second));
    }
}
