//! The nouns of the chapter: who asks for what, with which cookies, and what processes send each other.
//!
//! Every design uses these words. Read [`Msg`] as the protocol's table of contents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lab::NodeId;
use serde::{Deserialize, Serialize};

// ANCHOR: nouns
/// Names one sign-in, for ever. A browser that has it in a cookie is signed in, so a real one is 128 random
/// bits; in a model it only has to be new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SessionId(pub u128);

/// What a shop keeps about a user who is signed in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub user: User,
    /// What they put into the cart.
    pub cart: BTreeSet<Item>,
    /// The user's epoch when it began: the store sets it, and nobody else does (step 7).
    #[serde(default)]
    pub epoch: Epoch,
}

/// What a browser sends along with each request, because a server asked it to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Cookies {
    /// Set by a web node when a user signs in.
    pub session: Option<SessionId>,
    /// Set by the balancer: the web node that served this browser (steps 3 and 7).
    pub affinity: Option<NodeId>,
    /// Set by a web node: the session itself, sealed (step 6).
    pub sealed: Option<Sealed>,
    /// Set by web nodes, each for a short while: what this browser has seen (step 7).
    pub seen: BTreeSet<Seen>,
}
// ANCHOR_END: nouns

/// How often a session was changed.
pub type Version = u64;
/// How often a user has signed out everywhere: a session that began under a lower one has ended.
pub type Epoch = u64;

/// A version of a session that was shown to a browser. Each is a cookie of its own, with both in its name:
/// an answer that is late adds one, and takes none back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Which session.
    pub id: SessionId,
    /// Which version of it.
    pub version: Version,
}

/// A cart holds so many different things: a session is loaded and saved as a whole.
pub const CART: usize = 100;

impl Session {
    /// A session that has just begun.
    #[must_use]
    pub fn new(user: User) -> Self {
        Self { user, cart: BTreeSet::new(), epoch: 0 }
    }

    /// Puts something into the cart; `false` if it is full.
    pub fn add(&mut self, item: Item) -> bool {
        let fits = self.cart.len() < CART || self.cart.contains(&item);
        if fits {
            self.cart.insert(item);
        }
        fits
    }
}

/// A session in a cookie. The web nodes have sealed it with a key of theirs (AEAD): nobody else can read
/// it, change it or make one. A copy of it is as good as the cookie.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// Which sign-in it is from.
    pub id: SessionId,
    /// What it says.
    pub session: Session,
}

/// The name of a customer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct User(pub Arc<str>);

impl User {
    /// A user from text.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// 32 digits, as in a cookie.
impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        format!("{:032x}", id.0)
    }
}

/// Exactly what [`String::from`] gives: one session has one name.
impl TryFrom<String> for SessionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let id = u128::from_str_radix(&text, 16).ok().map(Self);
        let is_its_name = |id: &Self| String::from(*id) == text;
        id.filter(is_its_name).ok_or_else(|| "a session is named by 32 digits".into())
    }
}

/// Something that the shop sells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub Arc<str>);

impl Item {
    /// An item from text.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// An IPv4 address, as the balancer sees it: many browsers may share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(pub u32);

/// What is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Action {
    /// Sign in, and get a session. The edge that takes the request draws `fresh`, which was never used
    /// before: a node has no random numbers.
    SignIn {
        /// Who.
        user: User,
        /// The name of the new session.
        fresh: SessionId,
    },
    /// Show the cart.
    Look,
    /// Put something into the cart.
    Add(Item),
    /// End the session.
    SignOut,
    /// End all sessions of the user. Designs 1 to 6 know of this one only, and end no other.
    SignOutEverywhere,
}

/// What comes back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Welcome.
    SignedIn,
    /// Whose cart, and what is in it.
    Cart(Session),
    /// The cart is as it was: there are [`CART`] things in it (409).
    Full,
    /// The session is over.
    SignedOut,
    /// This browser has no session here: sign in first (401).
    SignInPage,
    /// No web node can take it now; try again (503).
    Unavailable,
}

/// A cookie that a browser is told to keep from now on, or to forget.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SetCookie {
    /// The session.
    Session(Option<SessionId>),
    /// The web node to go to.
    Affinity(Option<NodeId>),
    /// The session, sealed.
    Sealed(Option<Sealed>),
    /// What this browser has seen, to be kept for so long.
    Seen(Seen, Duration),
    /// What need not be kept any more: the browser has seen more.
    Forget(Seen),
}

impl Cookies {
    /// Does what a server asked for. When a cookie ends by itself is the browser's business.
    pub fn set(&mut self, cookie: &SetCookie) {
        match cookie.clone() {
            SetCookie::Session(session) => self.session = session,
            SetCookie::Affinity(web) => self.affinity = web,
            SetCookie::Sealed(sealed) => self.sealed = sealed,
            SetCookie::Seen(seen, _) => {
                self.seen.insert(seen);
            }
            SetCookie::Forget(seen) => {
                self.seen.remove(&seen);
            }
        }
    }

