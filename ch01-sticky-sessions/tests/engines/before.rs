//! HAProxy or nginx before the web processes of design 7, and a Redis behind them: what users are told is judged
//! as it is with our balancer and our store.

use lab::engines::{Engine, haproxy, nginx, redis};

use crate::kit::TestShop;
use crate::users::{assert_kept, goes_on, recorded};

const WEBS: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];

/// A line for each web process.
fn servers(shop: &TestShop, line: impl Fn(&str, String) -> String) -> String {
    WEBS.iter().map(|web| line(web, shop.cluster.endpoint(web).to_string())).collect()
}

fn haproxy_before(shop: &TestShop) -> Engine {
    let line = |web: &str, at| format!(" server {web} {at} cookie {web} check inter 200ms\n");
    haproxy(&format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 30s\n timeout server 30s\n\
         option redispatch\nfrontend all\n bind {{addr}}\n default_backend webs\nbackend webs\n\
         balance roundrobin\n cookie node insert indirect nocache\n{}",
        servers(shop, line)
    ))
    .unwrap()
}

/// Debian's nginx has no sticky cookie: it hashes the session, consistently.
fn nginx_before(shop: &TestShop) -> Engine {
    let line = |_: &str, at| format!("server {at};\n");
    nginx(&format!(
        "upstream webs {{ hash $cookie_sid consistent;\n{} keepalive 16; }}\n\
         server {{ listen {{addr}};\nlocation / {{ proxy_pass http://webs; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }}\n",
        servers(shop, line)
    ))
    .unwrap()
}

#[test]
fn design_7_keeps_its_guarantees_behind_haproxy_and_nginx_with_its_sessions_in_redis() {
    for start in [haproxy_before, nginx_before] {
        let redis = redis().unwrap();
        let address = format!("redis://{}", redis.addr());
        let shop = TestShop::with(7, |options| options.with_value("sessions", address));
        let front = start(&shop);
        let book = recorded(shop, front.addr(), |shop, book| {
            goes_on(shop, book);
            // For good: where it is, is a line of a file here.
            shop.cluster.kill("web-1").unwrap();
            goes_on(shop, book);
            goes_on(shop, book);
        });
        assert_kept(&book);
    }
}
