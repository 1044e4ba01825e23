//! Serves the built book on this machine and answers its exhibits.
//!
//! Nothing listens beyond loopback, and no page may load anything from elsewhere: the header says
//! so to the browser.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lab::event::{Event, Header, Log, NodeInfo};
use lab::http::{Caller, Limits};
use lab::view::svg;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::commands::{next, say};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

const BODY_LIMIT: usize = 64 * 1024;
const FIRST_PORT: u16 = 3_000;
const PORTS_TO_TRY: u16 = 50;
/// For a server on this machine to answer what it is.
const PATIENCE: Duration = Duration::from_secs(1);
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:";

#[derive(Clone)]
struct Shared {
    ws: Workspace,
    site: PathBuf,
}

/// Builds the book, serves it until the process is interrupted. Without a port on the next free one; if
/// another process serves this book already, there.
///
/// # Errors
/// The book does not build, or the port is taken.
pub fn serve(ws: &Workspace, port: Option<u16>, open: bool, out: &mut dyn Write) -> Result<bool> {
    let site = ws.root.join("target/book");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(format!("cannot start the server: {e}"), ""))?;
    runtime.block_on(async {
        let found = match port {
            Some(port) => Found::Free(listen_on(port).await?),
            None => find(ws).await?,
        };
        crate::book::build(ws, &site)?;
        let (listener, url) = match found {
            Found::Free(listener) => {
                let url = url(listener.local_addr().map_or(FIRST_PORT, |a| a.port()));
                greet(ws, &url, out)?;
                (Some(listener), url)
            }
            Found::Served(port) => {
                let url = url(port);
                let built = "its pages are built anew, Ctrl-C in its own terminal stops it";
                say(out, &format!("\n  The book is open already at  {url}\n  ({built})"))?;
                (None, url)
            }
        };
        if open {
            browse(&url);
        }
        let Some(listener) = listener else { return Ok(true) };
        let limits = Limits::of_process().map_err(|few| Error::new(few.to_string(), ""))?;
        lab::http::serve(listener, router(ws.clone(), site), limits, async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await;
        Ok(true)
    })
}

fn greet(ws: &Workspace, url: &str, out: &mut dyn Write) -> Result<()> {
    say(out, &format!("\n  The book is open at  {url}"))?;
    say(out, "  Start there, at the top; Ctrl-C stops the server.\n")?;
    say(out, "  In a second terminal:")?;
    let first = ws.step_names().into_iter().next().unwrap_or_else(|| "ch02/step1".into());
    let commands =
        ["cargo first".into(), format!("cargo guide find {first}"), "cargo guide list".into()];
    next(out, &commands)?;
    out.flush().map_err(|e| Error::new(format!("cannot print: {e}"), ""))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

/// A port for the book.
enum Found {
    Free(TcpListener),
    /// Another process serves this very book there.
    Served(u16),
}

/// The first port that is free, or that serves this book.
async fn find(ws: &Workspace) -> Result<Found> {
    let mut last = String::new();
    for port in FIRST_PORT..=FIRST_PORT + PORTS_TO_TRY {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(Found::Free(listener)),
            Err(_) if serves(ws, port).await => return Ok(Found::Served(port)),
            Err(e) => last = e.to_string(),
        }
    }
    Err(Error::new(
        format!("no free port from {FIRST_PORT} to {}: {last}", FIRST_PORT + PORTS_TO_TRY),
        "choose another with `cargo guide serve --port 8080`",
    ))
}

/// This port and no other.
///
/// # Errors
/// It is taken.
pub async fn listen_on(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| {
        Error::new(
            format!("port {port} is taken: {e}"),
            "end what uses it, choose another --port, or leave --port out for the next free one",
        )
    })
}

/// Whether a server of this workspace answers there.
async fn serves(ws: &Workspace, port: u16) -> bool {
    let mut caller = Caller::new((Ipv4Addr::LOCALHOST, port).into()).within(PATIENCE);
    let answer = caller.get("/api/book").await;
    answer.is_ok_and(|answer| answer.field("book") == name(ws))
}

