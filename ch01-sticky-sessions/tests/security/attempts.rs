//! What is tried is counted, and nobody writes lines into a log.

use std::collections::BTreeSet;
use std::fs::File;

use ch01_sticky_sessions::types::SessionId;

use crate::kit::{TestShop, raw};
use crate::terminal::Terminal;

#[test]
fn cookies_that_come_twice_and_forged_tokens_are_counted() {
    let shop = TestShop::with(7, |options| options.with_value("nodes", "1"));
    let alice = shop.alice();
    let (sid, token) = (alice.cookie("sid").unwrap(), alice.cookie("node").unwrap());
    let other = String::from(SessionId(7));
    let counted = || {
        let counters = shop.status("lb")["counters"].clone();
        let [twice, forged] = ["requests_with_a_cookie_twice", "tokens_forged"]
            .map(|name| (name, counters[name].as_u64().unwrap()));
        let metrics = shop.metrics();
        for (name, count) in [twice, forged] {
            assert!(metrics.contains(&format!("lb_{name}_total {count}\n")), "{metrics}");
        }
        [twice.1, forged.1]
    };
    let ask = |cookies: &str| shop.raw(&format!("GET /cart HTTP/1.1\r\nCookie: {cookies}\r\n"));
    assert!(ask(&format!("sid={sid}; node={token}")).contains("x-affinity: hit"));
    assert_eq!(counted(), [0, 0]);
    // Somebody else's page has set one of ours beside it: nobody knows which one is hers.
    assert!(ask(&format!("sid={sid}; sid={other}")).starts_with("HTTP/1.1 401 "));
    ask(&format!("sid={sid}; node={token}; node=web-1"));
    assert_eq!(counted(), [2, 0]);
    for forged in ["web-1", "", &token[1..]] {
        assert!(ask(&format!("sid={sid}; node={forged}")).contains("x-affinity: miss"));
    }
    ask(&format!("sid={other}; node={token}"));
    assert_eq!(counted(), [2, 4]);
}

/// Design 2 goes by the address, so who is believed is seen in which web process answers.
#[test]
fn an_address_in_a_header_counts_behind_a_proxy_with_tls_alone() {
    let answering = |is_behind_tls: bool| {
        let shop = TestShop::with(2, |options| {
            let options = options.with_value("nodes", "2");
            if is_behind_tls { options.with_flag("tls-in-front") } else { options }
        });
        let addresses = (1..=32).map(|last| format!("203.0.113.{last}"));
        let served_by = |address: String| {
            let head = format!("GET / HTTP/1.1\r\nX-Forwarded-For: {address}\r\n");
            let answer = shop.raw(&head);
            let line = answer.lines().find(|line| line.starts_with("x-served-by: "));
            line.unwrap_or_else(|| panic!("{answer}")).to_owned()
        };
        addresses.map(served_by).collect::<BTreeSet<String>>().len()
    };
    assert_eq!([answering(false), answering(true)], [1, 2]);
}

/// A line end in what is sent would begin a line that the balancer or a web process seems to have written.
#[test]
fn nothing_that_a_client_sends_is_in_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let file = File::create(&log).unwrap();
    let args = ["cluster", "--design", "7", "--nodes", "1"];
    let cluster = Terminal::start_with(folder.path(), &args, |command| {
        command.env("RUST_LOG", "debug").stderr(file)
    });
    let shop = cluster.shop.parse().unwrap();
    let end = format!("Host: {shop}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for evil in
        ["%0d%0aFORGED", "%0aFORGED", "\nFORGED", "\rFORGED", "\r\nFORGED", "\u{1b}[31mFORGED"]
    {
        for (head, is_odd) in [
            (format!("POST /sign-in?user={evil} HTTP/1.1\r\n"), true),
            (format!("GET /{evil} HTTP/1.1\r\n"), true),
            (format!("GET /cart HTTP/1.1\r\nCookie: sid={evil}\r\n"), false),
            (format!("GET /cart HTTP/1.1\r\nUser-Agent: {evil}\r\n"), false),
            (format!("GET /cart HTTP/1.1\r\nX-Forwarded-For: {evil}\r\n"), false),
        ] {
            let answer = raw(shop, &format!("{head}{end}"));
            let is_refused = answer.starts_with("HTTP/1.1 4");
            assert!(is_refused || !is_odd, "{head:?}: {answer}");
        }
    }
    drop(cluster);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.is_empty(), "it logs");
    assert!(!log.contains("FORGED"), "{log}");
}
