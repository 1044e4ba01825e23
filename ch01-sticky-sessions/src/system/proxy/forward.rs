//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! One request: checked, sent to a backend, sent to another one if that is safe, and answered.
//!
//! It is safe if nothing was sent, or if the method is idempotent and there is no body. And it is paid from a
//! budget: when every backend fails, retries must not multiply the traffic.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::{Body as _, Incoming};
use hyper::ext::on_informational;
use hyper::upgrade::OnUpgrade;
use lab::http::named;
use lab::run::Work;

use super::answer::{Refusal, options};
use super::backend::InFlight;
use super::body::{Download, Progress, Upload};
use super::check::check;
use super::guard::Interim;
use super::headers::{self, AFFINITY, Wishes};
use super::upstream::{Failure, Lease, Why, send};
use super::{Choice, Proxy, host_only};

/// A client's connection, as its requests see it.
pub(super) struct Client {
    pub(super) peer: IpAddr,
    pub(super) interim: Arc<Interim>,
    /// What the connection becomes after its last answer.
    pub(super) tunnel: Mutex<Option<Tunnel>>,
}

/// A backend's side of a WebSocket.
pub(super) struct Tunnel {
    pub(super) upstream: OnUpgrade,
    /// It counts as long as it is open.
    pub(super) in_flight: InFlight,
}

/// A request on its way.
struct Outgoing {
    parts: Parts,
    body: Upload,
    progress: Option<Arc<Progress>>,
}

impl Proxy {
    /// Answers a request.
    pub(super) async fn answer(
        &self,
        client: &Client,
        request: Request<Incoming>,
    ) -> Response<Download> {
        let has_body = !request.body().is_end_stream();
        let mut request = request;
        let work = self.begin(&mut request);
        let mut answer = match self.forward(client, request).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let mut answer = refusal.into_answer();
                // What may follow of the body is not read.
                if has_body {
                    close(&mut answer);
                }
                answer
            }
        };
        client.interim.is_sent().await;
        let status = answer.status();
        self.metrics.answered(status);
        if let Some(work) = work {
            work.answered(status.is_server_error().then(|| status.to_string()));
        }
        if self.is_ending() {
            close(&mut answer);
        }
        answer
    }

    /// Tells the tracer, and gives the request the context that its cause has from now on.
    fn begin(&self, request: &mut Request<Incoming>) -> Option<Work> {
        let tracer = self.tracer.clone()?;
        let path = self.paths.iter().find(|path| **path == request.uri().path());
        let what = named(request.method(), path.copied());
        let fields = request.headers().iter();
        let mut fields =
            fields.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let context = tracer.request(&self.config.name, &what, &mut fields);
        drop(fields);
        let fields = request.headers_mut();
        for (name, value) in tracer.headers(&context) {
            fields.remove(name);
            if let Ok(value) = HeaderValue::from_str(&value) {
                fields.insert(name, value);
            }
        }
        Some(Work::begun(tracer, context))
    }

    async fn forward(
        &self,
        client: &Client,
        request: Request<Incoming>,
    ) -> Result<Response<Download>, Refusal> {
        let (mut parts, body) = request.into_parts();
        let host = check(&parts, &self.config.limits)?;
        if is_for_us(&mut parts)? {
            return Ok(options());
        }
        let version = parts.version;
        let address = headers::client(&parts.headers, client.peer, &self.config.trusted);
        let wishes = headers::request(&mut parts, host, client.peer, &self.config, &self.via);
        if self.config.tls_in_front {
            host_only::to_backend(&mut parts.headers);
        }
        if parts.uri.scheme().is_some() {
            let path = parts.uri.into_parts().path_and_query;
            parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        // Ours is made at the end of the connection.
        parts.extensions.remove::<OnUpgrade>();
        let mut outgoing = self.outgoing(parts, body);
        outgoing.listen(version, &client.interim);
        let (response, lease, choice) = self.send(outgoing, address).await?;
        self.finish(client, response, lease, choice, wishes)
    }

    /// Puts the body behind its limit, and behind a backend's 100 Continue if the client waits for that.
    fn outgoing(&self, mut parts: Parts, body: Incoming) -> Outgoing {
        if body.is_end_stream() {
            return Outgoing { parts, body: Upload::empty(), progress: None };
        }
        let progress = Progress::new(parts.headers.contains_key(header::EXPECT));
        let body = Upload::new(body, self.config.limits.body, Arc::clone(&progress));
        headers::framing(&mut parts.headers, &body);
        Outgoing { parts, body, progress: Some(progress) }
    }

    /// Sends a request to one backend after the other, until one answers.
    async fn send(
        &self,
        outgoing: Outgoing,
        address: IpAddr,
    ) -> Result<(Response<Incoming>, Lease, Choice), Refusal> {
        let Outgoing { mut parts, mut body, progress } = outgoing;
        let pool = self.backends.now();
        let is_repeatable = progress.is_none() && parts.method.is_idempotent();
        let (mut tried, mut attempts, mut last) = (Vec::new(), 0, None);
        self.budget.earn();
        loop {
            let Some(choice) = self.route.choose(&parts, address, &pool, &tried) else {
                return Err(last.map_or_else(Refusal::unavailable, Refusal::from));
            };
            let backend = &pool.backends()[choice.backend];
            // It was gone before the request was counted: nothing was tried, and nothing is spent.
            let Some(in_flight) = backend.begin() else {
                tried.push(choice.backend);
                continue;
            };
            let copy = is_repeatable.then(|| parts.clone());
            let request = Request::from_parts(parts, body);
            let (times, limits) = (&self.config.times, &self.config.limits);
            let failure = match send(in_flight, request, progress.as_deref(), times, limits).await {
                Ok((response, lease)) => {
                    backend.answered();
                    return Ok((response, lease, choice));
                }
                Err(failure) => failure,
            };
            if let Some(problem) = progress.as_ref().and_then(|progress| progress.problem()) {
                return Err(Refusal::of_body(problem));
            }
            let Failure { unsent, why } = failure;
            backend.failed();
            match why {
                Why::Refused | Why::ConnectTimeout => backend.is_unwell(self.config.health.fall),
                Why::Stale => backend.forget_idle(),
                Why::Broken | Why::Late => backend.did_not_answer(self.config.health.unanswered),
            }
            // The session is there, and only the connection was not.
            if why != Why::Stale {
                tried.push(choice.backend);
            }
            (attempts, last) = (attempts + 1, Some(why));
            let again = unsent.map(|request| request.into_parts());
            // Another one would hardly be sooner, and a client has waited long enough.
            let copy = copy.filter(|_| why != Why::Late);
            let again = again.or_else(|| copy.map(|parts| (parts, Upload::empty())));
            match again {
                Some(again) if attempts < self.config.retries.most && self.budget.spend() => {
                    self.metrics.retried();
                    (parts, body) = again;
                }
                _ => return Err(Refusal::from(why)),
            }
        }
    }

    /// Makes a backend's answer ours.
    fn finish(
        &self,
        client: &Client,
        response: Response<Incoming>,
        lease: Lease,
        choice: Choice,
        wishes: Wishes,
    ) -> Result<Response<Download>, Refusal> {
        if !headers::is_unambiguous(response.headers()) {
            lease.give_up();
            return Err(Refusal::bad_answer());
        }
        let (mut parts, body) = response.into_parts();
        headers::answer(&mut parts.headers, parts.version, wishes, &self.via);
        if let Some(cookie) = self.route.set_cookie_for(&choice, lease.backend(), &parts.headers) {
            parts.headers.append(header::SET_COOKIE, cookie);
        }
        if self.config.tls_in_front {
            host_only::to_browser(&mut parts.headers);
        }
        if let Some(affinity) = choice.affinity {
            parts.headers.insert(AFFINITY, HeaderValue::from_static(affinity));
        }
        // The client's own version is the library's business.
        parts.version = Version::HTTP_11;
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            let body = Download::new(body, lease, self.config.times.silence);
            return Ok(Response::from_parts(parts, body));
        }
        let upstream = parts.extensions.remove::<OnUpgrade>();
        let Some(upstream) = upstream.filter(|_| wishes.websocket) else {
            lease.give_up();
            return Err(Refusal::bad_answer());
        };
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let tunnel = Tunnel { upstream, in_flight: lease.in_flight };
        *client.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
        Ok(Response::from_parts(parts, Download::text("")))
    }
}

