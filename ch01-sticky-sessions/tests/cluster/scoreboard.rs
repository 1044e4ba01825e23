//! What a rolling restart, and one web process more, cost as real processes: counted, and compared with the
//! scoreboard of the simulated shop.

use std::net::Ipv4Addr;

use axum::http::StatusCode;
use ch01_sticky_sessions::balancer::{Asked, Backend, Route};
use ch01_sticky_sessions::experiments::{Event, after};
use ch01_sticky_sessions::step2_ip_hash::IpHash;
use ch01_sticky_sessions::step4_consistent_hash::ConsistentHash;
use ch01_sticky_sessions::system::client::Browser;
use ch01_sticky_sessions::types::Address;
use ch01_sticky_sessions::worlds::{WEB_NAMES, WEBS};

use crate::kit::TestShop;

const USERS: u8 = 24;
/// The people of the simulated shop.
const PEOPLE: usize = 200;

/// Sign-ins that an event forces upon so many users, by the scoreboard.
fn expected(design: u8, event: Event) -> f64 {
    let step = format!("step{design}");
    after(&step, event).forced as f64 / PEOPLE as f64 * f64::from(USERS)
}

/// Each of them looks once, and signs in again if that is asked for; gives how many did.
fn looked(shop: &TestShop, users: &mut [Browser]) -> usize {
    let is_forced = |user: &mut Browser| {
        let is_out = shop.get(user).status == StatusCode::UNAUTHORIZED;
        if is_out {
            assert_eq!(shop.post(user, "/sign-in?user=again").status, StatusCode::OK);
        }
        is_out
    };
    users.iter_mut().map(is_forced).filter(|is_forced| *is_forced).count()
}

/// Restarts one web process after the other; everybody looks once while each is down, and once in the end. With
/// `warm`, the next one has to wait until newcomers go to all of them alike: the simulated balancer has no slow
/// start.
fn rolling_restart(shop: &mut TestShop, users: &mut [Browser], warm: bool) -> usize {
    let mut forced = 0;
    for web in WEB_NAMES {
        shop.cluster.kill(web).unwrap();
        let is_down = |shop: &TestShop| shop.status("lb")["backends"][web] == "down";
        shop.until("the balancer knows", || is_down(shop).then_some(()));
        forced += looked(shop, users);
        shop.cluster.restart(web, None).unwrap();
        shop.until("it is back", || shop.is_active(web).then_some(()));
        let is_warm =
            |line: &str| !warm || !line.contains("weight_percent") || line.ends_with(" 100");
        shop.until("it has its share", || shop.metrics().lines().all(is_warm).then_some(()));
    }
    forced + looked(shop, users)
}

#[test]
fn a_rolling_restart_forces_as_many_sign_ins_as_the_scoreboard_says_within_a_tenth() {
    for design in [3, 5, 6, 7] {
        let mut shop = TestShop::new(design);
        let mut users = shop.users(USERS);
        let forced = rolling_restart(&mut shop, &mut users, design == 3) as f64;
        let expected = expected(design, Event::RollingRestart);
        let is_near = (forced - expected).abs() <= expected / 10.0;
        assert!(is_near, "design {design}: {forced}, and not {expected:.1}");
    }
}

/// Which of these web processes this route gives to a user.
fn home(route: &impl Route, user: u8, webs: usize) -> usize {
    let backend = |id| Backend { id, is_up: true, open: 0, sessions: 0 };
    let pool: Vec<Backend> = WEBS[..webs].iter().copied().map(backend).collect();
    let address = Address(Ipv4Addr::new(127, 0, user, 1).to_bits());
    route.pick(&Asked { address, affinity: None, session: None, turn: 0 }, &pool).unwrap()
}

/// How many users have another home when the fourth web process joins.
fn moved(route: &impl Route) -> usize {
    (1..=USERS).filter(|user| home(route, *user, 3) != home(route, *user, 4)).count()
}

/// A cluster has four web processes at most, so it is the fourth that joins, and not the fifth. Where nobody is
/// asked to sign in, the scoreboard says so as well; by a hash it is the users who have another home.
#[test]
fn one_web_process_more_forces_those_to_sign_in_who_have_another_home() {
    let by_hash = [(2, moved(&IpHash)), (4, moved(&ConsistentHash { bound: None }))];
    let others = [3, 5, 6, 7].map(|design| (design, expected(design, Event::Joins) as usize));
    assert_eq!(others.map(|(_, forced)| forced), [0; 4]);
    assert!(by_hash[0].1 > 2 * by_hash[1].1, "the modulo moves most of them: {by_hash:?}");
    for (design, expected) in by_hash.into_iter().chain(others) {
        let shop = TestShop::new(design);
        shop.list(&WEB_NAMES[..3]);
        let mut users = shop.users(USERS);
        assert_eq!(looked(&shop, &mut users), 0, "design {design}: three are enough");
        shop.list(&WEB_NAMES);
        assert_eq!(looked(&shop, &mut users), expected, "design {design}");
    }
}
