//! Step 6: the session travels in the cookie itself, sealed with a key that all web nodes have.
//!
//! No store, no memory, no affinity: any web node that gets the request can open the cookie. A signed token such as a
//! JWT is the same idea with a readable content; the failures are the same.
//!
//! What breaks: signing out deletes a cookie, and a copy of it still opens. Two requests at once each send
//! the cart back as they know it, and the browser keeps the last. And a browser may hold an older cookie
//! for a newer one: nobody can tell.

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Action, Answer, Cookies, Msg, Sealed, Session, SetCookie};

/// A web node that has a key, and nothing else.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Web;

impl Web {
    // ANCHOR: on_request
    fn on_request(cookies: Cookies, action: Action) -> (Answer, Vec<SetCookie>) {
        let seal = |sealed: Option<Sealed>| vec![SetCookie::Sealed(sealed)];
        if let Action::SignIn { user, fresh } = action {
            let session = Session::new(user);
            return (Answer::SignedIn, seal(Some(Sealed { id: fresh, session })));
        }
        let Some(mut sealed) = cookies.sealed else { return (Answer::SignInPage, Vec::new()) };
        match action {
            Action::Add(item) if !sealed.session.add(item.clone()) => (Answer::Full, Vec::new()),
            Action::Add(_) => (Answer::Cart(sealed.session.clone()), seal(Some(sealed))),
            Action::SignOut | Action::SignOutEverywhere => (Answer::SignedOut, seal(None)),
            Action::Look | Action::SignIn { .. } => (Answer::Cart(sealed.session), Vec::new()),
        }
    }
    // ANCHOR_END: on_request

    fn on_message(from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                let (answer, set) = Self::on_request(cookies, action);
                cx.send(from, Msg::Response { number, answer, set });
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: 0 }),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Web {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg } => Self::on_message(from, msg, cx),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of("keeps nothing")
    }
}
