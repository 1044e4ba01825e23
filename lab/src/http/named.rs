//! How a request is called in a trace.

use axum::http::Method;

/// Methods that a name may have: those of RFC 9110, section 9, and RFC 5789.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Its method and the known path that it asks for. Clients choose both, and there must not be as many names
/// as they like: a path that is not known is left out, and a method that is not known is `_OTHER`, as
/// OpenTelemetry's semantic conventions for HTTP spans have it.
#[must_use]
pub fn named(method: &Method, known_path: Option<&str>) -> String {
    let method = if METHODS.contains(&method.as_str()) { method.as_str() } else { "_OTHER" };
    match known_path {
        Some(path) => format!("{method} {path}"),
        None => method.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_invent_names() {
        assert_eq!(named(&Method::POST, Some("/buy")), "POST /buy");
        let invented = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(named(&invented, None), "_OTHER");
    }
}
