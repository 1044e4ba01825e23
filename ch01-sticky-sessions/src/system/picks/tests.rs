//! Where requests go: what a drain, a slow start and a stranger change about it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, header};

use super::connections::{LeastConnections, TwoChoices};
use super::{policy_of, route};
use crate::balancer::{self, Asked, Route as _};
use crate::designs::BOUND;
use crate::step7_affinity_hint::AffinityHint;
use crate::system::proxy::{Backends, Health, Pool, Route};
use crate::system::seal::keys::Keys;
use crate::types::{Address, SessionId};
use crate::worlds::WEBS;

/// Which of `web-1`, which drains, and `web-2` gets a request with these cookies under design 3.
fn picked(path: &str, cookies: &str) -> String {
    let list = ["web-1", "web-2"].map(|web| (web.to_owned(), ([127, 0, 0, 1], 9).into()));
    let backends = Backends::new(list.into(), &Health::default()).expect("names differ");
    let pool = backends.now();
    pool.backends()[0].drain(Duration::from_secs(3600));
    let request = Request::post(path).header(header::COOKIE, cookies).body(()).expect("valid");
    let choice = route(policy_of(3), None)
        .choose(&request.into_parts().0, Ipv4Addr::LOCALHOST.into(), &pool, &[])
        .expect("one of them takes it");
    pool.backends()[choice.backend].name().to_owned()
}

#[test]
fn a_process_that_drains_keeps_its_sessions_and_gets_no_new_ones() {
    let sid = format!("sid={:032x}", 7);
    assert_eq!(picked("/cart", &format!("{sid}; node=web-1")), "web-1");
    for (path, cookies, why) in [
        ("/cart", "node=web-1".to_owned(), "there is no session"),
        ("/sign-in", "node=web-1".to_owned(), "a session begins"),
        ("/sign-in", format!("{sid}; node=web-1"), "another session begins"),
    ] {
        assert_eq!(picked(path, &cookies), "web-2", "{why}");
    }
}

fn address(web: u8) -> (String, std::net::SocketAddr) {
    (format!("web-{web}"), ([127, 0, 0, web], 9).into())
}

/// Which of them gets a request from this address, with these cookies.
fn chosen(route: &dyn Route, pool: &Pool, client: u32, cookies: &str) -> usize {
    let request = Request::get("/cart").header(header::COOKIE, cookies).body(()).expect("valid");
    let choice = route.choose(&request.into_parts().0, Ipv4Addr::from(client).into(), pool, &[]);
    choice.expect("all are up").backend
}

