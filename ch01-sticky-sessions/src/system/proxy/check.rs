//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Which requests are taken, and for which host they are. RFC 9112, section 3.

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Uri, Version, header};

use super::answer::Refusal;
use super::config::Limits;

/// Checks a request's head. The host that it is for; none only in HTTP/1.0.
pub(super) fn check(parts: &Parts, limits: &Limits) -> Result<Option<HeaderValue>, Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::closing(StatusCode::NOT_IMPLEMENTED, "this is no forward proxy"));
    }
    let host = host(parts)?;
    if target_length(&parts.uri) > limits.target {
        return Err(Refusal::closing(StatusCode::URI_TOO_LONG, "the target is too long"));
    }
    if parts.method == Method::TRACE {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "TRACE is not served"));
    }
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        let why = "no transfer coding is known but chunked";
        return Err(Refusal::closing(StatusCode::NOT_IMPLEMENTED, why));
    }
    let mut expected = parts.headers.get_all(header::EXPECT).iter();
    if expected.any(|expected| !expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        let why = "nothing can be expected but 100-continue";
        return Err(Refusal::closing(StatusCode::EXPECTATION_FAILED, why));
    }
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length > Some(limits.body) {
        return Err(Refusal::closing(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
    }
    Ok(host)
}

fn target_length(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    path + uri.authority().map_or(0, |authority| authority.as_str().len())
}

/// The host that a request is for. In absolute-form the target says it, and Host is ignored.
fn host(parts: &Parts) -> Result<Option<HeaderValue>, Refusal> {
    let bad = |why| Err(Refusal::closing(StatusCode::BAD_REQUEST, why));
    let mut lines = parts.headers.get_all(header::HOST).iter();
    let host = lines.next();
    if lines.next().is_some() {
        return bad("there is more than one Host");
    }
    if host.is_none() && parts.version == Version::HTTP_11 {
        return bad("there is no Host");
    }
    if host.is_some_and(|host| !is_host(host.as_bytes())) {
        return bad("Host is no host");
    }
    match (parts.uri.scheme_str(), parts.uri.authority()) {
        (Some("http"), Some(authority)) if is_host(authority.as_str().as_bytes()) => {
            Ok(HeaderValue::from_str(authority.as_str()).ok())
        }
        (None, None) if parts.uri.path() == "*" && parts.method != Method::OPTIONS => {
            bad("only OPTIONS is for *")
        }
        (None, None) => Ok(host.cloned()),
        _ => bad("the target is no path and no http URL"),
    }
}

/// `uri-host [ ":" port ]`, RFC 9110, section 7.2; no user, nothing empty.
fn is_host(host: &[u8]) -> bool {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(b);
    let is_ipv6 = |b: &u8| b.is_ascii_hexdigit() || b":.".contains(b);
    let (name, port) = if host.starts_with(b"[") {
        let Some(end) = host.iter().position(|&byte| byte == b']') else { return false };
        if end < 3 || !host[1..end].iter().all(is_ipv6) {
            return false;
        }
        host.split_at(end + 1)
    } else {
        host.split_at(host.iter().position(|&byte| byte == b':').unwrap_or(host.len()))
    };
    let is_known = name.starts_with(b"[") || (!name.is_empty() && name.iter().all(is_name));
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    is_known && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in ["a", "a.example:80", "127.0.0.1:7001", "[::1]:80", "[::1]", "a:"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["", ":80", "u@a", "a b", "a/b", "a:x", "a:123456", "[::1", "[]", "[::1]x", "a:1:2"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
