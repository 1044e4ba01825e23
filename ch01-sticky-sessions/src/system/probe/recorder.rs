//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! A backend that writes down what reaches it, and answers what it is told, valid or not.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::case::OK;

/// A backend for one case after the other. Dropping it ends it.
pub struct Recorder {
    address: SocketAddr,
    exchange: Arc<Mutex<Exchange>>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Exchange {
    answer: &'static str,
    /// Heads and bodies, one behind the other; fields' names in small letters.
    reached: String,
}

/// The path of requests that look whether a connection still works.
pub(super) const CANARY: &str = "/canary";

impl Recorder {
    /// One on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start() -> io::Result<Self> {
        Self::at(0).await
    }

    /// One on this port.
    ///
    /// # Errors
    /// Another process has it.
    pub async fn at(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let exchange = Arc::<Mutex<Exchange>>::default();
        let for_all = Arc::clone(&exchange);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let exchange = Arc::clone(&for_all);
                // A proxy may break off whenever it likes.
                tokio::spawn(async move { drop(serve(stream, &exchange).await) });
            }
        });
        Ok(Self { address, exchange, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers this from now on, and forgets what was.
    pub(super) fn tell(&self, answer: &'static str) {
        *lock(&self.exchange) = Exchange { answer, reached: String::new() };
    }

    /// What has reached it.
    pub(super) fn reached(&self) -> String {
        lock(&self.exchange).reached.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(exchange: &Mutex<Exchange>) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, exchange: &Mutex<Exchange>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(head) = read_head(&mut stream).await? else { return Ok(()) };
        let is_canary = head.contains(CANARY);
        let answer = if is_canary { OK } else { lock(exchange).answer };
        if !is_canary {
            lock(exchange).reached += &head;
        }
        // Before the body: the client may wait for it.
        let (interim, answer) = match answer.strip_prefix("HTTP/1.1 100") {
            Some(rest) => answer.split_at(answer.len() - rest.len() + end_of_head(rest)),
            None => ("", answer),
        };
        stream.write_all(interim.as_bytes()).await?;
        let body = read_body(&mut stream, &head).await?;
        if !is_canary {
            lock(exchange).reached += &String::from_utf8_lossy(&body);
        }
        stream.write_all(answer.as_bytes()).await?;
        let is_last = answer.to_ascii_lowercase().contains("connection: close");
        if is_last || answer.is_empty() {
            return Ok(());
        }
    }
}

fn end_of_head(text: &str) -> usize {
    text.find("\r\n\r\n").map_or(text.len(), |end| end + 4)
}

/// A head as text. Nothing at the end of the connection.
pub(super) async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    loop {
        let from = head.len();
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
        if from > 0 && matches!(&head[from..], b"\r\n" | b"\n") {
            return Ok(Some(with_small_names(&String::from_utf8_lossy(&head))));
        }
    }
}

/// The same head, whatever the letters of its fields' names.
fn with_small_names(head: &str) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) if !name.contains(' ') => {
            format!("{}:{value}", name.to_ascii_lowercase())
        }
        _ => line.to_owned(),
    };
    head.split_inclusive('\n').map(line).collect()
}

/// What a field of a head says.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(other, _)| *other == name).map(|(_, value)| value.trim()).next_back()
}

/// A body as it stands on the wire.
pub(super) async fn read_body(
    stream: &mut BufReader<TcpStream>,
    head: &str,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if field(head, "transfer-encoding").is_some() {
        while !body.ends_with(b"0\r\n\r\n") {
            if stream.read_until(b'\n', &mut body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    } else if let Some(length) = field(head, "content-length").and_then(|n| n.parse().ok()) {
        // What is announced may never come: no space is set aside for it.
        stream.take(length).read_to_end(&mut body).await?;
        if (body.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(body)
}
