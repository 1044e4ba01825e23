//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Counters, as text in Prometheus' format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;

use super::pool::Pool;

/// What the proxy counts; backends count their own.
#[derive(Default)]
pub(super) struct Metrics {
    /// By the first digit of the status, from 1xx on.
    answers: [AtomicU64; 5],
    retries: AtomicU64,
    connections: AtomicU64,
    turned_away: AtomicU64,
}

impl Metrics {
    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5);
        self.answers[class - 1].fetch_add(1, Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    /// All of them, with those of the route and of the backends.
    pub(super) fn text(&self, pool: &Pool, of_route: &[(&'static str, u64)]) -> String {
        let mut text = String::new();
        let mut line = |name: &str, labels: &str, value: u64| {
            let _ = writeln!(text, "lb_{name}{labels} {value}");
        };
        for (class, answers) in (1..).zip(&self.answers) {
            line("answers_total", &format!("{{class=\"{class}xx\"}}"), answers.load(Relaxed));
        }
        line("retries_total", "", self.retries.load(Relaxed));
        line("connections_total", "", self.connections.load(Relaxed));
        line("connections_turned_away_total", "", self.turned_away.load(Relaxed));
        for (name, count) in of_route {
            line(&format!("{name}_total"), "", *count);
        }
        for (at, backend) in pool.backends().iter().enumerate() {
            let labels = format!("{{backend=\"{}\"}}", escaped(backend.name()));
            line("backend_requests_total", &labels, backend.requests());
            line("backend_failures_total", &labels, backend.failures());
            line("backend_in_flight", &labels, backend.in_flight() as u64);
            line("backend_weight_percent", &labels, pool.weight(at));
            if let Some(sessions) = backend.sessions() {
                line("backend_sessions_left", &labels, sessions);
            }
            let state = backend.state().name();
            line(
                "backend_state",
                &format!("{},state=\"{state}\"}}", &labels[..labels.len() - 1]),
                1,
            );
        }
        text
    }
}

/// A name within quotes.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
