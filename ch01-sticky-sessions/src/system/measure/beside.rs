//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! What stands behind the balancers while they are measured: web processes that do nothing but answer.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::system::shop::random;
use crate::worlds::WEB_NAMES;

/// No head is longer.
const LONGEST: usize = 16 << 10;

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
