//! What a web node of step 7 does with its copies, input by input.

use std::time::Duration;

use ch01_sticky_sessions::shop::{Input, Shop};
use ch01_sticky_sessions::step7_affinity_hint::Web;
use ch01_sticky_sessions::types::{
    Action, Address, Answer, Cookies, Item, Jar, Kept, Msg, Seen, Session, SessionId, SetCookie,
    User, Version,
};
use ch01_sticky_sessions::worlds::{LBS, STORE, WEBS};
use lab::node::{Effect, react};

const FRESH: Duration = Duration::from_secs(1);
const ID: SessionId = SessionId(7);

/// A web node, and what it has sent since it was asked last.
struct Desk {
    web: Web,
    sent: Vec<Msg>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { web: Web::new(STORE, FRESH), sent: Vec::new() };
        desk.take(0, Input::Boot { start: 1 });
        desk
    }

    fn take(&mut self, millis: u64, input: Input) {
        let effects = react(&mut self.web, WEBS[0], Duration::from_millis(millis), input);
        self.sent = effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::<Shop>::Send { msg, .. } => Some(msg),
                _ => None,
            })
            .collect();
    }

    fn asked(&mut self, millis: u64, seen: Version, action: Action) {
        self.asked_with(millis, &[Seen { id: ID, version: seen }], action);
    }

    fn asked_with(&mut self, millis: u64, seen: &[Seen], action: Action) {
        let seen = seen.iter().copied().collect();
        let cookies = Cookies { session: Some(ID), seen, ..Cookies::default() };
        let msg = Msg::Request { number: millis, address: Address(1), cookies, action };
        self.take(millis, Input::Message { from: LBS[0], msg });
    }

    /// A look with the cookie of this session.
    fn looked(&mut self, millis: u64, id: SessionId) {
        let cookies = Cookies { session: Some(id), ..Cookies::default() };
        let (address, action) = (Address(1), Action::Look);
        let msg = Msg::Request { number: millis, address, cookies, action };
        self.take(millis, Input::Message { from: LBS[0], msg });
    }

    /// The number of its question to the store, if it asked one.
    fn loads(&self) -> Option<u64> {
        self.sent.iter().find_map(|msg| match msg {
            Msg::Load { number, .. } => Some(*number),
            _ => None,
        })
    }

    fn loaded(&mut self, millis: u64, number: u64, kept: Kept) {
        self.take(millis, Input::Message { from: STORE, msg: Msg::Loaded { number, kept } });
    }

    fn response(&self) -> Option<(&Answer, &[SetCookie])> {
        self.sent.iter().find_map(|msg| match msg {
            Msg::Response { answer, set, .. } => Some((answer, set.as_slice())),
            _ => None,
        })
    }
}

fn session() -> Session {
    Session::new(User::new("alice"))
}

fn kept(version: Version) -> Kept {
    Kept { version, session: Some(session()) }
}

/// A web node that asked the store at 0 ms and was told 100 ms later.
fn with_copy(version: Version) -> Desk {
    let mut desk = Desk::new();
    desk.asked(0, version, Action::Look);
    let number = desk.loads().expect("it has no copy yet");
    desk.loaded(100, number, kept(version));
    desk
}

#[test]
fn a_copy_is_used_until_it_is_too_old_counted_from_the_question() {
    let mut desk = with_copy(3);
    desk.asked(999, 3, Action::Look);
    assert_eq!(desk.response(), Some((&Answer::Cart(session()), &[][..])));
    desk.asked(1_000, 3, Action::Look);
    assert!(desk.loads().is_some());
}

#[test]
fn a_copy_that_is_older_than_what_the_browser_has_seen_is_not_used() {
    let mut desk = with_copy(3);
    desk.asked(200, 4, Action::Look);
    assert!(desk.loads().is_some());
}

#[test]
fn a_browser_is_told_which_version_it_has_seen() {
    let mut desk = Desk::new();
    desk.asked(0, 1, Action::Look);
    let number = desk.loads().expect("it has no copy");
    desk.loaded(1, number, kept(2));
    let seen = |version| Seen { id: ID, version };
    let expected = [SetCookie::Seen(seen(2), 2 * FRESH), SetCookie::Forget(seen(1))];
    assert_eq!(desk.response(), Some((&Answer::Cart(session()), &expected[..])));
}

#[test]
fn an_answer_that_is_late_takes_back_nothing_that_was_seen() {
    let mut jar = Jar::default();
    let now = Duration::from_secs(1);
    for version in [3, 2] {
        jar.keep(&SetCookie::Seen(Seen { id: ID, version }, 2 * FRESH), now);
    }
    // Of another session, whose answer is later still.
    jar.keep(&SetCookie::Seen(Seen { id: SessionId(1), version: 9 }, 2 * FRESH), now);
    let seen: Vec<Seen> = jar.send(now).seen.into_iter().collect();
    let mut desk = with_copy(2);
    desk.asked_with(200, &seen, Action::Look);
    assert!(desk.loads().is_some());
    // Version 9 of another session says nothing about this one.
    let mut desk = with_copy(3);
    desk.asked_with(200, &seen, Action::Look);
    assert_eq!(desk.loads(), None);
    assert_eq!(jar.send(now + 2 * FRESH).seen, [].into());
}

