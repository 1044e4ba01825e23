//! The pages that every role has, and a tracer before a role's own.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::service::Service;
use crate::http::{finish, named, of_cluster, refuse};
use crate::run::{Tracer, Work};

/// `GET /health` and `GET /status`, and the role's own pages.
pub(super) fn router(
    role: String,
    cluster: u64,
    service: &Arc<dyn Service>,
    tracer: Option<Arc<dyn Tracer>>,
) -> Router {
    let asked = Arc::clone(service);
    let status = move || {
        let service = Arc::clone(&asked);
        async move {
            match service.status().await {
                Some(status) => Json(status).into_response(),
                None => refuse(StatusCode::SERVICE_UNAVAILABLE, "the node does not answer"),
            }
        }
    };
    let own = match tracer {
        Some(tracer) if service.routes().has_routes() => {
            traced(service.routes(), role.clone(), tracer)
        }
        _ => service.routes(),
    };
    let health = move || async move { Json(json!({ "role": role, "up": true })) };
    let common = Router::new().route("/health", get(health)).route("/status", get(status));
    finish(of_cluster(own.merge(common), cluster))
}

/// Each request to these pages is a piece of work, and what it causes is done under its context.
fn traced(routes: Router, role: String, tracer: Arc<dyn Tracer>) -> Router {
    let role: Arc<str> = role.into();
    routes.route_layer(from_fn(move |request: Request, next: Next| {
        let (role, tracer) = (Arc::clone(&role), Arc::clone(&tracer));
        async move {
            let path = request.extensions().get::<MatchedPath>();
            let what = named(request.method(), path.map(MatchedPath::as_str));
            let fields = request.headers().iter();
            let mut fields =
                fields.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let context = tracer.request(&role, &what, &mut fields);
            drop(fields);
            let work = Work::begun(tracer, context);
            let response: Response = context.scope(next.run(request)).await;
            let status = response.status();
            work.answered(status.is_server_error().then(|| status.to_string()));
            response
        }
    }))
}
