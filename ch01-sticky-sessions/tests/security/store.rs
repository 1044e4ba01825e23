//! What is kept about sessions, and for whom.

use std::fs;
use std::path::Path;

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::types::SessionId;

use crate::kit::TestShop;

/// All bytes of all files of a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).unwrap_or_default() });
    }
    all
}

/// Whether a session's number is among these bytes, however it is written.
fn is_in(id: &str, bytes: &[u8]) -> bool {
    let number = SessionId::try_from(id.to_owned()).unwrap().0;
    let forms = [id.as_bytes(), &number.to_be_bytes(), &number.to_le_bytes()];
    forms.into_iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

#[test]
fn what_is_on_disk_signs_nobody_in() {
    let shop = TestShop::new(7);
    let alice = shop.alice();
    let kept = bytes(shop.cluster.dir());
    assert!(is_in(&shop.name_of(&alice), &kept), "the log of the store has her session");
    assert!(!is_in(&alice.cookie("sid").unwrap(), &kept), "and not what her browser has");
    let mut thief = shop.browser();
    thief.set_cookie("sid", &shop.name_of(&alice));
    assert_eq!(shop.get(&mut thief).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn who_is_not_signed_in_takes_no_room() {
    for (design, role) in [(1, "web-1"), (5, "store"), (7, "store")] {
        let shop = TestShop::with(design, |options| options.with_value("nodes", "1"));
        for secret in 1..50_u128 {
            let mut stranger = shop.browser();
            stranger.set_cookie("sid", &String::from(SessionId(secret)));
            let page = shop.get(&mut stranger);
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "design {design}");
        }
        assert_eq!(shop.status(role)["sessions"], 0, "design {design}");
    }
}

#[test]
fn no_error_gives_an_address_away() {
    let mut shop = TestShop::with(7, |options| options.with_value("nodes", "1"));
    let port = shop.cluster.endpoint("web-1").port().to_string();
    shop.cluster.kill("web-1").unwrap();
    let mut browser = shop.browser();
    shop.until("it is down", || {
        let page = shop.try_once(&mut browser, Method::GET, "/cart")?;
        (page.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    });
    let answer = shop.raw("GET /cart HTTP/1.1\r\n");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    for secret in [port.as_str(), "web-1"] {
        assert!(!answer.contains(secret), "{secret}: {body}");
    }
}