#[test]
fn a_second_answer_to_a_question_is_no_answer_to_the_next_one() {
    let mut desk = Desk::new();
    desk.asked(0, 1, Action::Add(Item::new("boots")));
    let number = desk.loads().expect("it has no copy");
    desk.loaded(1, number, kept(1));
    let saves = |desk: &Desk| desk.sent.iter().any(|msg| matches!(msg, Msg::Save { .. }));
    assert!(saves(&desk));
    desk.loaded(2, number, kept(1));
    assert_eq!(desk.sent, []);
}

#[test]
fn who_signs_in_once_more_is_answered_when_the_session_before_has_ended() {
    let (mut desk, fresh) = (Desk::new(), SessionId(8));
    desk.asked(0, 3, Action::SignIn { user: User::new("alice"), fresh });
    let [Msg::Save { number, id: ID, session: None, expected: None }] = desk.sent[..] else {
        panic!("it ends the session before: {:?}", desk.sent)
    };
    let saved = |number, version| Msg::Saved { number, result: Ok(version) };
    desk.take(1, Input::Message { from: STORE, msg: saved(number, 4) });
    let [Msg::Save { number, id, session: Some(_), expected: Some(0) }] = desk.sent[..] else {
        panic!("it begins the new one: {:?}", desk.sent)
    };
    assert_eq!(id, fresh);
    desk.take(2, Input::Message { from: STORE, msg: saved(number, 1) });
    assert_eq!(desk.response().map(|(answer, _)| answer), Some(&Answer::SignedIn));
}

#[test]
fn copies_that_are_too_old_are_dropped() {
    let mut desk = Desk::new();
    for i in 0..1_000 {
        let at = i * 10;
        desk.looked(at, SessionId(i.into()));
        let number = desk.loads().expect("it has no copy");
        desk.loaded(at, number, kept(1));
    }
    desk.take(10_000, Input::Message { from: LBS[0], msg: Msg::Check });
    // One each 10 ms, for a second.
    assert_eq!(desk.sent, [Msg::Healthy { sessions: 100 }]);
}

#[test]
fn an_answer_to_an_earlier_start_is_no_answer_to_this_one() {
    let mut desk = Desk::new();
    desk.asked(0, 1, Action::Look);
    desk.asked(1, 1, Action::Look);
    let number = desk.loads().expect("it has no copy");
    desk.web = Web::new(STORE, FRESH);
    desk.take(10, Input::Boot { start: 2 });
    desk.asked(20, 1, Action::Look);
    desk.loaded(30, number, kept(1));
    assert_eq!(desk.response(), None);
}

#[test]
fn a_session_that_has_ended_is_not_begun_again() {
    let mut desk = Desk::new();
    desk.asked(0, 0, Action::SignIn { user: User::new("alice"), fresh: ID });
    let number = desk.sent.iter().find_map(|msg| match msg {
        Msg::Save { number, expected: Some(0), .. } => Some(*number),
        _ => None,
    });
    let result = Err(Kept { version: 2, session: None });
    let msg = Msg::Saved { number: number.expect("it saves a new session"), result };
    desk.take(10, Input::Message { from: STORE, msg });
    assert_eq!(desk.response(), Some((&Answer::SignInPage, &[][..])));
}

/// A web node with copies of two sessions of Alice and one of Bob, asked for at 0 ms, 1 ms and 2 ms.
fn with_three_copies() -> Desk {
    let mut desk = Desk::new();
    for (i, user) in ["alice", "alice", "bob"].into_iter().enumerate() {
        desk.looked(i as u64, SessionId(ID.0 + i as u128));
        let number = desk.loads().expect("it has no copy");
        let session = Some(Session::new(User::new(user)));
        desk.loaded(i as u64, number, Kept { version: 1, session });
    }
    desk
}

#[test]
fn who_signs_out_everywhere_is_answered_by_the_store_and_no_copy_of_theirs_is_left_here() {
    let mut desk = with_three_copies();
    desk.asked_with(10, &[], Action::SignOutEverywhere);
    let [Msg::Revoke { number, id: ID }] = desk.sent[..] else {
        panic!("it asks the store: {:?}", desk.sent)
    };
    let user = Some(User::new("alice"));
    desk.take(11, Input::Message { from: STORE, msg: Msg::Revoked { number, user } });
    assert_eq!(desk.response(), Some((&Answer::SignedOut, &[SetCookie::Session(None)][..])));
    let mut needs_store = |i: u64| {
        desk.looked(20 + i, SessionId(ID.0 + u128::from(i)));
        desk.loads().is_some()
    };
    assert_eq!(
        [0, 1, 2].map(&mut needs_store),
        [true, true, false],
        "Bob's copy is as good as before"
    );
}

#[test]
fn who_has_been_signed_out_signs_nobody_out_everywhere() {
    let mut desk = with_three_copies();
    desk.asked(10, 0, Action::SignOutEverywhere);
    let [Msg::Revoke { number, .. }] = desk.sent[..] else { panic!("{:?}", desk.sent) };
    let msg = Msg::Revoked { number, user: None };
    desk.take(11, Input::Message { from: STORE, msg });
    assert_eq!(desk.response(), Some((&Answer::SignInPage, &[][..])));
    // Without a copy, the store says so at once.
    desk.asked(2_000, 0, Action::SignOutEverywhere);
    let number = desk.loads().expect("its copy is too old");
    desk.loaded(2_001, number, Kept { version: 1, session: None });
    assert_eq!(desk.response(), Some((&Answer::SignInPage, &[][..])));
}