    /// Which sign-in these cookies are from.
    #[must_use]
    pub fn sign_in(&self) -> Option<SessionId> {
        self.session.or(self.sealed.as_ref().map(|sealed| sealed.id))
    }
}

/// Where a browser keeps its cookies, and when those end that are for a short while.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Jar {
    cookies: Cookies,
    /// By the browser's clock.
    ends: BTreeMap<Seen, Duration>,
}

impl Jar {
    /// Does what a server asked for.
    pub fn keep(&mut self, cookie: &SetCookie, now: Duration) {
        self.cookies.set(cookie);
        if let SetCookie::Seen(seen, lasts) = cookie {
            self.ends.insert(*seen, now + *lasts);
        }
    }

    /// All of them, those that have ended as well.
    #[must_use]
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// What goes along with a request.
    pub fn send(&mut self, now: Duration) -> Cookies {
        self.ends.retain(|_, end| now < *end);
        self.cookies.seen.retain(|seen| self.ends.contains_key(seen));
        self.cookies.clone()
    }
}

/// All messages. The comment tells who sends it to whom, and what receiving it entitles you to.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Browser → balancer, and balancer → web node with a number of its own. Sent again until answered.
    Request { number: u64, address: Address, cookies: Cookies, action: Action },
    /// Web node → balancer → browser: the answer to the request of this number.
    Response { number: u64, answer: Answer, set: Vec<SetCookie> },
    /// Balancer → web node: a health check.
    Check,
    /// Web node → balancer: "I am up, and so many sessions are here." A balancer may send it requests.
    Healthy { sessions: u64 },
    /// Operator → balancer: these are the web nodes from now on.
    Pool { webs: Vec<NodeId> },

    /// Web node → store: "what is this session?" (from step 5 on). `number` is the web node's own.
    Load { number: u64, id: SessionId },
    /// Store → web node: this, as it was at some moment since the request was sent.
    Loaded { number: u64, kept: Kept },
    /// Web node → store: keep this; `None` is a session that has ended. `expected`: only if the session
    /// still has this version (step 7).
    Save { number: u64, id: SessionId, session: Option<Session>, expected: Option<Version> },
    /// Store → web node: saved, under this version, and durable; or, if another version was there than
    /// the one that was expected, not saved: this is what is there.
    Saved { number: u64, result: Result<Version, Kept> },
    /// Web node → store: end all sessions that the user of this one has begun so far (step 7).
    Revoke { number: u64, id: SessionId },
    /// Store → web node: those of this user have ended, and that is durable. `None`: the session had ended
    /// already, so it ends no other.
    Revoked { number: u64, user: Option<User> },
}

/// What a store has under the name of a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Counts the changes; 0 for a session that never was. It goes on counting when a session has ended.
    pub version: Version,
    /// `None`: it never was, or has ended.
    pub session: Option<Session>,
}

/// What survives a crash: what the store keeps. Web nodes and the balancer have no disk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The store keeps this under the name of that session, since that time of its clock.
    Kept(SessionId, Kept, Duration),
    /// Nothing is kept under that name any more: it is too long ago.
    Dropped(SessionId),
    /// The user's epoch is this one from now on.
    Epoch(User, Epoch),
}

/// What nodes wait for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Browser: no answer yet; try again.
    Retry,
    /// Browser or operator: time for the next thing to do.
    Next,
    /// Balancer: time for health checks.
    Check,
    /// Web node: the store has not answered (from step 5 on).
    Store(u64),
}

/// Facts that no message and no record shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Note {
    /// The balancer sends this web node nothing any more: it did not answer a health check.
    Down(NodeId),
    /// The balancer sends this web node requests again.
    Up(NodeId),
}

/// How long nodes wait, as ranges that the driver draws from.
pub mod wait {
    use std::ops::Range;
    use std::time::Duration;

    const fn millis(from: u64, to: u64) -> Range<Duration> {
        Duration::from_millis(from)..Duration::from_millis(to)
    }

    /// Before a browser tries again.
    pub const RETRY: Range<Duration> = millis(500, 1_000);
    /// Between two things that a browser does.
    pub const NEXT: Range<Duration> = millis(100, 200);
    /// For an answer of the store, before a web node gives up.
    pub const STORE: Range<Duration> = millis(400, 500);
    /// A session that was not changed for so long has ended, and the store drops it.
    pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
    /// For this long a web node may use its copy of a session, in the worlds of this chapter (step 7).
    pub const FRESH: Duration = Duration::from_millis(300);
    /// The same in the running shop, and on the scoreboard.
    pub const FRESH_IN_SHOP: Duration = Duration::from_secs(5);
    /// Between two health checks. A web node that has not answered the last one is taken for down.
    pub const CHECK: Range<Duration> = millis(100, 110);
}
