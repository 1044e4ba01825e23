//! A browser without a window: keeps cookies, and one connection to the shop.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::Instant;

/// No page is longer.
const MAX_PAGE: usize = 1 << 20;

/// A page of the shop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: StatusCode,
    /// The web process that made it; empty if the balancer did.
    pub served_by: String,
    /// What the balancer says about the browser's cookie for a web process: hit, miss, moved.
    pub affinity: String,
    /// What it says; null if that is no JSON.
    pub body: Value,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    /// When it ends, if it is for a while.
    ends: Option<Instant>,
}

/// One user's browser.
#[derive(Debug)]
pub struct Browser {
    shop: SocketAddr,
    /// The address that it comes from; the machine's own choice if that is unspecified.
    from: Ipv4Addr,
    connection: Option<SendRequest<Empty<Bytes>>>,
    /// All tabs have the same.
    cookies: Arc<Mutex<Vec<Cookie>>>,
}

impl Browser {
    /// A browser without cookies.
    #[must_use]
    pub fn new(shop: SocketAddr) -> Self {
        let from = Ipv4Addr::UNSPECIFIED;
        Self { shop, from, connection: None, cookies: Arc::default() }
    }

    /// Another browser with a copy of its cookies.
    #[must_use]
    pub fn copied(&self) -> Self {
        let cookies = Arc::new(Mutex::new(self.jar().clone()));
        Self { cookies, from: self.from, ..Self::new(self.shop) }
    }

    /// Another tab of this browser: it has a connection of its own, and the same cookies at any time.
    #[must_use]
    pub fn tab(&self) -> Self {
        let cookies = Arc::clone(&self.cookies);
        Self { cookies, from: self.from, ..Self::new(self.shop) }
    }

    /// The same browser on a machine with this address.
    #[must_use]
    pub fn coming_from(self, from: Ipv4Addr) -> Self {
        Self { from, connection: None, ..self }
    }

    /// The same browser; the shop is there now.
    #[must_use]
    pub fn at(self, shop: SocketAddr) -> Self {
        Self { shop, connection: None, ..self }
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let jar = self.jar();
        jar.iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value.clone())
    }

    /// Gives it a cookie, as a user may.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.keep_until(name, value, None);
    }

    fn keep_until(&self, name: &str, value: &str, ends: Option<Instant>) {
        let mut jar = self.jar();
        jar.retain(|cookie| cookie.name != name);
        jar.push(Cookie { name: name.into(), value: value.into(), ends });
    }

    fn jar(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.cookies.lock().expect("no thread panics with this lock held")
    }

    /// All cookies that have not ended, as a field.
    fn field(&self) -> String {
        let (mut jar, now) = (self.jar(), Instant::now());
        jar.retain(|cookie| cookie.ends.is_none_or(|ends| now < ends));
        let pair = |Cookie { name, value, .. }: &Cookie| format!("{name}={value}");
        jar.iter().map(pair).collect::<Vec<_>>().join("; ")
    }

    /// Asks for a page, and keeps the cookies that come with it. `None`: there was no whole answer.
    pub async fn call(&mut self, method: Method, path: &str) -> Option<Page> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => connect(self.from, self.shop).await?,
        };
        let cookies = self.field();
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, self.shop.to_string());
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        connection.ready().await.ok()?;
        let response = connection.send_request(request.body(Empty::new()).ok()?).await.ok()?;
        let status = response.status();
        let text = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (served_by, affinity) = (text("x-served-by"), text("x-affinity"));
        for set in response.headers().get_all(header::SET_COOKIE) {
            self.keep(set.to_str().ok()?);
        }
        let body = Limited::new(response.into_body(), MAX_PAGE).collect().await.ok()?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        self.connection = Some(connection);
        Some(Page { status, served_by, affinity, body })
    }

    fn keep(&self, set: &str) {
        let pair = set.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return };
        let lasts = set.split("; ").find_map(|attribute| attribute.strip_prefix("Max-Age="));
        let ends = lasts.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        self.keep_until(name, value, ends.map(|lasts| Instant::now() + lasts));
    }
}

async fn connect(from: Ipv4Addr, shop: SocketAddr) -> Option<SendRequest<Empty<Bytes>>> {
    let socket = TcpSocket::new_v4().ok()?;
    if !from.is_unspecified() {
        socket.bind((from, 0).into()).ok()?;
    }
    let stream = socket.connect(shop).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}
