//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! One case, and whether what happened is what should.

use super::run::Verdict;

/// What a client can do with its connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connection {
    /// Send another request.
    Kept,
    /// Nothing.
    Closed,
}

/// Bytes to a proxy, and what has to follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// A short sentence.
    pub name: &'static str,
    /// Where the RFCs say so: `9112 3.2`.
    pub section: &'static str,
    /// What the client sends.
    pub sent: String,
    /// What the backend answers, if the request reaches it. It closes after an answer that says so.
    pub answered: &'static str,
    /// The statuses that are right; none if the client has to see the connection end instead.
    pub statuses: Vec<u16>,
    /// What becomes of the connection, if that matters.
    pub connection: Option<Connection>,
    /// Whether the request reaches the backend, if that matters.
    pub reaches: Option<bool>,
    /// What the backend has to see. Names of fields are in small letters.
    pub forwarded: Vec<&'static str>,
    /// What it must not see.
    pub withheld: Vec<&'static str>,
    /// What the client has to see.
    pub shown: Vec<&'static str>,
    /// What it must not see.
    pub hidden: Vec<&'static str>,
}

/// What the backend answers if nothing else is said.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Case {
    /// A request that has to be passed on and answered, on a connection that stays.
    pub(super) fn passed(name: &'static str, section: &'static str, sent: &str) -> Self {
        Self {
            name,
            section,
            sent: sent.to_owned(),
            answered: OK,
            statuses: vec![200],
            connection: Some(Connection::Kept),
            reaches: Some(true),
            forwarded: Vec::new(),
            withheld: Vec::new(),
            shown: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// A request that has to be refused; what follows on the connection cannot be told from it.
    pub(super) fn refused(
        name: &'static str,
        section: &'static str,
        sent: &str,
        statuses: &[u16],
    ) -> Self {
        let (connection, reaches) = (Some(Connection::Closed), Some(false));
        Self {
            statuses: statuses.to_vec(),
            connection,
            reaches,
            ..Self::passed(name, section, sent)
        }
    }

    /// An answer of the backend to a plain GET.
    pub(super) fn answer(
        name: &'static str,
        section: &'static str,
        answered: &'static str,
    ) -> Self {
        Self { answered, ..Self::passed(name, section, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
    }

    pub(super) fn status(self, status: u16) -> Self {
        Self { statuses: vec![status], ..self }
    }

    pub(super) fn connection(self, connection: Option<Connection>) -> Self {
        Self { connection, ..self }
    }

    pub(super) fn reaches(self, reaches: Option<bool>) -> Self {
        Self { reaches, ..self }
    }

    pub(super) fn forwards(self, forwarded: &[&'static str]) -> Self {
        Self { forwarded: forwarded.to_vec(), ..self }
    }

    pub(super) fn withholds(self, withheld: &[&'static str]) -> Self {
        Self { withheld: withheld.to_vec(), ..self }
    }

    pub(super) fn shows(self, shown: &[&'static str]) -> Self {
        Self { shown: shown.to_vec(), ..self }
    }

    pub(super) fn hides(self, hidden: &[&'static str]) -> Self {
        Self { hidden: hidden.to_vec(), ..self }
    }

    /// The answer must not look whole.
    pub(super) fn breaks_off(self) -> Self {
        Self { statuses: Vec::new(), connection: Some(Connection::Closed), ..self }
    }

    /// What is wrong with what happened; empty if nothing is.
    #[must_use]
    pub fn judge(&self, verdict: &Verdict) -> Vec<String> {
        let mut wrong = Vec::new();
        let is_status = match verdict.status {
            Some(status) if verdict.is_whole => self.statuses.contains(&status),
            _ => self.statuses.is_empty(),
        };
        if !is_status {
            let whole = if verdict.is_whole { "" } else { ", broken off" };
            wrong.push(format!("answered {:?}{whole}, not {:?}", verdict.status, self.statuses));
        }
        if self.connection.is_some_and(|connection| connection != verdict.connection) {
            wrong.push(format!("the connection is {:?}", verdict.connection));
        }
        let has_reached = !verdict.reached.is_empty();
        if self.reaches.is_some_and(|reaches| reaches != has_reached) {
            let not = if has_reached { "" } else { "not " };
            wrong.push(format!("it has {not}reached the backend"));
        }
        let seen = [
            ("the backend", &verdict.reached, &self.forwarded, &self.withheld),
            ("the client", &verdict.answer, &self.shown, &self.hidden),
        ];
        for (who, all, wanted, unwanted) in seen {
            let missing = wanted.iter().filter(|part| !all.contains(**part));
            wrong.extend(missing.map(|part| format!("{who} does not see {part:?}")));
            let present = unwanted.iter().filter(|part| all.contains(**part));
            wrong.extend(present.map(|part| format!("{who} sees {part:?}")));
        }
        wrong
    }
}
