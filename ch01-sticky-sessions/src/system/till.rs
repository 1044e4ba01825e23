//! Edge: makes it survive the real world. The lesson is in chapter 2.
//!
//! Where an order is paid: a process that takes `POST /checkout {key, item, quantity, customer}` and answers
//! 200 (done), 202 (not known yet), 400 (not understood), 409 (declined), 422 (the key is another order's) or
//! 503 (not begun). Everything else is no answer of such a process, and an order that is not answered is
//! *pending*, never an error: asked again with the same key, it is done at most once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use lab::http::Caller;
use lab::run::{Context, Tracer};
use lab::system::{Endpoints, RoleConfig};
use serde_json::{Value, json};

/// A customer waits no longer.
const WITHIN: Duration = Duration::from_secs(3);

/// Takes orders to the process that decides about them.
pub struct Till {
    endpoints: Arc<Mutex<Endpoints>>,
    role: &'static str,
    tracer: Option<Arc<dyn Tracer>>,
    cluster: u64,
}

impl Till {
    /// Orders of this web process go to this role of its cluster, wherever that serves HTTP now. With a
    /// tracer, they carry their context along.
    #[must_use]
    pub fn new(config: &RoleConfig, role: &'static str) -> Self {
        let (endpoints, tracer) = (Arc::clone(&config.endpoints), config.tracer.clone());
        Self { endpoints, role, tracer, cluster: config.cluster }
    }

    fn address(&self) -> Option<SocketAddr> {
        let all = self.endpoints.lock().expect("no thread panics with this lock held");
        all.iter().find(|(name, _)| name == self.role).map(|(_, http)| *http)
    }

    /// One of an item for a customer, once for each key.
    pub(super) async fn buy(&self, key: &str, item: &str, customer: &str) -> (StatusCode, Value) {
        let order = json!({ "key": key, "item": item, "quantity": 1, "customer": customer });
        let answered = match self.address() {
            Some(address) => {
                let mut caller = Caller::new(address).within(WITHIN).of_cluster(self.cluster);
                let context = Context::current();
                let tracer = self.tracer.iter();
                caller.set_fields(tracer.flat_map(|tracer| tracer.headers(&context)).collect());
                caller.post("/checkout", &order).await.ok()
            }
            None => None,
        };
        let known = answered.filter(|one| [200, 202, 400, 409, 422, 503].contains(&one.status));
        let known = known.and_then(|one| Some((StatusCode::from_u16(one.status).ok()?, one.body)));
        known.unwrap_or_else(|| {
            let say = "ask again with the same key";
            let body = json!({ "outcome": "pending", "key": key, "say": say });
            (StatusCode::ACCEPTED, body)
        })
    }
}
