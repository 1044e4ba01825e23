//! Pages.

use axum::Router;

use super::collector::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
}
