//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Puts a case to a proxy.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::case::{Case, Connection};
use super::recorder::{CANARY, Recorder, field, read_body, read_head};

/// A proxy that answers later has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a case led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The status of the final answer; none if there was no head.
    pub status: Option<u16>,
    /// The answer ended where its head said.
    pub is_whole: bool,
    /// What a second request met.
    pub connection: Connection,
    /// All answers, interim ones too; fields' names in small letters.
    pub answer: String,
    /// What reached the backend.
    pub reached: String,
}

/// Puts a case to the proxy at `address`, whose only backend is `recorder`.
///
/// # Errors
/// The proxy cannot be reached, or does nothing for ten seconds.
pub async fn run(case: &Case, address: SocketAddr, recorder: &Recorder) -> io::Result<Verdict> {
    recorder.tell(case.answered);
    let whole = async {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        stream.get_mut().set_nodelay(true)?;
        let mut verdict = Verdict {
            status: None,
            is_whole: false,
            connection: Connection::Closed,
            answer: String::new(),
            reached: String::new(),
        };
        // A proxy may refuse and close before it has read all.
        let _ = stream.get_mut().write_all(case.sent.as_bytes()).await;
        let is_head = case.sent.starts_with("HEAD ");
        // Whatever the connection ends with, what came before counts.
        let _ = listen(&mut stream, is_head, &mut verdict).await;
        verdict.reached = recorder.reached();
        if verdict.is_whole && is_alive(&mut stream).await.unwrap_or(false) {
            verdict.connection = Connection::Kept;
        }
        Ok(verdict)
    };
    timeout(PATIENCE, whole).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Reads answers up to the final one.
async fn listen(
    stream: &mut BufReader<TcpStream>,
    is_head: bool,
    verdict: &mut Verdict,
) -> io::Result<()> {
    loop {
        let Some(head) = read_head(stream).await? else { return Ok(()) };
        verdict.answer += &head;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        verdict.status = status;
        match status {
            Some(100..=199) => {}
            Some(204 | 304) => break,
            _ if is_head => break,
            _ => {
                let body = read_answer(stream, &head, verdict).await?;
                verdict.answer += &String::from_utf8_lossy(&body);
                break;
            }
        }
    }
    verdict.is_whole = true;
    Ok(())
}

async fn read_answer(
    stream: &mut BufReader<TcpStream>,
    head: &str,
    verdict: &mut Verdict,
) -> io::Result<Vec<u8>> {
    if field(head, "transfer-encoding").is_some() || field(head, "content-length").is_some() {
        return read_body(stream, head).await;
    }
    let mut body = Vec::new();
    if let Err(error) = stream.read_to_end(&mut body).await {
        verdict.answer += &String::from_utf8_lossy(&body);
        return Err(error);
    }
    Ok(body)
}

/// Whether the connection takes another request and gives it its own answer.
async fn is_alive(stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let canary = format!("GET {CANARY} HTTP/1.1\r\nHost: canary\r\n\r\n");
    stream.get_mut().write_all(canary.as_bytes()).await?;
    let Some(head) = read_head(stream).await? else { return Ok(false) };
    let body = read_body(stream, &head).await?;
    Ok(head.starts_with("HTTP/1.1 200 ") && body == b"ok")
}
