//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! HTTP from the other side: one connection that is kept, JSON out and JSON in.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::trouble::Trouble;

/// Longer than any of our servers lets a request wait.
const DEADLINE: Duration = Duration::from_secs(10);
/// No answer of ours is longer.
const MAX_ANSWER: usize = 4 << 20;

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answered {
    /// One field of the body, as text.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// Calls one server, one request at a time.
pub struct Caller {
    server: SocketAddr,
    line: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Whom to call.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        Self { server, line: None }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&mut self, path: &str) -> Result<Answered, Trouble> {
        self.call(Method::GET, path, Bytes::new(), "application/json").await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// There is no answer. It may have been done: ask again with the same key.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answered, Trouble> {
        self.call(Method::POST, path, body.to_string().into(), "application/json").await
    }

    /// Sends anything.
    ///
    /// # Errors
    /// There is no answer. It may have been done.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        kind: &str,
    ) -> Result<Answered, Trouble> {
        let called = tokio::time::timeout(DEADLINE, self.try_call(method, path, body, kind)).await;
        let answered = called.unwrap_or_else(|_| Err(format!("none in {DEADLINE:?}")));
        answered.map_err(|why| {
            self.line = None;
            Trouble::NoAnswer { whom: self.server.to_string(), why }
        })
    }

    async fn try_call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        kind: &str,
    ) -> Result<Answered, String> {
        let text = |e: hyper::Error| e.to_string();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.server.to_string())
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(body))
            .map_err(|e| e.to_string())?;
        let line = match self.line.as_mut().filter(|line| !line.is_closed()) {
            Some(_) => self.line.as_mut().expect("just seen"),
            None => self.line.insert(connect(self.server).await?),
        };
        line.ready().await.map_err(text)?;
        let response = line.send_request(request).await.map_err(text)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| e.to_string())?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Answered { status, body })
    }
}

async fn connect(server: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    // A free port that dials itself can become its own server.
    if stream.local_addr().is_ok_and(|own| own == server) {
        return Err("nobody listens there".into());
    }
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}