/// How many of 4,000 newcomers the last of four gets.
fn newcomers(route: &dyn Route, pool: &Pool) -> usize {
    (0..4_000).filter(|client| chosen(route, pool, *client, "") == 3).count()
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_come_gets_a_growing_share_of_newcomers_and_all_who_come_back() {
    for design in [1, 3, 5, 6, 7] {
        let backends = Backends::new((1..4).map(address).collect(), &Health::default());
        let backends = backends.expect("names differ");
        backends.replace((1..5).map(address).collect()).expect("names differ");
        let (pool, route) = (backends.now(), route(policy_of(design), None));
        for (seconds, percent) in [(0, 10), (1, 10), (4, 50), (5, 100)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            let (found, share) = (newcomers(&*route, &pool), 10 * percent);
            assert!(found.abs_diff(share) <= 80, "design {design}: {found}, and not {share}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_moves_nobody_who_has_a_cookie_or_is_found_by_a_hash() {
    let backends = Backends::new((1..4).map(address).collect(), &Health::default());
    let backends = backends.expect("names differ");
    backends.replace((1..5).map(address).collect()).expect("names differ");
    let pool = backends.now();
    for design in [3, 7] {
        let route = route(policy_of(design), None);
        let back = |_| chosen(&*route, &pool, 1, &format!("sid={:032x}; node=web-4", 7));
        assert!((0..100).map(back).all(|web| web == 3), "design {design}");
    }
    for design in [2, 4] {
        let route = route(policy_of(design), None);
        let homes = || (0..200).map(|client| chosen(&*route, &pool, client, "")).collect();
        let before: Vec<usize> = homes();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(before, homes(), "design {design}");
    }
}

/// Four web processes, and design 7's route with keys of its own.
fn hinted() -> (tempfile::TempDir, Arc<dyn Route>, Arc<Pool>) {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = Keys::made_at(&dir.path().join("keys")).expect("keys");
    let backends = Backends::new((1..5).map(address).collect(), &Health::default());
    (dir, route(policy_of(7), Some(keys)), backends.expect("names differ").now())
}

#[test]
fn a_captured_token_gives_no_web_process_more_than_its_share_of_requests_at_a_time() {
    let (_dir, route, pool) = hinted();
    let sid = format!("sid={:032x}", 7);
    let request = |cookies: &str| {
        let request = Request::get("/cart").header(header::COOKIE, cookies).body(());
        let parts = request.expect("valid").into_parts().0;
        route.choose(&parts, Ipv4Addr::LOCALHOST.into(), &pool, &[]).expect("all are up")
    };
    let first = request(&sid);
    let token = first.set_cookie.expect("it has none yet");
    let token = token.to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let cookies = format!("{sid}; {token}");
    assert_eq!(request(&cookies).affinity, Some("hit"), "it is a good one");
    let mut open = Vec::new();
    for count in 1..=10_000_u64 {
        open.push(pool.backends()[request(&cookies).backend].begin().expect("it is active"));
        let most = pool.backends().iter().map(|backend| backend.in_flight()).max();
        let share = (u64::from(BOUND) * count).div_ceil(100 * 4);
        assert!(most <= usize::try_from(share).ok(), "{most:?} of {count}");
    }
}

#[test]
fn nobody_can_make_up_sessions_that_all_go_to_one_web_process() {
    let (_dir, route, pool) = hinted();
    // What anybody can compute, who knows the names of the web processes: homes by the hash alone.
    let seen = |(place, id)| balancer::Backend { id, is_up: place < 4, open: 0, sessions: 0 };
    let public: Vec<_> = WEBS.into_iter().enumerate().map(seen).collect();
    let home = |id: u64| {
        let session = Some(SessionId(id.into()));
        let asked = Asked { address: Address(0), affinity: None, session, turn: 0 };
        AffinityHint { bound: BOUND }.pick(&asked, &public)
    };
    let made_up: Vec<u64> = (0..4_000).filter(|id| home(*id) == Some(0)).take(800).collect();
    let at_first = |id: &&u64| chosen(&*route, &pool, 1, &format!("sid={id:032x}")) == 0;
    let found = made_up.iter().filter(at_first).count();
    assert!((130..270).contains(&found), "a quarter of 800, and not all: {found}");
}

/// Of 6,000 turns, how many each of four gets that have so many requests under way.
fn shares(route: &impl balancer::Route, open: [u32; 4], down: &[usize]) -> [u32; 4] {
    let backend = |(place, id)| {
        let is_up = !down.contains(&place);
        balancer::Backend { id, is_up, open: open[place], sessions: 0 }
    };
    let pool: Vec<_> = WEBS.into_iter().enumerate().map(backend).collect();
    let mut shares = [0; 4];
    for turn in 0..6_000 {
        let asked = Asked { address: Address(1), affinity: None, session: None, turn };
        shares[route.pick(&asked, &pool).expect("some are up")] += 1;
    }
    shares
}

#[test]
fn least_connections_picks_the_least_busy_and_takes_turns_among_equals() {
    assert_eq!(shares(&LeastConnections, [3, 1, 2, 4], &[]), [0, 6_000, 0, 0]);
    assert_eq!(shares(&LeastConnections, [3, 1, 2, 4], &[1]), [0, 0, 6_000, 0]);
    assert_eq!(shares(&LeastConnections, [1, 0, 0, 0], &[]), [0, 2_000, 2_000, 2_000]);
}

/// Of the six pairs, the least busy is in three, the next one is the better one of two, and the busiest of none.
#[test]
fn two_choices_never_picks_the_busiest_and_the_least_busy_in_half_of_all_turns() {
    let near = |found: [u32; 4], expected: [u32; 4]| {
        let is_near = |(found, expected): (u32, u32)| found.abs_diff(expected) <= expected / 10;
        assert!(found.into_iter().zip(expected).all(is_near), "{found:?}, and not {expected:?}");
    };
    near(shares(&TwoChoices, [3, 1, 2, 4], &[]), [1_000, 3_000, 2_000, 0]);
    near(shares(&TwoChoices, [5; 4], &[]), [1_500; 4]);
    assert_eq!(shares(&TwoChoices, [3, 1, 2, 4], &[0, 1, 3]), [0, 0, 6_000, 0]);
    let none: [balancer::Backend; 0] = [];
    let asked = Asked { address: Address(1), affinity: None, session: None, turn: 0 };
    assert_eq!(TwoChoices.pick(&asked, &none), None);
    assert_eq!(LeastConnections.pick(&asked, &none), None);
}
