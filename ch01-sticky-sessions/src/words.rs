//! How the chapter's nouns read in a log. One line each, in the words of the book.

use std::fmt::{Display, Formatter, Result};

use crate::types::{
    Action, Address, Answer, Cookies, Item, Jar, Kept, Msg, Note, Record, Seen, Session, SessionId,
    SetCookie, Timer, User,
};
use lab::NodeId;

/// The name of a web node, from its id.
fn web(id: NodeId) -> String {
    format!("web-{}", id.0.saturating_sub(crate::worlds::WEBS[0].0 - 1))
}

impl Display for User {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

impl Display for SessionId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "s{}", self.0)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        std::net::Ipv4Addr::from(self.0).fmt(f)
    }
}

/// ` [s1 web-1]`, or nothing where there is no cookie.
impl Display for Cookies {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let session = self.session.map(|session| session.to_string());
        let sealed = self.sealed.as_ref().map(|sealed| format!("sealed {}", sealed.session));
        let own = |seen: &&Seen| Some(seen.id) == self.session;
        let seen = self.seen.iter().rfind(own).map(|seen| format!("v{}", seen.version));
        let affinity = self.affinity.map(web);
        let words = session.into_iter().chain(sealed).chain(seen).chain(affinity);
        let words: Vec<String> = words.collect();
        if words.is_empty() { Ok(()) } else { write!(f, " [{}]", words.join(" ")) }
    }
}

impl Display for Jar {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.cookies().fmt(f)
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::SignIn { user, .. } => write!(f, "sign in {user}"),
            Self::Look => f.write_str("show the cart"),
            Self::Add(item) => write!(f, "add {item}"),
            Self::SignOut => f.write_str("sign out"),
            Self::SignOutEverywhere => f.write_str("sign out everywhere"),
        }
    }
}

impl Display for Session {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.cart.is_empty() {
            return write!(f, "{}: an empty cart", self.user);
        }
        let items: Vec<String> = self.cart.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}", self.user, items.join(", "))
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::SignedIn => f.write_str("signed in"),
            Self::Cart(session) => session.fmt(f),
            Self::SignedOut => f.write_str("signed out"),
            Self::SignInPage => f.write_str("please sign in"),
            Self::Full => f.write_str("the cart is full"),
            Self::Unavailable => f.write_str("unavailable"),
        }
    }
}

impl Display for SetCookie {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Session(Some(session)) => session.fmt(f),
            Self::Session(None) => f.write_str("no session"),
            Self::Affinity(Some(id)) => f.write_str(&web(*id)),
            Self::Affinity(None) => f.write_str("no node"),
            Self::Sealed(Some(sealed)) => write!(f, "sealed {}", sealed.session),
            Self::Sealed(None) => f.write_str("no session"),
            Self::Seen(seen, _) => write!(f, "v{}", seen.version),
            Self::Forget(seen) => write!(f, "(not v{})", seen.version),
        }
    }
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Request { cookies, action, .. } => write!(f, "{action}{cookies}"),
            Self::Response { answer, set, .. } => {
                answer.fmt(f)?;
                let set: Vec<String> = set.iter().map(ToString::to_string).collect();
                if set.is_empty() { Ok(()) } else { write!(f, "; keep {}", set.join(" ")) }
            }
            Self::Check => f.write_str("are you up?"),
            Self::Healthy { sessions } => write!(f, "up; {sessions} sessions"),
            Self::Pool { webs } => {
                let webs: Vec<String> = webs.iter().copied().map(web).collect();
                write!(f, "the nodes are {}", webs.join(", "))
            }
            Self::Load { id, .. } => write!(f, "load {id}"),
            Self::Loaded { kept, .. } => kept.fmt(f),
            Self::Save { id, session, expected, .. } => {
                match session {
                    Some(session) => write!(f, "save {id} {session}")?,
                    None => write!(f, "end {id}")?,
                }
                expected.map_or(Ok(()), |version| write!(f, " if it is v{version}"))
            }
            Self::Saved { result: Ok(version), .. } => write!(f, "saved: v{version}"),
            Self::Saved { result: Err(kept), .. } => write!(f, "not saved: it is {kept}"),
            Self::Revoke { id, .. } => write!(f, "end all sessions of the user of {id}"),
            Self::Revoked { user: Some(user), .. } => {
                write!(f, "all sessions of {user} have ended")
            }
            Self::Revoked { user: None, .. } => f.write_str("this session had ended"),
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Kept(id, kept, _) => write!(f, "{id} is {kept}"),
            Self::Dropped(id) => write!(f, "{id} is dropped"),
            Self::Epoch(user, epoch) => write!(f, "{user} is in epoch {epoch}"),
        }
    }
}

impl Display for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.session {
            Some(session) => write!(f, "v{} {session}", self.version),
            None if self.version == 0 => f.write_str("no session"),
            None => write!(f, "v{} ended", self.version),
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Store(_) => "no answer of the store",
            Self::Retry => "no answer",
            Self::Next => "time for the next",
            Self::Check => "time for a health check",
        })
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Down(id) => write!(f, "{} is taken for down", web(*id)),
            Self::Up(id) => write!(f, "{} is up", web(*id)),
        }
    }
}
