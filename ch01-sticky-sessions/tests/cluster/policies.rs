//! Policies of the real balancer that the simulated one does not have.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::kit::TestShop;

/// A web process that is well, and never answers a user. How many users wait for it is counted.
#[expect(clippy::disallowed_methods, reason = "a web process of the test's own")]
fn busy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, waiting) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&waiting);
    std::thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            if head.starts_with(b"GET /health ") {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            } else if head.starts_with(b"GET /cart ") {
                count.fetch_add(1, Relaxed);
                kept.push(stream);
            }
        }
    });
    (address, waiting)
}

#[test]
fn who_goes_by_requests_under_way_sends_nobody_more_to_a_process_that_has_not_answered() {
    for policy in ["least-connections", "two-choices"] {
        let shop = TestShop::with(5, |options| {
            options.with_value("nodes", "2").with_value("policy", policy)
        });
        let mut alice = shop.alice();
        let (address, waiting) = busy();
        let web = shop.cluster.endpoint("web-2");
        let list = json!([
            { "name": "web-1", "address": address },
            { "name": "web-2", "address": web },
        ]);
        shop.put(&list);
        // Until one request waits there: it has just been listed, so the first ones may go elsewhere.
        let mut open = Vec::new();
        shop.until("a request waits", || {
            if waiting.load(Relaxed) == 1 {
                return Some(());
            }
            if open.iter().all(tokio::task::JoinHandle::is_finished) {
                let mut stranger = shop.browser();
                let asking = async move { drop(stranger.call(Method::GET, "/cart").await) };
                open.push(shop.spawn(asking));
            }
            None
        });
        for _ in 0..20 {
            let page = shop.get(&mut alice);
            assert_eq!((page.status, &*page.served_by), (StatusCode::OK, "web-2"), "{policy}");
        }
        assert_eq!(waiting.load(Relaxed), 1, "{policy}");
    }
}
