//! Session guarantees: what a browser may rely on, judged from a history of what it asked and was told.
//!
//! | name | says |
//! |---|---|
//! | *read your writes* | a cart has in it what this session was told is there, before the cart was asked for |
//! | *monotonic reads* | a cart has in it what an earlier cart of this session had |
//! | *revocation is final* | after a sign-out was acknowledged, and a stated time later, no cart of that session is shown; after one from everywhere, of no session that its user had begun |
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
#[cfg(test)]
mod tests;

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
    /// Ends all sessions of the user.
    SignOutEverywhere,
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
    /// Of a sign-in: who, if that is known.
    pub user: String,
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

/// Who has begun which sessions.
struct Users<'a> {
    /// The sign-ins that were done, by user.
    begun: BTreeMap<&'a str, Vec<&'a Visit>>,
    /// By session.
    names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Users<'a> {
    fn of(visits: &'a [Visit]) -> Self {
        let (mut begun, mut names) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        let done = |visit: &&Visit| visit.deed == Deed::SignIn && visit.told == Told::Done;
        for visit in visits.iter().filter(done).filter(|visit| !visit.user.is_empty()) {
            begun.entry(&*visit.user).or_default().push(visit);
            names.insert(&*visit.session, &*visit.user);
        }
        Self { begun, names }
    }

    /// The sessions that a visit asks to end: its own, and of those of its user the ones that may count.
    fn ended_by(&self, visit: &'a Visit, may: impl Fn(&Visit) -> bool) -> Vec<&'a str> {
        let own = matches!(visit.deed, Deed::SignOut | Deed::SignOutEverywhere);
        let user = self.names.get(&*visit.session);
        let user = user.filter(|_| visit.deed == Deed::SignOutEverywhere);
        let all = user.and_then(|user| self.begun.get(user)).into_iter().flatten();
        let others = all.filter(|begun| begun.session != visit.session && may(begun));
        own.then_some(&*visit.session)
            .into_iter()
            .chain(others.map(|begun| &*begun.session))
            .collect()
    }
}

/// Judges a history, given in the order in which requests were answered.
///
/// # Errors
/// A session has more than [`MOST_ITEMS`] things.
pub fn judge(visits: &[Visit]) -> Result<Findings, TooMany> {
    let mut sessions: BTreeMap<&str, Session> = BTreeMap::new();
    let users = Users::of(visits);
    for visit in visits {
        // What was not answered may be done at any time.
        let is_open = visit.told == Told::Unknown;
        for ending in users.ended_by(visit, |begun| is_open || begun.asked < visit.answered) {
            let session = sessions.entry(ending).or_default();
            session.ending = Some(session.ending.map_or(visit.asked, |at| at.min(visit.asked)));
        }
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
            let visit = &visits[told];
            sessions.entry(&visit.session).or_default().learn(told, visit)?;
            if visit.told == Told::Done {
                for ended in users.ended_by(visit, |begun| begun.answered < visit.asked) {
                    let session = sessions.entry(ended).or_default();
                    session.ended.get_or_insert((visit.answered, told));
                }
            }
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
            (deed, Told::Cart(cart)) if !visit.is_copied => {
                if let Deed::Add(item) = deed {
                    self.added.entry(item.clone()).or_insert(at);
                }
                for item in cart {
                    self.shown.entry(item.clone()).or_insert(at);
                }
            }
            (
                Deed::SignIn | Deed::SignOut | Deed::SignOutEverywhere | Deed::Look | Deed::Add(_),
                _,
            ) => {}
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
