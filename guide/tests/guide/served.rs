//! The book's server, asked in ways that no browser asks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use guide::cli;

use crate::fake;

/// A served book, in a runtime that ends with the value.
struct Served {
    addr: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

fn serve() -> Served {
    let (folder, ws) = fake::book();
    let site = folder.path().join("site");
    std::fs::create_dir_all(&site).unwrap();
    std::fs::write(site.join("index.html"), "the book").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(guide::serve::listen_on(0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let limits = lab::http::Limits::of_process().unwrap();
    let router = guide::serve::router(ws, site);
    runtime.spawn(lab::http::serve(listener, router, limits, std::future::pending()));
    Served { addr, _runtime: runtime, _folder: folder }
}

fn ask(addr: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_ascii_lowercase()
}

#[test]
fn pages_are_only_read_and_exhibits_only_called() {
    let served = serve();
    for method in ["GET", "HEAD"] {
        assert!(ask(served.addr, method, "/").starts_with("http/1.1 200"), "{method}");
    }
    for (method, path, allowed) in [
        ("POST", "/", "allow: get,head"),
        ("DELETE", "/index.html", "allow: get,head"),
        ("PUT", "/new.html", "allow: get,head"),
        ("OPTIONS", "/", "allow: get,head"),
        ("GET", "/api/call", "allow: post"),
        ("DELETE", "/api/call", "allow: post"),
        ("POST", "/api/book", "allow: get,head"),
    ] {
        let answer = ask(served.addr, method, path);
        assert!(answer.starts_with("http/1.1 405"), "{method} {path}: {answer}");
        assert!(answer.contains(allowed), "{method} {path}: {answer}");
    }
}

#[test]
fn a_port_that_is_asked_for_and_taken_is_refused_with_what_to_do() {
    let (_folder, ws) = fake::book();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut out = Vec::new();
    let args = ["guide", "serve", "--port", &port].map(Into::into).to_vec();
    assert_eq!(cli::run(&ws, args, &mut out), 2);
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains(&format!("port {port} is taken")), "{said}");
    assert!(said.contains("leave --port out"), "{said}");
}
