//! What the store keeps, for how long, and how long its log is.

use std::time::Duration;

use ch01_sticky_sessions::shop::{Input, Shop};
use ch01_sticky_sessions::store::Store;
use ch01_sticky_sessions::types::{Kept, Msg, Record, Session, SessionId, User, wait};
use ch01_sticky_sessions::worlds::{STORE, WEBS};
use lab::Node as _;
use lab::node::{Effect, react};
use lab::rng::Rng;

/// A store that makes its log short after so many saves.
const REWRITE_AFTER: u64 = 20;
/// More than are written again with one save.
const USERS: u64 = 9;

/// A store and its disk.
struct Desk {
    store: Store,
    log: Vec<Record>,
    /// Where in the log the mark is.
    mark: usize,
    longest: usize,
}

impl Desk {
    fn new() -> Self {
        Self { store: Store::new(REWRITE_AFTER), log: Vec::new(), mark: 0, longest: 0 }
    }

    /// Gives what the store answers.
    fn ask(&mut self, now: Duration, msg: Msg) -> Msg {
        let mut answer = None;
        for effect in react(&mut self.store, STORE, now, Input::Message { from: WEBS[0], msg }) {
            match effect {
                Effect::<Shop>::Persist(record) => self.log.push(record),
                Effect::Mark(_) => self.mark = self.log.len(),
                Effect::DiscardBefore(_) => drop(self.log.drain(..self.mark)),
                Effect::Send { msg, .. } => answer = Some(msg),
                other => panic!("a store does not ask for {other:?}"),
            }
        }
        self.longest = self.longest.max(self.log.len());
        answer.expect("an answer")
    }

    fn save(&mut self, now: Duration, id: u64, session: Option<Session>) {
        let id = SessionId(id.into());
        self.ask(now, Msg::Save { number: 0, id, session, expected: None });
    }

    fn load(&mut self, now: Duration, id: u64) -> Kept {
        match self.ask(now, Msg::Load { number: 0, id: SessionId(id.into()) }) {
            Msg::Loaded { kept, .. } => kept,
            other => panic!("a question is not answered by {other}"),
        }
    }

    fn revoke(&mut self, now: Duration, id: u64) -> Option<User> {
        match self.ask(now, Msg::Revoke { number: 0, id: SessionId(id.into()) }) {
            Msg::Revoked { user, .. } => user,
            other => panic!("a question is not answered by {other}"),
        }
    }

    /// A store that has read the log.
    fn recovered(&self) -> Store {
        let mut store = Store::new(REWRITE_AFTER);
        for record in &self.log {
            react(&mut store, STORE, Duration::ZERO, Input::Replay(record.clone()));
        }
        store
    }

    /// The process dies, and comes back.
    fn restart(&mut self, start: u64) {
        self.store = self.recovered();
        react(&mut self.store, STORE, Duration::ZERO, Input::Boot { start });
    }
}

fn alice() -> Session {
    session_of("alice")
}

fn session_of(user: &str) -> Session {
    Session::new(User::new(user))
}

#[test]
fn a_store_that_comes_back_has_all_that_it_had_and_its_log_stays_short() {
    for seed in 0..20 {
        let (mut desk, mut rng) = (Desk::new(), Rng::new(seed));
        let sessions = rng.pick(1..40);
        for i in 0..2_000 {
            let (now, id) = (Duration::from_millis(i), rng.pick(0..sessions));
            let session = (rng.pick(0..4) > 0).then(|| session_of(&format!("user-{}", id % USERS)));
            match rng.pick(0..10) {
                0 => drop(desk.revoke(now, id)),
                _ => desk.save(now, id, session),
            }
            let (recovered, running) = (desk.recovered(), &desk.store);
            let (recovered, running) = (recovered.summary(), running.summary());
            assert_eq!(recovered, running, "seed {seed}, save {i}");
            if seed % 2 == 1 && i % (REWRITE_AFTER - 1) == 0 {
                desk.restart(i);
            }
        }
        // What is there once more, and what was saved meanwhile, and before the log was long.
        let rows = sessions + USERS;
        let most = 2 * rows + 2 * rows.max(REWRITE_AFTER);
        assert!(desk.longest as u64 <= most, "seed {seed}: {} of {most}", desk.longest);
    }
}

#[test]
fn a_session_that_nobody_changed_for_a_day_has_ended_and_is_dropped() {
    let mut desk = Desk::new();
    desk.save(Duration::ZERO, 1, Some(alice()));
    let second = Duration::from_secs(1);
    assert_eq!(desk.load(wait::LIFETIME - second, 1), Kept { version: 1, session: Some(alice()) });
    assert_eq!(desk.load(wait::LIFETIME, 1), Kept::default());
    let stale =
        Msg::Save { number: 0, id: SessionId(1), session: Some(alice()), expected: Some(1) };
    let refused = Msg::Saved { number: 0, result: Err(Kept::default()) };
    assert_eq!(desk.ask(wait::LIFETIME, stale), refused);
    for i in 0..2 * REWRITE_AFTER {
        desk.save(wait::LIFETIME, 2 + i % 2, Some(alice()));
    }
    assert!(!desk.store.summary().to_string().contains("s1 "));
    assert_eq!(desk.recovered().summary(), desk.store.summary());
}

#[test]
fn a_user_who_signs_out_everywhere_ends_all_sessions_begun_before_and_no_other() {
    let (mut desk, now) = (Desk::new(), Duration::from_secs(1));
    for (id, user) in [(1, "alice"), (2, "alice"), (3, "bob")] {
        desk.save(now, id, Some(session_of(user)));
    }
    assert_eq!(desk.revoke(now, 1), Some(User::new("alice")));
    assert_eq!(desk.revoke(now, 1), None, "asked once more");
    assert_eq!(desk.revoke(now, 9), None, "a session that never was");
    desk.save(now, 4, Some(alice()));
    desk.restart(2);
    let is_open = |desk: &mut Desk, id| desk.load(now, id).session.is_some();
    assert_eq!([1, 2, 3, 4].map(|id| is_open(&mut desk, id)), [false, false, true, true]);
    assert_eq!(desk.revoke(now, 2), None, "it ends no session of a later epoch");
    assert!(is_open(&mut desk, 4));
}

#[test]
fn a_change_of_a_session_whose_epoch_is_over_is_refused() {
    let (mut desk, now) = (Desk::new(), Duration::from_secs(1));
    desk.save(now, 1, Some(alice()));
    desk.save(now, 2, Some(alice()));
    desk.revoke(now, 2);
    let save = |session| Msg::Save { number: 0, id: SessionId(1), session, expected: Some(1) };
    let refused = Msg::Saved { number: 0, result: Err(Kept { version: 1, session: None }) };
    assert_eq!(
        desk.ask(now, save(Some(alice()))),
        refused,
        "its version is the one that was expected"
    );
    assert_eq!(desk.ask(now, save(None)), refused);
    assert_eq!(desk.load(now, 1).session, None);
}
