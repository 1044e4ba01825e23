//! HAProxy or nginx before the web processes of design 7, and a Redis behind them: what users are told is judged
//! as it is with our balancer and our store.

use std::net::SocketAddr;

use ch01_sticky_sessions::system::peers::{haproxy_conf, nginx_conf};
use ch01_sticky_sessions::worlds::WEB_NAMES;
use lab::engines::{Engine, haproxy, nginx, redis};

use crate::kit::TestShop;
use crate::users::{assert_kept, goes_on, recorded};

/// Starts a proxy before these web processes.
type Start = fn(&[SocketAddr]) -> Engine;

#[test]
fn design_7_keeps_its_guarantees_behind_haproxy_and_nginx_with_its_sessions_in_redis() {
    let all: [Start; 2] =
        [|webs| haproxy(&haproxy_conf(webs)).unwrap(), |webs| nginx(&nginx_conf(webs)).unwrap()];
    for start in all {
        let redis = redis().unwrap();
        let address = format!("redis://{}", redis.addr());
        let shop = TestShop::with(7, |options| options.with_value("sessions", address));
        let front = start(&WEB_NAMES.map(|web| shop.cluster.endpoint(web)));
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
