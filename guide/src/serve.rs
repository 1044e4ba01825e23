//! Serves the built book on this machine and answers its exhibits.
//!
//! Nothing listens beyond loopback, and no page may load anything from elsewhere: the header says
//! so to the browser.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use lab::event::{Event, Header, Log, NodeInfo};
use lab::view::svg;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::commands::{next, say};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

const BODY_LIMIT: usize = 64 * 1024;
const PORTS_TO_TRY: u16 = 50;
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:";

#[derive(Clone)]
struct Shared {
    ws: Workspace,
    site: PathBuf,
}

/// Builds the book, serves it until the process is interrupted.
///
/// # Errors
/// The book does not build, or no port is free.
pub fn serve(ws: &Workspace, port: u16, open: bool, out: &mut dyn Write) -> Result<bool> {
    let site = ws.root.join("target/book");
    crate::book::build(ws, &site)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(format!("cannot start the server: {e}"), ""))?;
    runtime.block_on(async {
        let listener = listen(port).await?;
        let port = listener.local_addr().map_or(port, |a| a.port());
        let url = format!("http://127.0.0.1:{port}/");
        greet(ws, &url, out)?;
        if open {
            browse(&url);
        }
        let app = router(ws.clone(), site);
        axum::serve(listener, app)
            .with_graceful_shutdown(async {
                let _ = tokio::signal::ctrl_c().await;
            })
            .await
            .map_err(|e| Error::new(format!("the server stopped: {e}"), "start it again"))
    })?;
    Ok(true)
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

/// The first free port from `port` on.
///
/// # Errors
/// None of the next fifty is free.
pub async fn listen(port: u16) -> Result<TcpListener> {
    let mut last = String::new();
    for candidate in port..=port.saturating_add(PORTS_TO_TRY) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)).await {
            Ok(listener) => return Ok(listener),
            Err(e) => last = e.to_string(),
        }
    }
    Err(Error::new(
        format!("no free port from {port} to {}: {last}", port.saturating_add(PORTS_TO_TRY)),
        "choose another with `cargo guide serve --port 8080`",
    ))
}

fn browse(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // The URL is on the screen anyway; a machine without a desktop has no opener.
    let _ = std::process::Command::new(opener).arg(url).spawn();
}

/// The server: `/api/call`, and the files of the built book.
pub fn router(ws: Workspace, site: PathBuf) -> Router {
    Router::new()
        .route("/api/call", post(call))
        .fallback(file)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::new(Shared { ws, site }))
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
