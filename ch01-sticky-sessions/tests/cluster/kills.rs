//! What `kill -9` of a web process costs, design by design: counted, and compared with what the design says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use axum::http::StatusCode;
use ch01_sticky_sessions::balancer::{Asked, Backend, Route};
use ch01_sticky_sessions::step2_ip_hash::IpHash;
use ch01_sticky_sessions::step4_consistent_hash::ConsistentHash;
use ch01_sticky_sessions::system::client::Browser;
use ch01_sticky_sessions::types::Address;
use ch01_sticky_sessions::worlds::{WEB_NAMES, WEBS};

use crate::kit::TestShop;
use crate::terminal::{Terminal, command};

const USERS: u8 = 24;
const KILLED: &str = "web-2";

/// Kills a web process, and waits until the balancer knows.
fn kill(shop: &mut TestShop) {
    shop.cluster.kill(KILLED).unwrap();
    shop.until("the balancer knows", || {
        (shop.status("lb")["backends"][KILLED] == "down").then_some(())
    });
}

/// How many of these are asked to sign in within so many pages, each time.
fn signed_out(shop: &TestShop, users: &mut [Browser], pages: usize) -> usize {
    let is_out =
        |user: &mut Browser| (0..pages).all(|_| shop.get(user).status == StatusCode::UNAUTHORIZED);
    users.iter_mut().map(is_out).filter(|is_out| *is_out).count()
}

/// How many sessions each web process has in its memory.
fn sessions(shop: &TestShop) -> BTreeMap<&'static str, u64> {
    let count = |web: &&'static str| (*web, shop.status(web)["sessions"].as_u64().unwrap());
    WEB_NAMES.iter().map(count).collect()
}

/// Which web process this route gives to a user, of those that are up.
fn home(route: &impl Route, user: u8, down: Option<&str>) -> &'static str {
    let address = Address(Ipv4Addr::new(127, 0, user, 1).to_bits());
    let backend =
        |(id, name): (_, &&str)| Backend { id, is_up: Some(*name) != down, open: 0, sessions: 0 };
    let pool: Vec<Backend> = WEBS.into_iter().zip(&WEB_NAMES).map(backend).collect();
    let asked = Asked { address, affinity: None, session: None, turn: 0 };
    WEB_NAMES[route.pick(&asked, &pool).unwrap()]
}

#[test]
fn round_robin_loses_the_sessions_of_the_killed_process_a_quarter_of_all() {
    let mut shop = TestShop::new(1);
    let mut users = shop.users(USERS);
    let before = sessions(&shop);
    assert_eq!(before[KILLED], u64::from(USERS) / 4, "one after the other: {before:?}");
    kill(&mut shop);
    // Each of the three others is asked once: who is found nowhere has lost the session.
    assert_eq!(signed_out(&shop, &mut users, 3), usize::from(USERS) / 4);
}

#[test]
fn ip_hash_signs_out_everybody_whose_address_has_another_remainder_now() {
    let mut shop = TestShop::new(2);
    let mut users = shop.users(USERS);
    kill(&mut shop);
    let moves = |user: &u8| home(&IpHash, *user, None) != home(&IpHash, *user, Some(KILLED));
    let expected = (1..=USERS).filter(moves).count();
    assert!(expected > usize::from(USERS) / 2, "the modulo moves most of them: {expected}");
    assert_eq!(signed_out(&shop, &mut users, 1), expected);
}

#[test]
fn a_sticky_cookie_and_consistent_hashing_lose_the_sessions_of_the_killed_process_alone() {
    let hashing = ConsistentHash { bound: None };
    let at_home = (1..=USERS).filter(|user| home(&hashing, *user, None) == KILLED).count();
    for (design, expected) in [(3, usize::from(USERS) / 4), (4, at_home)] {
        let mut shop = TestShop::new(design);
        let mut users = shop.users(USERS);
        assert_eq!(sessions(&shop)[KILLED], expected as u64, "design {design}");
        kill(&mut shop);
        assert_eq!(signed_out(&shop, &mut users, 1), expected, "design {design}");
    }
}

#[test]
fn a_store_a_sealed_cookie_and_a_hint_lose_nothing() {
    for design in [5, 6, 7] {
        let mut shop = TestShop::new(design);
        let mut users = shop.users(USERS);
        kill(&mut shop);
        assert_eq!(signed_out(&shop, &mut users, 1), 0, "design {design}");
    }
}

#[test]
fn load_goes_on_while_a_process_is_down_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let _cluster = Terminal::start(folder.path(), &["cluster", "--design", "7"]);
    let (code, said) = command(folder.path(), &["kill", "web-2"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = command(folder.path(), &["load", "--clients", "2", "--seconds", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" not done\n") && said.contains("down: web-2;"), "{said}");
}
