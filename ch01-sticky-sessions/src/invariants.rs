//! What has to be true, whatever happens.
//!
//! | name | says |
//! |---|---|
//! | SIGNED | who has signed in, and not out again, is not asked to sign in |
//! | CART | a cart that is shown has in it what was put there before it was asked for |
//! | OWN | no user is shown the cart of another user |
//! | OUT | who has signed out, or in again, has ended the session: no copy of the old cookies shows it again |
//!
//! CART and SIGNED are session guarantees (Terry et al. 1994, *Session Guarantees for Weakly Consistent
//! Replicated Data*): *read your writes* and, with it, *monotonic reads*. They are judged by what one
//! browser is shown, and by nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lab::world::{Event, World};
use lab::{Node, NodeId};

use crate::browser::ELSEWHERE;
use crate::shop::Shop;
use crate::types::{Action, Answer, Item, Msg, SessionId, User};
use crate::worlds::BROWSERS;

/// What only an observer of all browsers can see.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ledger {
    browsers: BTreeMap<NodeId, Browsing>,
    /// Whose session it is.
    users: BTreeMap<SessionId, User>,
    /// Sessions whose end was acknowledged.
    ended: BTreeSet<SessionId>,
    /// The first who was asked to sign in, and had no reason to expect it.
    forced: Option<String>,
    /// The first cart that lacked something.
    lost: Option<String>,
    /// The first cart of a session that had ended.
    back: Option<String>,
    /// The first cart that was another user's.
    foreign: Option<String>,
    /// Whether a cart was shown.
    shown: bool,
}

/// What one browser was told so far.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Browsing {
    /// Its session.
    session: Option<SessionId>,
    /// What was put into the cart since, and acknowledged.
    cart: BTreeSet<Item>,
    /// Requests under way, by number.
    open: BTreeMap<u64, Open>,
}

/// A request under way, and what was true when it began.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Open {
    action: Action,
    /// What its cookies say.
    session: Option<SessionId>,
    /// Whether they were copied, and a thief uses them.
    is_copied: bool,
    cart: BTreeSet<Item>,
    had_ended: bool,
}

/// A world of the chapter.
pub type ShopWorld = World<Shop, Ledger>;

/// Folds what happens into the ledger.
pub fn observe(ledger: &mut Arc<Ledger>, at: NodeId, event: &Event<'_, Shop>) {
    if !BROWSERS.contains(&at) {
        return;
    }
    match event {
        Event::Send(envelope) => {
            if let Msg::Request { number, cookies, action, address } = &envelope.msg
                && !ledger.waits_for(at, *number)
            {
                let is_copied = *address == ELSEWHERE;
                Arc::make_mut(ledger).asked(at, *number, action, (cookies.sign_in(), is_copied));
            }
        }
        Event::Receive(envelope) => {
            if let Msg::Response { number, answer, .. } = &envelope.msg
                && ledger.waits_for(at, *number)
                && *answer != Answer::Unavailable
            {
                Arc::make_mut(ledger).answered(at, *number, answer);
            }
        }
        _ => {}
    }
}

/// Whether this ends the session that a browser has.
fn ends(action: &Action) -> bool {
    matches!(action, Action::SignOut | Action::SignOutEverywhere | Action::SignIn { .. })
}

impl Ledger {
    fn waits_for(&self, browser: NodeId, number: u64) -> bool {
        self.browsers.get(&browser).is_some_and(|browsing| browsing.open.contains_key(&number))
    }

    fn asked(
        &mut self,
        at: NodeId,
        number: u64,
        action: &Action,
        (session, is_copied): (Option<SessionId>, bool),
    ) {
        let had_ended = session.is_some_and(|session| self.ended.contains(&session));
        let browsing = self.browsers.entry(at).or_default();
        let (action, cart) = (action.clone(), browsing.cart.clone());
        browsing.open.insert(number, Open { action, session, is_copied, cart, had_ended });
    }

    fn answered(&mut self, at: NodeId, number: u64, answer: &Answer) {
        let browsing = self.browsers.entry(at).or_default();
        let open = browsing.open.remove(&number).expect("it waits for this answer");
        // What belongs to a session that is over, or was given up meanwhile, says nothing about this one.
        let is_own = open.session.is_some() && open.session == browsing.session && !open.is_copied;
        let is_ending = browsing.open.values().any(|other| ends(&other.action));
        match answer {
            Answer::SignedIn => {
                if let Action::SignIn { fresh, user } = open.action {
                    self.users.insert(fresh, user);
                    // Who signs in again has left the session before.
                    self.ended.extend(open.session.filter(|before| *before != fresh));
                    (browsing.session, browsing.cart) = (Some(fresh), BTreeSet::new());
                }
            }
            Answer::SignedOut => {
                self.ended.extend(open.session);
                (browsing.session, browsing.cart) = (None, BTreeSet::new());
            }
            Answer::SignInPage if is_own && !is_ending => {
                let why =
                    format!("a user is signed in, and `{}` is answered: {answer}", open.action);
                self.forced.get_or_insert(why);
                (browsing.session, browsing.cart) = (None, BTreeSet::new());
            }
            Answer::Cart(session) => {
                self.shown = true;
                let user = open.session.and_then(|session| self.users.get(&session));
                if user != Some(&session.user) {
                    self.foreign.get_or_insert(format!("a user is shown the cart of {session}"));
                }
                if open.had_ended {
                    let why = format!("a session has ended, and its cart is shown: {session}");
                    self.back.get_or_insert(why);
                } else if is_own {
                    if let Some(missing) = open.cart.difference(&session.cart).next() {
                        let why = format!(
                            "{missing} was put into the cart, and a later page is: {session}"
                        );
                        self.lost.get_or_insert(why);
                    }
                    if let Action::Add(item) = open.action {
                        browsing.cart.insert(item);
                    }
                }
            }
            Answer::SignInPage | Answer::Full | Answer::Unavailable => {}
        }
    }
}

/// SIGNED: who has signed in, and not out again, is not asked to sign in.
///
/// # Errors
/// What was asked for, and what was shown.
pub fn signed(world: &ShopWorld) -> Result<(), String> {
    world.ghost().forced.clone().map_or(Ok(()), Err)
}

/// CART: a cart that is shown has in it what was put there before it was asked for.
///
/// # Errors
/// What is missing.
pub fn cart(world: &ShopWorld) -> Result<(), String> {
    world.ghost().lost.clone().map_or(Ok(()), Err)
}

/// OUT: who has signed out stays signed out.
///
/// # Errors
/// What was shown.
pub fn out(world: &ShopWorld) -> Result<(), String> {
    world.ghost().back.clone().map_or(Ok(()), Err)
}

/// OWN: no user is shown the cart of another user.
///
/// # Errors
/// What was shown.
pub fn own(world: &ShopWorld) -> Result<(), String> {
    world.ghost().foreign.clone().map_or(Ok(()), Err)
}

/// Whether a cart was shown.
#[must_use]
pub fn something_is_shown(world: &ShopWorld) -> bool {
    world.ghost().shown
}

/// Whether every browser has all its answers.
#[must_use]
pub fn settled(world: &ShopWorld) -> bool {
    world.nodes().all(|(_, node)| node.summary().is_done)
}