impl Outgoing {
    /// Passes interim answers on. A client of HTTP/1.0 knows none (RFC 9110, section 15.2).
    fn listen(&mut self, version: Version, interim: &Arc<Interim>) {
        if version != Version::HTTP_11 {
            return;
        }
        let (interim, progress) = (Arc::clone(interim), self.progress.clone());
        let mut carrier = Request::new(());
        on_informational(&mut carrier, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                // The library tells the client when it reads the body.
                progress.iter().for_each(|progress| progress.go_ahead());
            } else {
                interim.send(&headers::interim(answer.status(), answer.headers()));
            }
        });
        self.parts.extensions.extend(carrier.into_parts().0.extensions);
    }
}

fn close(answer: &mut Response<Download>) {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether a request ends here: OPTIONS for the server as a whole, or with no forwards left (RFC 9110,
/// section 7.6.2). Otherwise there is one less.
fn is_for_us(parts: &mut Parts) -> Result<bool, Refusal> {
    if parts.method != Method::OPTIONS {
        return Ok(false);
    }
    let left = parts.headers.get(header::MAX_FORWARDS).map(|left| left.to_str().ok()?.parse().ok());
    match left {
        Some(None) => Err(Refusal::closing(StatusCode::BAD_REQUEST, "Max-Forwards is no number")),
        Some(Some(0_u32)) => Ok(true),
        Some(Some(left)) => {
            parts.headers.insert(header::MAX_FORWARDS, (left - 1).into());
            Ok(parts.uri.path() == "*")
        }
        None => Ok(parts.uri.path() == "*"),
    }
}
