//! What browsers are told to keep.

use lab::system::Options;

use crate::kit::TestShop;

#[test]
fn every_cookie_is_for_this_host_alone_and_for_no_script() {
    for design in [1, 3, 6, 7] {
        let shop = TestShop::with(design, |options| options.with_value("nodes", "1"));
        let first = shop.raw("POST /sign-in?user=alice HTTP/1.1\r\n");
        let set = set_cookies(&first);
        let pairs: Vec<&str> = set.iter().filter_map(|line| line.split(';').next()).collect();
        let cookies = pairs.join("; ");
        let last = shop.raw(&format!("POST /sign-out HTTP/1.1\r\nCookie: {cookies}\r\n"));
        assert!(
            !set.is_empty() && !set_cookies(&last).is_empty(),
            "design {design}: {first}{last}"
        );
        for line in set.iter().chain(&set_cookies(&last)) {
            for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
                assert!(line.contains(attribute), "design {design}: {line}");
            }
            assert!(!line.contains("Domain"), "design {design}: {line}");
        }
    }
}

/// What an answer tells a browser to keep.
fn set_cookies(answer: &str) -> Vec<String> {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    set.map(|(_, value)| value.to_owned()).collect()
}

#[test]
fn behind_tls_a_neighbouring_host_can_set_no_cookie_of_ours() {
    for design in [3, 6, 7] {
        let with = |options: Options| options.with_value("nodes", "1").with_flag("tls-in-front");
        let shop = TestShop::with(design, with);
        let set = set_cookies(&shop.raw("POST /sign-in?user=alice HTTP/1.1\r\n"));
        assert!(!set.is_empty(), "design {design}");
        for line in &set {
            assert!(line.starts_with("__Host-") && line.ends_with("; Secure"), "{design}: {line}");
            assert!(line.contains("; Path=/;") && !line.contains("Domain"), "{design}: {line}");
        }
        let pairs: Vec<&str> = set.iter().filter_map(|line| line.split(';').next()).collect();
        let kept = pairs.join("; ");
        let ask = |cookies: &str| shop.raw(&format!("GET /cart HTTP/1.1\r\nCookie: {cookies}\r\n"));
        assert!(ask(&kept).starts_with("HTTP/1.1 200 "), "design {design}: {kept}");
        let tossed = kept.replace("__Host-", "");
        assert!(ask(&tossed).starts_with("HTTP/1.1 401 "), "design {design}: {tossed}");
        // Hers count beside what somebody else's page has set.
        let other = kept.replace("__Host-", "").replace(|c: char| c.is_ascii_digit(), "7");
        let both = ask(&format!("{other}; {kept}"));
        assert!(both.starts_with("HTTP/1.1 200 "), "design {design}: {both}");
    }
}
