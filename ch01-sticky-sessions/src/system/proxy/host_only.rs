//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Cookies of a shop whose TLS ends in front of the balancer. A browser keeps a cookie whose name begins with
//! `__Host-` only if this very host sets it, over TLS and for all of its paths (RFC 6265bis, section 4.1.3.2): a
//! page of a neighbouring host name can set none. So browsers keep the shop's cookies under such names, and web
//! processes know nothing of it.
//!
//! # Left out
//!
//! TLS itself: a proxy in front of this one has it. Host names other than `localhost`: the shop's processes
//! answer this machine alone. Cookies for one path or for a whole domain: the shop sets
//! none, and a browser would not keep them under such a name.

use axum::http::{HeaderMap, HeaderValue, header};

const PREFIX: &str = "__Host-";

/// A request's cookies as web processes read them: the prefix is gone, and so is all that had none.
pub(super) fn to_backend(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    // One that is no text was set by somebody else, and hides none of ours.
    let pairs = pairs.filter(|pair| pair.is_ascii());
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    let pairs = pairs.map(|pair| pair.trim_matches([' ', '\t']));
    let ours: Vec<&str> = pairs.filter_map(|pair| pair.strip_prefix(PREFIX)).collect();
    let line = HeaderValue::try_from(ours.join("; ")).ok().filter(|line| !line.is_empty());
    headers.remove(header::COOKIE);
    if let Some(line) = line {
        headers.insert(header::COOKIE, line);
    }
}

/// The cookies of an answer as browsers keep them.
pub(super) fn to_browser(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let secure = lines.map(|line| format!("{PREFIX}{line}; Secure"));
    let secure: Vec<HeaderValue> = secure.filter_map(|line| line.try_into().ok()).collect();
    headers.remove(header::SET_COOKIE);
    for line in secure {
        headers.append(header::SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by_backend(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a field");
            headers.append(header::COOKIE, line);
        }
        to_backend(&mut headers);
        assert!(headers.get_all(header::COOKIE).iter().count() < 2);
        Some(headers.get(header::COOKIE)?.to_str().expect("ASCII").to_owned())
    }

    #[test]
    fn only_what_this_host_has_set_reaches_a_web_process() {
        assert_eq!(
            read_by_backend(&["__Host-sid=1; __Host-node=a"]).as_deref(),
            Some("sid=1; node=a")
        );
        assert_eq!(read_by_backend(&["sid=2; __Host-sid=1", "node=b"]).as_deref(), Some("sid=1"));
        for tossed in
            ["sid=1", "__host-sid=1", "=__Host-sid=1", "\u{a0}__Host-sid=1", "$Version=1", ""]
        {
            assert_eq!(read_by_backend(&[tossed]), None, "{tossed}");
        }
        assert_eq!(read_by_backend(&["x=é; __Host-sid=1"]).as_deref(), Some("sid=1"));
        // Two of one name stay two: they are none for who reads them.
        assert_eq!(
            read_by_backend(&["__Host-sid=1; __Host-sid=2"]).as_deref(),
            Some("sid=1; sid=2")
        );
    }

    #[test]
    fn every_cookie_of_an_answer_is_for_this_host_and_for_tls() {
        let mut headers = HeaderMap::new();
        for line in ["sid=1; Path=/", "node=; Max-Age=0; Path=/"] {
            headers.append(header::SET_COOKIE, line.parse().expect("a field"));
        }
        to_browser(&mut headers);
        let set: Vec<&HeaderValue> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(
            set,
            ["__Host-sid=1; Path=/; Secure", "__Host-node=; Max-Age=0; Path=/; Secure"]
        );
    }
}
