//! What a rolling restart, and one web process more, cost as real processes: counted, and compared with the
//! scoreboard of the simulated shop.

use std::net::Ipv4Addr;

use axum::http::StatusCode;
use ch01_sticky_sessions::balancer::{Asked, Backend, Route};
use ch01_sticky_sessions::experiments::{Event, after};
use ch01_sticky_sessions::step2_ip_hash::IpHash;
use ch01_sticky_sessions::step4_consistent_hash::ConsistentHash;
use ch01_sticky_sessions::system::client::Browser;
use ch01_sticky_sessions::system::webs::{WEB_NAMES, WEBS};
use ch01_sticky_sessions::types::Address;
use lab::rng::Rng;

use crate::kit::TestShop;
use crate::users::{assert_kept, goes_on, recorded};

const USERS: u8 = 24;
/// Web processes, before a fifth joins.
const WEB: usize = 4;
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

/// The same, so many times, with strangers in between: without them, users who come in one order always meet the
/// same web process again, or never. Gives how many pages were sign-in pages, and how many pages there were.
fn crowded(shop: &TestShop, users: &mut [Browser], times: usize, rng: &mut Rng) -> [usize; 2] {
    let mut stranger = shop.browser();
    let mut forced = 0;
    for _ in 0..times {
        for user in &mut *users {
            for _ in 0..rng.pick(0..12) {
                shop.get(&mut stranger);
            }
            forced += looked(shop, std::slice::from_mut(user));
        }
    }
    [forced, times * users.len()]
}

/// Restarts one web process after the other; everybody looks while each is down, and in the end. With `warm`, the
/// next one has to wait until newcomers go to all of them alike: the simulated balancer has no slow start.
fn rolling_restart(shop: &mut TestShop, warm: bool, mut look: impl FnMut(&TestShop)) {
    for web in &WEB_NAMES[..WEB] {
        shop.cluster.kill(web).unwrap();
        let is_down = |shop: &TestShop| shop.status("lb")["backends"][web] == "down";
        shop.until("the balancer knows", || is_down(shop).then_some(()));
        look(shop);
        shop.cluster.restart(web, None).unwrap();
        shop.until("it is back", || shop.is_active(web).then_some(()));
        if warm {
            all_are_warm(shop);
        }
    }
    look(shop);
}

fn all_are_warm(shop: &TestShop) {
    let is_warm = |line: &str| !line.contains("weight_percent") || line.ends_with(" 100");
    shop.until("all have their share", || shop.metrics().lines().all(is_warm).then_some(()));
}

fn assert_near(what: &str, found: f64, expected: f64) {
    let is_near = (found - expected).abs() <= expected / 10.0;
    assert!(is_near, "{what}: {found:.2}, and not {expected:.2}");
}

#[test]
fn a_rolling_restart_forces_as_many_sign_ins_as_the_scoreboard_says_within_a_tenth() {
    for design in [3, 5, 6, 7] {
        let mut shop = TestShop::new(design);
        let (mut users, mut forced) = (shop.users(USERS), 0);
        rolling_restart(&mut shop, design == 3, |shop| forced += looked(shop, &mut users));
        let expected = expected(design, Event::RollingRestart);
        assert_near(&format!("design {design}"), forced as f64, expected);
    }
}

/// With round robin every event costs next to nothing beside what every page costs. So it is pages that are
/// counted, here and there.
#[test]
fn round_robin_shows_as_many_sign_in_pages_in_a_restart_as_the_scoreboard_says_within_a_tenth() {
    let (mut shop, mut rng, mut sums) = (TestShop::new(1), Rng::new(1), [0; 2]);
    let mut users = shop.users(USERS);
    rolling_restart(&mut shop, true, |shop| {
        let [forced, pages] = crowded(shop, &mut users, 3, &mut rng);
        sums = [sums[0] + forced, sums[1] + pages];
    });
    assert_near("a restart", share(sums), share_of_pages(Event::RollingRestart));
}

#[test]
fn round_robin_shows_as_many_sign_in_pages_around_a_join_as_the_scoreboard_says_within_a_tenth() {
    let (shop, mut rng) = (with_a_fifth(1), Rng::new(1));
    let mut users = shop.users(USERS);
    let before = crowded(&shop, &mut users, 20, &mut rng);
    shop.list(&WEB_NAMES[..=WEB]);
    all_are_warm(&shop);
    let after = crowded(&shop, &mut users, 20, &mut rng);
    let both = [before[0] + after[0], before[1] + after[1]];
    assert_near("a join", share(both), share_of_pages(Event::Joins));
}

fn share([forced, pages]: [usize; 2]) -> f64 {
    forced as f64 / pages as f64
}

/// Of all pages of design 1 on the scoreboard.
fn share_of_pages(event: Event) -> f64 {
    let outcome = after("step1", event);
    share([outcome.forced, outcome.pages])
}

