//! Requests that a browser sends for somebody else: a page of another site has a form, or a script, for one of our
//! addresses.

use crate::kit::TestShop;

/// What a browser says about where a request comes from.
const FOREIGN: [&str; 4] = [
    "Origin: http://shop.example",
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
];

#[test]
fn a_page_of_another_site_changes_nothing_in_the_shop() {
    let shop = TestShop::new(7);
    let alice = shop.alice();
    let sid = alice.cookie("sid").unwrap();
    let ask = |path: &str, field: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nCookie: sid={sid}\r\n{field}\r\n");
        shop.raw(&head)
    };
    let changes =
        ["/sign-in?user=mallory", "/cart?item=boots", "/sign-out", "/sign-out-everywhere"];
    for (path, field) in changes.into_iter().flat_map(|path| FOREIGN.map(|field| (path, field))) {
        let answer = ask(path, field);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}, {field}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("set-cookie: sid="), "{path}: {answer}");
    }
    // Our own page may, and what is no browser.
    for field in ["Sec-Fetch-Site: same-origin", "Accept: */*"] {
        let answer = ask("/cart?item=candle", field);
        assert!(answer.contains("\"cart\":[\"candle\",\"umbrella\"]"), "{field}: {answer}");
    }
}

#[test]
fn nobody_operates_the_balancer_from_where_users_come_or_from_another_site() {
    let shop = TestShop::new(7);
    let is_active = || shop.is_active("web-2");
    for path in ["/backends/web-2/drain", "/backends", "/metrics"] {
        let answer = shop.raw(&format!("POST {path} HTTP/1.1\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404 "), "where users come, {path}: {answer}");
    }
    let at = shop.cluster.front();
    let drain = |host: &str, field: &str| {
        let end = "Content-Length: 0\r\nConnection: close";
        let head = "POST /backends/web-2/drain HTTP/1.1";
        crate::kit::raw(at, &format!("{head}\r\nHost: {host}\r\n{field}\r\n{end}\r\n\r\n"))
    };
    for field in FOREIGN {
        let answer = drain(&at.to_string(), field);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{field}: {answer}");
    }
    // A name that leads here is not enough: its owner says where it leads.
    let answer = drain("shop.example", "Accept: */*");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(is_active());
    let answer = drain(&at.to_string(), "Accept: */*");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!is_active());
}
