//! Edge: makes it survive the real world.
//!
//! JSON over HTTP on one machine: what answers it, and what asks for it. Everything that serves here
//! refuses in JSON as well, and only this machine may ask.
//!
//! # Left out
//!
//! TLS and sign-in.

mod body;
#[cfg(feature = "http2")]
mod http2;
mod json;
mod named;
mod serve;

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::run::is_self_connection;

pub use crate::places::TooFewFiles;
#[cfg(feature = "http2")]
pub use http2::serve_http2;
pub use json::{NOT_JSON, Object, is_json, object};
pub use named::named;
pub use serve::{Limits, serve};

/// Longer than any of our servers lets a request wait.
const DEADLINE: Duration = Duration::from_secs(10);
/// No answer of ours is longer.
const MAX_ANSWER: usize = 4 << 20;

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The body; null if it was not JSON.
    pub body: Value,
}

impl Answered {
    /// One field of the body, as text.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// There was no answer. What was asked may have been done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no answer from {server} ({why})")]
pub struct NoAnswer {
    /// Who was asked.
    pub server: SocketAddr,
    /// Why there is none.
    pub why: String,
    /// Whether no server of this cluster listens there: then nothing was done.
    pub refused: bool,
}

/// Names the cluster that a request is for.
const CLUSTER: &str = "cluster";

/// Calls one server, one request at a time, on a connection that is kept.
pub struct Caller {
    server: SocketAddr,
    cluster: Option<u64>,
    deadline: Duration,
    fields: Vec<(&'static str, String)>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Which server to call.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        Self { server, cluster: None, deadline: DEADLINE, fields: Vec::new(), connection: None }
    }

    /// The same, and a server of another cluster refuses: ports are used again.
    #[must_use]
    pub fn of_cluster(self, cluster: u64) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// The same with another deadline for an answer.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// These fields go along with each request from now on, in the place of earlier ones.
    pub fn set_fields(&mut self, fields: Vec<(&'static str, String)>) {
        self.fields = fields;
    }

    /// Reads a page.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&mut self, path: &str) -> Result<Answered, NoAnswer> {
        self.call(Method::GET, path, Bytes::new(), "application/json").await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// There is no answer. It may have been done: ask again with the same key.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answered, NoAnswer> {
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
        content_type: &str,
    ) -> Result<Answered, NoAnswer> {
        let deadline = self.deadline;
        let call = self.try_call(method, path, body, content_type);
        let called = tokio::time::timeout(deadline, call).await;
        let answered = called.unwrap_or_else(|_| Err(format!("none in {deadline:?}").into()));
        answered.map_err(|Why { why, refused }| {
            self.connection = None;
            NoAnswer { server: self.server, why, refused }
        })
    }

    async fn try_call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        content_type: &str,
    ) -> Result<Answered, Why> {
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.server.to_string())
            .header(header::CONTENT_TYPE, content_type);
        if let Some(cluster) = self.cluster {
            request = request.header(CLUSTER, cluster);
        }
        for (name, value) in &self.fields {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        if self.cluster.is_some() && status == StatusCode::MISDIRECTED_REQUEST.as_u16() {
            return Err(Why { why: "another cluster answers there".into(), refused: true });
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| e.to_string())?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Answered { status, body })
    }

    /// A server closes connections that are idle. If it did so to one that is used again, the request goes
    /// out on a new one: unless it was sent and may have changed something.
    async fn send(
        &mut self,
        mut request: hyper::Request<Full<Bytes>>,
    ) -> Result<hyper::Response<Incoming>, Why> {
        if let Some(mut used) = self.connection.take()
            && used.ready().await.is_ok()
        {
            let read = (request.method() == Method::GET).then(|| request.clone());
            match used.try_send_request(request).await {
                Ok(response) => {
                    self.connection = Some(used);
                    return Ok(response);
                }
                Err(mut error) => match error.take_message().or(read) {
                    Some(again) => request = again,
                    None => return Err(error.into_error().to_string().into()),
                },
            }
        }
        let mut new = connect(self.server).await?;
        new.ready().await.map_err(|e| e.to_string())?;
        let response = new.send_request(request).await.map_err(|e| e.to_string())?;
        self.connection = Some(new);
        Ok(response)
    }
}

/// Why a call got no answer.
struct Why {
    why: String,
    refused: bool,
}

impl From<String> for Why {
    fn from(why: String) -> Self {
        Self { why, refused: false }
    }
}

async fn connect(server: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Why> {
    let refused = |e: std::io::Error| {
        let refused = e.kind() == std::io::ErrorKind::ConnectionRefused;
        Why { why: e.to_string(), refused }
    };
    let stream = TcpStream::connect(server).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    // A free port that dials itself can become its own server.
    if is_self_connection(stream.local_addr(), stream.peer_addr()) {
        return Err(Why { why: "no server listens there".into(), refused: true });
    }
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// `{"error": "…"}`.
#[must_use]
pub fn refuse(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}

/// An answer whose body is this.
#[must_use]
pub fn answer(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

/// Refuses what is meant for another cluster. A request that names none is answered.
pub fn of_cluster(router: Router, cluster: u64) -> Router {
    let check = move |request: Request, next: Next| async move {
        let meant = request.headers().get(CLUSTER).map(|id| id.as_bytes());
        if meant.is_none_or(|id| id == cluster.to_string().as_bytes()) {
            return next.run(request).await;
        }
        let why = "another cluster answers at this address; the one that was meant does not run";
        refuse(StatusCode::MISDIRECTED_REQUEST, why)
    };
    router.layer(from_fn(check))
}

/// What every router of ours ends with: answers in JSON whatever is asked, and only for this
/// machine.
pub fn finish(router: Router) -> Router {
    let no_page = || async { refuse(StatusCode::NOT_FOUND, "there is no such page here") };
    let no_method = || async {
        let why = "this page takes another method; read with GET, change with POST";
        refuse(StatusCode::METHOD_NOT_ALLOWED, why)
    };
    router
        .fallback(no_page)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(only_plain_and_local))
}

/// A page of some other site, open in a browser here, must not be able to talk to a server of ours
/// under a name of its own, nor to change anything under ours: a browser tells where a form comes from.
/// And a body that is encoded would be read as if it were not.
async fn only_plain_and_local(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.get_all(header::HOST).iter().count() > 1 {
        return refuse(StatusCode::BAD_REQUEST, "more than one Host; send one");
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let why = "send the body as it is, without Content-Encoding";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if !matches!(name, Some("127.0.0.1" | "localhost" | "[::1]")) {
        return refuse(StatusCode::FORBIDDEN, "only for this machine: call it 127.0.0.1");
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    // TLS may end in front of us.
    let from = origin.map(|origin| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.unwrap_or_default()
    });
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    // A browser that says nothing about where a request comes from may still say that it is from elsewhere.
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let is_foreign = site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
    if is_change && (is_foreign || from.is_some_and(|from| host != Some(from))) {
        return refuse(
            StatusCode::FORBIDDEN,
            "a page of another site must not change anything here",
        );
    }
    next.run(request).await
}