/// A shop with five web processes, of which the balancer knows four.
fn with_a_fifth(design: u8) -> TestShop {
    let shop = TestShop::with(design, |options| options.with_value("nodes", "5"));
    shop.list(&WEB_NAMES[..WEB]);
    shop
}

/// Which of these web processes this route gives to a user, if one of them is down.
fn home(route: &impl Route, user: u8, webs: usize, down: Option<usize>) -> usize {
    let backend =
        |place| Backend { id: WEBS[place], is_up: Some(place) != down, open: 0, sessions: 0 };
    let pool: Vec<Backend> = (0..webs).map(backend).collect();
    let address = Address(Ipv4Addr::new(127, 0, user, 1).to_bits());
    route.pick(&Asked { address, affinity: None, session: None, turn: 0 }, &pool).unwrap()
}

/// How often a rolling restart asks this user to sign in: whenever the hash leads where the session is not, or
/// is no longer.
fn restarted(route: &impl Route, user: u8) -> usize {
    let mut session = Some(home(route, user, WEB, None));
    let downs = (0..WEB).map(Some).chain([None]);
    let is_forced = |down: &Option<usize>| {
        session = session.filter(|at| Some(*at) != *down);
        let now = Some(home(route, user, WEB, *down));
        let is_forced = session != now;
        session = now;
        is_forced
    };
    downs.filter(is_forced).count()
}

/// By a hash it is known who is asked to sign in, and how often. The scoreboard counts other addresses, a third of
/// them the same one. Bounded loads cost some sign-ins on a quiet day there; here nobody clicks at once.
#[test]
fn by_a_hash_a_rolling_restart_forces_those_to_sign_in_whom_it_sends_elsewhere() {
    let hashing = ConsistentHash { bound: None };
    let all = |restarted: &dyn Fn(u8) -> usize| (1..=USERS).map(restarted).sum::<usize>();
    let ip_hash = all(&|user| restarted(&IpHash, user));
    let consistent = all(&|user| restarted(&hashing, user));
    for (design, sent) in [(2, ip_hash), (4, consistent)] {
        let mut shop = TestShop::new(design);
        let (mut users, mut forced) = (shop.users(USERS), 0);
        rolling_restart(&mut shop, false, |shop| forced += looked(shop, &mut users));
        assert_eq!(forced, sent, "design {design}");
        let quiet = expected(design, Event::Nothing);
        let expected = expected(design, Event::RollingRestart) - quiet;
        assert_near(&format!("design {design}"), forced as f64, expected);
    }
}

/// How many users have another home when the fifth web process joins.
fn moved(route: &impl Route) -> usize {
    let home = |user, webs| home(route, user, webs, None);
    (1..=USERS).filter(|user| home(*user, WEB) != home(*user, WEB + 1)).count()
}

/// Where nobody is asked to sign in, the scoreboard says so as well; by a hash it is the users who have another
/// home: as many as the scoreboard says, but for a tenth of all users.
#[test]
fn one_web_process_more_forces_those_to_sign_in_who_have_another_home() {
    let by_hash = [(2, moved(&IpHash)), (4, moved(&ConsistentHash { bound: None }))];
    for (design, moved) in by_hash {
        let scored = after(&format!("step{design}"), Event::Joins).moved;
        let scored = scored as f64 / PEOPLE as f64 * f64::from(USERS);
        let is_near = (moved as f64 - scored).abs() <= f64::from(USERS) / 10.0;
        assert!(is_near, "design {design}: {moved}, and not {scored:.1}");
    }
    let others = [3, 5, 6, 7].map(|design| (design, expected(design, Event::Joins) as usize));
    assert_eq!(others.map(|(_, forced)| forced), [0; 4]);
    for (design, expected) in by_hash.into_iter().chain(others) {
        let shop = with_a_fifth(design);
        let mut users = shop.users(USERS);
        assert_eq!(looked(&shop, &mut users), 0, "design {design}: four are enough");
        shop.list(&WEB_NAMES[..=WEB]);
        assert_eq!(looked(&shop, &mut users), expected, "design {design}");
    }
}

#[test]
fn an_eighth_web_process_joins_while_users_click_and_nobody_notices() {
    let shop = TestShop::with(7, |options| options.with_value("nodes", "8"));
    shop.list(&WEB_NAMES[..7]);
    let at = shop.shop();
    let book = recorded(shop, at, |shop, book| {
        goes_on(shop, book);
        shop.list(&WEB_NAMES);
        let newcomer = || shop.post(&mut shop.browser(), "/sign-in?user=new").served_by;
        shop.until("it has newcomers", || (newcomer() == "web-8").then_some(()));
        goes_on(shop, book);
    });
    assert_kept(&book);
}
