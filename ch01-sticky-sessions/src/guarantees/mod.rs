//! Session guarantees: what a browser may rely on, judged from a history of what it asked and was told.
//!
//! | name | says |
//! |---|---|
//! | *read your writes* | a cart has in it what this session was told is there, before the cart was asked for |
//! | *monotonic reads* | a cart has in it what an earlier cart of this session had |
//! | *revocation is final* | after a sign-out was acknowledged, and a stated time later, no cart of that session is shown |
//!
//! The first two are from Terry et al. 1994 (*Session Guarantees for Weakly Consistent Replicated Data*);
//! things are only put into a cart here, never taken out, so both are a matter of subsets. A history can
//! be of anything that keeps carts: the checker sees requests and answers only.
//!
//! # Left out
//!
//! What happens between sessions. A user who has to sign in anew begins with an empty cart: that is
//! counted as a sign-in page, and breaks no guarantee of the new session. Writes of other users: a
//! session has one.

#[cfg(feature = "study")]
pub mod history;

use std::collections::{BTreeMap, BTreeSet};

use crate::types::Item;

/// How many different things a session may have in a history.
pub const MOST_ITEMS: usize = 200;

/// What a request is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Deed {
    /// Begins a session.
    SignIn,
    /// Shows the cart.
    Look,
    /// Puts something into the cart.
    Add(Item),
    /// Ends the session.
    SignOut,
}

/// How it was answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// With a cart.
    Cart(BTreeSet<Item>),
    /// It is done: signed in, or signed out.
    Done,
    /// With the sign-in page.
    SignInPage,
    /// Not at all, or with an error: it may be done or not.
    Unknown,
}

/// One request with its answer. Times count from the beginning of the history.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Visit {
    /// When it was asked.
    pub asked: u64,
    /// When it was answered.
    pub answered: u64,
    /// The session of the cookies that it was asked with; of a sign-in, the session that it began.
    pub session: String,
    /// What for.
    pub deed: Deed,
    /// Whether its cookies were copied from the browser that has the session.
    pub is_copied: bool,
    /// The answer.
    pub told: Told,
}

/// One thing that a history shows, and the visit that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding<T> {
    /// The visit, by its place in the history.
    pub at: usize,
    /// The earlier visit that it contradicts.
    pub since: usize,
    /// What.
    pub what: T,
}

/// What a history shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Added, acknowledged, and absent from a later cart, each thing once: not *read your writes*.
    pub unread: Vec<Finding<Item>>,
    /// Shown, and absent from a later cart, each thing once: not *monotonic reads*.
    pub unseen: Vec<Finding<Item>>,
    /// Carts of sessions whose end was acknowledged before: so much later were they asked for.
    pub revoked: Vec<Finding<u64>>,
    /// Sign-in pages for a session that was not ended.
    pub forced: Vec<usize>,
}

impl Findings {
    /// The longest time after the end of a session at which it could still be used.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.revoked.iter().map(|late| late.what).max().unwrap_or(0)
    }
}

/// A session has more things than any cart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TooMany {
    /// The visit.
    pub at: usize,
}

/// What one session was told so far, with the visit that told it.
#[derive(Default)]
struct Session {
    added: BTreeMap<Item, usize>,
    shown: BTreeMap<Item, usize>,
    /// Reported already.
    missed: BTreeSet<Item>,
    missed_shown: BTreeSet<Item>,
    begun: bool,
    /// When its end was first asked for, and the visit that was told of it first.
    ending: Option<u64>,
    ended: Option<(u64, usize)>,
}

/// Judges a history, given in the order in which requests were answered.
///
/// # Errors
/// A session has more than [`MOST_ITEMS`] things.
pub fn judge(visits: &[Visit]) -> Result<Findings, TooMany> {
    let mut sessions: BTreeMap<&str, Session> = BTreeMap::new();
    for visit in visits.iter().filter(|visit| visit.deed == Deed::SignOut) {
        let session = sessions.entry(&visit.session).or_default();
        session.ending = Some(session.ending.map_or(visit.asked, |at| at.min(visit.asked)));
    }
    // A cart is held against what was told before it was asked for: asked last, judged last.
    let mut asked: Vec<usize> = (0..visits.len()).collect();
    asked.sort_by_key(|at| visits[*at].asked);
    let mut answered: Vec<usize> = (0..visits.len()).collect();
    answered.sort_by_key(|at| visits[*at].answered);
    let mut answered = answered.into_iter().peekable();
    let mut findings = Findings::default();
    for at in asked {
        let visit = &visits[at];
        while let Some(told) = answered.next_if(|told| visits[*told].answered < visit.asked) {
            let session = sessions.entry(&visits[told].session).or_default();
            session.learn(told, &visits[told])?;
        }
        sessions.entry(&visit.session).or_default().hold(at, visit, &mut findings);
    }
    Ok(findings)
}

impl Session {
    /// From now on it was told this.
    fn learn(&mut self, at: usize, visit: &Visit) -> Result<(), TooMany> {
        match (&visit.deed, &visit.told) {
            (Deed::SignIn, Told::Done) => self.begun = true,
            (Deed::SignOut, Told::Done) => {
                self.ended.get_or_insert((visit.answered, at));
            }
            (deed, Told::Cart(cart)) if !visit.is_copied => {
                if let Deed::Add(item) = deed {
                    self.added.entry(item.clone()).or_insert(at);
                }
                for item in cart {
                    self.shown.entry(item.clone()).or_insert(at);
                }
            }
            (Deed::SignIn | Deed::SignOut | Deed::Look | Deed::Add(_), _) => {}
        }
        let is_small = self.added.len().max(self.shown.len()) <= MOST_ITEMS;
        if is_small { Ok(()) } else { Err(TooMany { at }) }
    }

