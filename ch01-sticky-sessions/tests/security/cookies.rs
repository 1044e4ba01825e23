//! What browsers are told to keep.

use crate::kit::TestShop;

#[test]
fn every_cookie_is_for_this_host_alone_and_for_no_script() {
    for design in [1, 3, 6, 7] {
        let shop = TestShop::with(design, |options| options.with_value("nodes", "1"));
        let first = shop.raw("POST /sign-in?user=alice HTTP/1.1\r\n");
        let lines = |answer: &str| -> Vec<String> {
            let lines = answer.lines().filter_map(|line| line.split_once(": "));
            let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
            set.map(|(_, value)| value.to_owned()).collect()
        };
        let set = lines(&first);
        let pairs: Vec<&str> = set.iter().filter_map(|line| line.split(';').next()).collect();
        let cookies = pairs.join("; ");
        let last = shop.raw(&format!("POST /sign-out HTTP/1.1\r\nCookie: {cookies}\r\n"));
        assert!(!set.is_empty() && !lines(&last).is_empty(), "design {design}: {first}{last}");
        for line in set.iter().chain(&lines(&last)) {
            for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
                assert!(line.contains(attribute), "design {design}: {line}");
            }
            assert!(!line.contains("Domain"), "design {design}: {line}");
        }
    }
}
