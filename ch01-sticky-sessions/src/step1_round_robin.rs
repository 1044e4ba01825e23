//! Step 1: each request goes to the next web node, and each web node keeps its sessions in memory.
//!
//! Both are what comes to mind first. *Round robin* spreads the load as evenly as possible, and a map in
//! memory is the fastest session store there is.
//!
//! What breaks: you sign in at one node, and the next request reaches another, which has never heard of
//! you. With `n` nodes that is what becomes of `n − 1` of `n` requests.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use crate::balancer::{Asked, Backend, Route, up};
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Action, Answer, Cookies, Msg, Session, SessionId, SetCookie};

/// One node after the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RoundRobin;

// ANCHOR: pick
impl Route for RoundRobin {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let up: Vec<usize> = up(pool).collect();
        let turn = asked.turn % up.len().max(1) as u64;
        up.get(turn as usize).copied()
    }
}
// ANCHOR_END: pick

/// A web node that keeps its sessions in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Web {
    sessions: BTreeMap<SessionId, Session>,
}

impl Web {
    // ANCHOR: on_request
    fn on_request(&mut self, cookies: Cookies, action: Action) -> (Answer, Vec<SetCookie>) {
        if let Action::SignIn { user, fresh } = action {
            // The session that this browser had before ends, if it is here.
            self.sessions.retain(|id, _| cookies.session != Some(*id));
            self.sessions.insert(fresh, Session::new(user));
            return (Answer::SignedIn, vec![SetCookie::Session(Some(fresh))]);
        }
        let session = cookies.session.and_then(|id| self.sessions.get_mut(&id));
        let Some(session) = session else { return (Answer::SignInPage, Vec::new()) };
        match action {
            Action::Add(item) if !session.add(item.clone()) => return (Answer::Full, Vec::new()),
            Action::SignOut | Action::SignOutEverywhere => {
                self.sessions.retain(|id, _| cookies.session != Some(*id));
                return (Answer::SignedOut, vec![SetCookie::Session(None)]);
            }
            Action::Add(_) | Action::Look | Action::SignIn { .. } => {}
        }
        (Answer::Cart(session.clone()), Vec::new())
    }
    // ANCHOR_END: on_request

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                let (answer, set) = self.on_request(cookies, action);
                cx.send(from, Msg::Response { number, answer, set });
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: self.sessions.len() as u64 }),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Web {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let sessions = self.sessions.iter().map(|(id, session)| format!("{id} {session}"));
        let sessions: Vec<String> = sessions.collect();
        Summary::of(if sessions.is_empty() { "no session".into() } else { sessions.join("; ") })
    }
}