    /// Holds an answer against what was told before it was asked for.
    fn hold(&mut self, at: usize, visit: &Visit, findings: &mut Findings) {
        match &visit.told {
            Told::SignInPage => {
                let is_ending = self.ending.is_some_and(|ending| ending <= visit.answered);
                if self.begun && !is_ending && !visit.is_copied {
                    findings.forced.push(at);
                }
            }
            Told::Cart(cart) => {
                if !visit.is_copied {
                    missing(&self.added, cart, &mut self.missed, at, &mut findings.unread);
                    missing(&self.shown, cart, &mut self.missed_shown, at, &mut findings.unseen);
                }
                if let Some((ended, since)) = self.ended {
                    findings.revoked.push(Finding { at, since, what: visit.asked - ended });
                }
            }
            Told::Done | Told::Unknown => {}
        }
    }
}

/// What was told and is not in the cart, each thing once.
fn missing(
    told: &BTreeMap<Item, usize>,
    cart: &BTreeSet<Item>,
    missed: &mut BTreeSet<Item>,
    at: usize,
    findings: &mut Vec<Finding<Item>>,
) {
    for (item, &since) in told.iter().filter(|(item, _)| !cart.contains(*item)) {
        if missed.insert(item.clone()) {
            findings.push(Finding { at, since, what: item.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart(items: &[&str]) -> Told {
        Told::Cart(items.iter().map(|item| Item::new(item)).collect())
    }

    fn add(item: &str) -> Deed {
        Deed::Add(Item::new(item))
    }

    /// Visits of one session, each answered 2 after it was asked.
    fn judged(visits: &[(u64, Deed, Told)]) -> Findings {
        let visit = |(asked, deed, told): &(u64, Deed, Told)| Visit {
            asked: *asked,
            answered: asked + 2,
            session: "s1".into(),
            deed: deed.clone(),
            is_copied: false,
            told: told.clone(),
        };
        judge(&visits.iter().map(visit).collect::<Vec<_>>()).expect("a small cart")
    }

    #[test]
    fn a_clean_history_shows_nothing() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, add("boots"), cart(&["boots"])),
            // Asked while another one is under way: either may be first.
            (20, add("candle"), cart(&["boots", "candle"])),
            (21, Deed::Look, cart(&["boots"])),
            (30, Deed::Look, cart(&["boots", "candle"])),
            (40, Deed::Look, Told::Unknown),
            (50, Deed::SignOut, Told::Done),
            (60, Deed::Look, Told::SignInPage),
        ]);
        assert_eq!(found, Findings::default());
    }

    #[test]
    fn a_cart_without_what_was_added_before_is_not_read_your_writes() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, add("boots"), cart(&["boots"])),
            (20, Deed::Look, cart(&[])),
            (30, Deed::Look, cart(&[])),
        ]);
        let missing = Finding { at: 2, since: 1, what: Item::new("boots") };
        assert_eq!(found.unread, [missing]);
    }

    #[test]
    fn a_cart_that_is_older_than_one_before_is_not_monotonic() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, Deed::Look, cart(&["boots"])),
            (20, Deed::Look, cart(&[])),
        ]);
        let missing = Finding { at: 2, since: 1, what: Item::new("boots") };
        assert_eq!((found.unread, found.unseen), (vec![], vec![missing]));
    }

    #[test]
    fn a_cart_after_a_sign_out_is_late_by_as_long() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, Deed::SignOut, Told::Done),
            // Under way when the session ended.
            (11, Deed::Look, cart(&[])),
            (20, Deed::Look, cart(&[])),
            (30, Deed::Look, Told::SignInPage),
        ]);
        assert_eq!(found.revoked, [Finding { at: 3, since: 1, what: 8 }]);
        assert_eq!(found.lag(), 8);
    }

    #[test]
    fn a_cart_after_a_sign_out_is_held_against_what_was_added_too() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, add("boots"), cart(&["boots"])),
            (20, Deed::SignOut, Told::Done),
            (30, Deed::Look, cart(&[])),
        ]);
        let missing = Finding { at: 3, since: 1, what: Item::new("boots") };
        assert_eq!((found.unread, found.unseen), (vec![missing.clone()], vec![missing]));
        assert_eq!(found.revoked, [Finding { at: 3, since: 2, what: 8 }]);
    }

    #[test]
    fn a_sign_in_page_for_an_open_session_is_forced() {
        let found = judged(&[
            (0, Deed::SignIn, Told::Done),
            (10, Deed::Look, Told::SignInPage),
            (20, Deed::SignOut, Told::SignInPage),
        ]);
        assert_eq!(found.forced, [1]);
    }

    #[test]
    fn a_session_with_more_than_any_cart_is_refused() {
        let items: Vec<String> = (0..=MOST_ITEMS).map(|i| i.to_string()).collect();
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let visit = |asked, told| Visit {
            asked,
            answered: asked,
            session: "s1".into(),
            deed: Deed::Look,
            is_copied: false,
            told,
        };
        let visits = [visit(0, cart(&items)), visit(1, cart(&items))];
        assert_eq!(judge(&visits), Err(TooMany { at: 0 }));
    }
}
