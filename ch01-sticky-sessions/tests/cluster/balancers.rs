//! Several balancers, other lists of web processes, and connections that send next to nothing.

use std::io::Write as _;
use std::net::TcpStream;

use axum::http::StatusCode;
use lab::run::most_open_files;

use crate::kit::TestShop;

#[test]
fn two_balancers_agree_and_share_nothing_but_the_keys() {
    let shop = TestShop::new(7);
    let dir = tempfile::tempdir().unwrap();
    let second = shop.second_balancer(dir.path());
    let mut homes = Vec::new();
    for mut user in shop.users(12) {
        let (home, _) = shop.hit(&mut user);
        let mut user = user.at(second.shop);
        assert_eq!(shop.hit(&mut user), (home.clone(), "hit".into()), "through the second one");
        // Without a token both pick the same one, by the session alone.
        user.set_cookie("node", "");
        let picked = shop.hit(&mut user).0;
        let mut user = user.at(shop.shop());
        user.set_cookie("node", "");
        assert_eq!(shop.hit(&mut user), (picked, "miss".into()));
        homes.push(home);
    }
    homes.sort_unstable();
    homes.dedup();
    assert!(homes.len() > 1, "they are not all on {homes:?}");
}

#[test]
fn a_balancer_that_was_started_again_knows_every_token() {
    let mut shop = TestShop::new(7);
    let mut users = shop.users(8);
    let homes: Vec<String> = users.iter_mut().map(|user| shop.hit(user).0).collect();
    shop.cluster.restart("lb", None).unwrap();
    let at = shop.shop();
    for (user, home) in users.into_iter().zip(homes) {
        assert_eq!(shop.hit(&mut user.at(at)), (home, "hit".into()));
    }
}

#[test]
fn web_processes_are_taken_from_the_list_and_put_back_and_nobody_is_signed_out() {
    let shop = TestShop::new(7);
    let mut users = shop.users(12);
    let all = ["web-1", "web-2", "web-3", "web-4"];
    for list in [&all[..2], &all[2..], &all] {
        shop.list(list);
        for user in &mut users {
            let (home, _) = shop.hit(user);
            assert!(list.contains(&home.as_str()), "{home} is not in {list:?}");
            assert_eq!(shop.hit(user), (home, "hit".into()), "it stays where it is now");
        }
    }
    assert!(shop.metrics().contains("lb_answers_total{class=\"5xx\"} 0\n"), "{}", shop.metrics());
}

#[test]
fn two_thousand_connections_that_send_next_to_nothing_keep_nobody_out() {
    const DRIBBLING: u64 = 2_000;
    assert!(most_open_files() > DRIBBLING + 200, "`ulimit -n {}` first", DRIBBLING + 200);
    let shop = TestShop::new(7);
    let at = shop.shop();
    let count = |shop: &TestShop| -> u64 {
        let metrics = shop.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("lb_connections_total "));
        line.unwrap().parse().unwrap()
    };
    let before = count(&shop);
    let dial = |_| {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(b"GET /cart HTTP/1.1\r\nHost: a\r\nX: ").unwrap();
        stream
    };
    let mut dribbling: Vec<TcpStream> = (0..DRIBBLING).map(dial).collect();
    shop.until("all are let in", || (count(&shop) == before + DRIBBLING).then_some(()));
    let mut users = shop.users(8);
    for _ in 0..25 {
        for stream in &mut dribbling {
            // The balancer may have had enough of it.
            let _ = stream.write_all(b"x");
        }
        for user in &mut users {
            let page = shop.once(user, "/cart").expect("an answer");
            assert_eq!(page.status, StatusCode::OK);
        }
    }
    assert_eq!(count(&shop), before + DRIBBLING + 8, "one connection for each user");
}

/// The sessions are in a store, so any policy will do; those that go by a hash stay with one web process.
#[test]
fn the_policy_may_be_another_one_than_the_design_has() {
    for (policy, stays) in [("maglev", true), ("ring", true), ("random", false)] {
        let shop = TestShop::with(5, |options| options.with_value("policy", policy));
        let mut user = shop.users(1).remove(0);
        let mut homes: Vec<String> = (0..32).map(|_| shop.hit(&mut user).0).collect();
        homes.sort_unstable();
        homes.dedup();
        assert_eq!(homes.len() == 1, stays, "{policy}: {homes:?}");
    }
}
