//! What a web node of step 7 does with its copies, input by input.

use std::time::Duration;

use ch01_sticky_sessions::shop::{Input, Shop};
use ch01_sticky_sessions::step7_affinity_hint::Web;
use ch01_sticky_sessions::types::{
    Action, Address, Answer, Cookies, Kept, Msg, Session, SessionId, SetCookie, User, Version,
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
        let cookies = Cookies { session: Some(ID), seen: Some(seen), ..Cookies::default() };
        let msg = Msg::Request { number: millis, address: Address(1), cookies, action };
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
    Session { user: User::new("alice"), cart: [].into() }
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
    let expected = [SetCookie::Seen(Some(2)), SetCookie::Skip(2 * FRESH)];
    assert_eq!(desk.response(), Some((&Answer::Cart(session()), &expected[..])));
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
