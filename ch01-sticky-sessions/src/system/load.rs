//! Load on the shop: users who sign in and look into their carts, and count the sign-in pages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::{Method, StatusCode};
use lab::http::Caller;
use lab::measure::{Failed, Waits};
use lab::system::{BoxFuture, Customer, Error, Words, Workload};
use serde_json::{Value, json};

use super::client::Browser;

/// Users who look into their carts.
pub(super) struct Visits {
    /// The pages of the balancer for operators.
    front: SocketAddr,
    carts: Arc<AtomicU64>,
    forced: Arc<AtomicU64>,
}

impl Visits {
    pub(super) fn new(front: SocketAddr) -> Self {
        Self { front, carts: Arc::default(), forced: Arc::default() }
    }
}

/// One user with a browser.
struct User {
    front: SocketAddr,
    browser: Option<Browser>,
    /// Whether it has signed in: then it should never be asked to.
    is_signed_in: bool,
    carts: Arc<AtomicU64>,
    forced: Arc<AtomicU64>,
}

impl User {
    async fn call(&mut self, method: Method, path: &str) -> Option<StatusCode> {
        if self.browser.is_none() {
            let status = Caller::new(self.front).get("/status").await.ok()?;
            self.browser = Some(Browser::new(status.field("shop").parse().ok()?));
        }
        Some(self.browser.as_mut()?.call(method, path).await?.status)
    }
}

impl Customer for User {
    /// Looks; and signs in first, if that is asked for.
    fn ask(&mut self, _: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            match self.call(Method::GET, "/cart").await {
                Some(StatusCode::OK) => {
                    self.carts.fetch_add(1, Relaxed);
                    Ok(())
                }
                Some(StatusCode::UNAUTHORIZED) => {
                    self.forced.fetch_add(self.is_signed_in.into(), Relaxed);
                    let answer = self.call(Method::POST, "/sign-in?user=visitor").await;
                    self.is_signed_in = answer == Some(StatusCode::OK);
                    if self.is_signed_in { Ok(()) } else { Err(Failed) }
                }
                _ => Err(Failed),
            }
        })
    }
}

impl Workload for Visits {
    fn words(&self) -> Words {
        Words {
            unit: "page",
            done: "shown",
            waits: Waits { fsyncs: 0, round_trips: 2 },
            because: "a page waits for two round trips: browser and balancer, balancer and web process",
        }
    }

    fn customer(&self, _: String, _: u64) -> Box<dyn Customer> {
        let (carts, forced) = (Arc::clone(&self.carts), Arc::clone(&self.forced));
        Box::new(User { front: self.front, browser: None, is_signed_in: false, carts, forced })
    }

    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        let (carts, forced) = (self.carts.load(Relaxed), self.forced.load(Relaxed));
        Box::pin(std::future::ready(Ok(json!({ "carts": carts, "forced": forced }))))
    }

    fn verdict(&self, _: &Value, after: &Value) -> (bool, String) {
        let count = |field: &str| after[field].as_u64().unwrap_or_default();
        let (carts, forced) = (count("carts"), count("forced"));
        (forced == 0, format!("{carts} carts were shown, and {forced} times the sign-in page"))
    }
}