/// Names the book of a workspace without its path.
fn name(ws: &Workspace) -> String {
    format!("{:032x}", lab::fingerprint(&ws.root))
}

fn browse(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // The URL is on the screen anyway; a machine without a desktop has no opener.
    let _ = std::process::Command::new(opener).arg(url).spawn();
}

/// The server: `/api/call`, `/api/book`, and the files of the built book, which are only read.
pub fn router(ws: Workspace, site: PathBuf) -> Router {
    let book = json!({ "book": name(&ws) }).to_string();
    let shared = Arc::new(Shared { ws, site });
    Router::new()
        .route("/api/call", post(call))
        .route(
            "/api/book",
            get(move || async { ([(header::CONTENT_TYPE, "application/json")], book) }),
        )
        .fallback_service(get(file).with_state(Arc::clone(&shared)))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared)
}

async fn call(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    // An exploration takes its time; other requests must not wait for it.
    let work = tokio::task::spawn_blocking(move || answer(&shared.ws, &body));
    let answer =
        work.await.unwrap_or_else(|e| json!({ "error": format!("the exhibit failed: {e}") }));
    let status =
        if answer.get("error").is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// Answers one call of an exhibit; what is wrong with it comes back as `error`.
#[must_use]
pub fn answer(ws: &Workspace, body: &[u8]) -> Value {
    let refused = |why: String| json!({ "error": why });
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(e) => return refused(format!("the request is not JSON: {e}")),
    };
    let word = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or("");
    let name = format!("{}/{}", word("chapter"), word("step"));
    let step = match ws.step(&name) {
        Ok(step) => step,
        Err(error) => return refused(error.to_string()),
    };
    match step.models.exhibit(step.info.id, &request) {
        Some(answer) => with_picture(answer),
        None => refused(format!("{name} has no exhibit")),
    }
}

/// Adds the diagram of the events so far: the page draws no protocol.
fn with_picture(mut answer: Value) -> Value {
    let nodes = answer.get("nodes").and_then(Value::as_array).map(|nodes| {
        let word = |c: &Value, key: &str| c[key].as_str().unwrap_or_default().to_string();
        nodes.iter().map(|c| NodeInfo { name: word(c, "name"), role: word(c, "role") }).collect()
    });
    let events: Option<Vec<Event>> =
        answer.get("events").and_then(|e| serde_json::from_value(e.clone()).ok());
    if let (Some(nodes), Some(events)) = (nodes, events) {
        let header = Header { title: "what has happened so far".into(), nodes, verdict: None };
        answer["svg"] = Value::String(svg::render(&Log { header, events }));
    }
    answer
}

async fn file(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let Some(path) = inside(&shared.site, uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let bytes =
        tokio::task::spawn_blocking(move || std::fs::read(&path).map(|b| (b, kind(&path)))).await;
    match bytes {
        Ok(Ok((bytes, kind))) => {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, bytes).into_response()
        }
        _ => {
            let page = std::fs::read(shared.site.join("404.html")).unwrap_or_default();
            (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)
                .into_response()
        }
    }
}

/// The file behind a path, if the path stays inside the site.
fn inside(site: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    if !path.components().all(|c| matches!(c, Component::Normal(_))) {
        return None;
    }
    let full = site.join(path);
    Some(if full.is_dir() { full.join("index.html") } else { full })
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_the_site() {
        let site = Path::new("site");
        assert_eq!(inside(site, "/../secret"), None);
        assert_eq!(inside(site, "/a/../../secret"), None);
        assert_eq!(inside(site, "/a/b.html"), Some(PathBuf::from("site/a/b.html")));
    }

    #[test]
    fn a_bad_call_is_answered_in_words() {
        let ws = Workspace { root: PathBuf::new(), chapters: vec![] };
        assert!(answer(&ws, b"{").get("error").is_some());
        assert!(answer(&ws, br#"{"chapter":"ch09","step":"step1"}"#)["error"].is_string());
    }
}
