//! "Are you there?", in each engine's own protocol. A port that is open is not yet a server that
//! answers: PostgreSQL listens while it still recovers.
//!
//! # Left out
//!
//! Whatever comes after hello: for that there are real clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::run::is_self_connection;

const PATIENCE: Duration = Duration::from_secs(2);
/// PostgreSQL's protocol, version 3.0.
const VERSION: u32 = 3 << 16;

/// PostgreSQL accepts a connection.
pub(super) fn postgres(addr: SocketAddr) -> bool {
    let mut hello = vec![0; 4];
    hello.extend(VERSION.to_be_bytes());
    hello.extend(b"user\0postgres\0database\0postgres\0\0");
    let len = u32::try_from(hello.len()).expect("a short greeting");
    hello[..4].copy_from_slice(&len.to_be_bytes());
    // `R`: who you are is settled. `E`: not now.
    answer(addr, &hello).first() == Some(&b'R')
}

/// Redis answers PONG.
pub(super) fn redis(addr: SocketAddr) -> bool {
    answer(addr, b"PING\r\n").starts_with(b"+PONG")
}

/// etcd has a leader: itself.
pub(super) fn etcd(addr: SocketAddr) -> bool {
    let said = answer(addr, b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
    String::from_utf8_lossy(&said).contains(r#""health":"true""#)
}

/// A server answers in HTTP, whatever it answers.
pub(super) fn http(addr: SocketAddr) -> bool {
    answer(addr, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").starts_with(b"HTTP/1.")
}

/// What comes back first; nothing if no server is there.
fn answer(addr: SocketAddr, question: &[u8]) -> Vec<u8> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        // A free port that dials itself answers with its own question.
        if is_self_connection(stream.local_addr(), stream.peer_addr()) {
            return Ok(Vec::new());
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(question)?;
        let mut said = vec![0; 1024];
        let mut len = 0;
        while len < said.len() {
            match stream.read(&mut said[len..])? {
                0 => break,
                n => len += n,
            }
            // HTTP/1.0 ends by itself; the others wait for more questions.
            if !question.starts_with(b"GET") {
                break;
            }
        }
        said.truncate(len);
        Ok(said)
    };
    ask().unwrap_or_default()
}
