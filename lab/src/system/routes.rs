//! The pages that every role has.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::service::Service;
use crate::http::{finish, of_cluster, refuse};

/// `GET /health` and `GET /status`, and the role's own pages.
pub(super) fn router(role: String, cluster: u64, service: &Arc<dyn Service>) -> Router {
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
    let health = move || async move { Json(json!({ "role": role, "up": true })) };
    let common = Router::new().route("/health", get(health)).route("/status", get(status));
    finish(of_cluster(service.routes().merge(common), cluster))
}
