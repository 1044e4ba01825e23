//! Step 2: a request id in every message.
//!
//! `lb` gives each request an id, each process passes it on and writes it into its lines. Now one search
//! finds all lines of a request, wherever the id arrived. What caused what is not in them: that is guessed
//! from the times, as before, among fewer lines. And where work leaves its request, in a queue that is
//! written as one batch or in a log that another process reads, there is no one id to pass on.
//!
//! # Left out
//!
//! Ids of several requests in one line: that is what step 3's links are, without the causes.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::types::Kind;
use crate::workload::judge::Found;
use crate::workload::{Arrived, Run, Seen};

/// Names a request. Given by `lb`, never by a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestId(pub u64);

// ANCHOR: pass_on
/// The id that a piece of work has, and passes on.
#[must_use]
pub fn pass_on(arrived: &Arrived<'_, Option<RequestId>>, fresh: RequestId) -> Option<RequestId> {
    match arrived {
        Arrived::Edge => Some(fresh),
        Arrived::Call(id) => **id,
        // The flush is for many requests, and an entry of the log has no place for an id.
        Arrived::Batch(_) | Arrived::Log(_) => None,
    }
}
// ANCHOR_END: pass_on

/// The id in each line of a run.
#[must_use]
pub fn ids(run: &Run) -> Vec<Option<RequestId>> {
    let mut next = 0;
    run.carry(|_, arrived| {
        next += 1;
        pass_on(&arrived, RequestId(next))
    })
}

// ANCHOR: guess
/// Which line of one request caused this one, as far as times tell. `before` has those that began
/// earlier, and whether each of them, if it is a call, has its other end.
#[must_use]
pub fn guess(
    log: &[Seen],
    before: &[usize],
    taken: &BTreeSet<usize>,
    line: &Seen,
) -> Option<usize> {
    let spans = |place: &&usize| log[**place].start <= line.start && line.end <= log[**place].end;
    let around = before.iter().filter(spans);
    if line.kind == Kind::Server {
        // Of the calls that were under way all the time: in their order.
        let call = |at: &Seen| at.kind == Kind::Client && at.what == line.what;
        let ends = |at: &Seen| Some(at.process) == line.peer && at.peer == Some(line.process);
        let mut calls = around.filter(|place| call(&log[**place]) && ends(&log[**place]));
        return calls.find(|place| !taken.contains(place)).copied();
    }
    // Of the work that may cause this: what began last.
    let may = |at: &Seen| at.kind != Kind::Client && line.what.caused_by().contains(&at.what);
    let same = |at: &Seen| at.process == line.process && at.start <= line.start;
    before.iter().rev().find(|place| may(&log[**place]) && same(&log[**place])).copied()
}
// ANCHOR_END: guess

/// What this design says about a run.
#[must_use]
pub fn found(run: &Run) -> Found {
    let ids = ids(run);
    let places = run.by_time();
    let log: Vec<Seen> = run.works.iter().map(|work| work.seen).collect();
    let mut requests: BTreeMap<RequestId, (Vec<usize>, BTreeSet<usize>)> = BTreeMap::new();
    let mut found = vec![Vec::new(); places.len()];
    for place in places {
        let Some(id) = ids[place] else { continue };
        let (before, taken) = requests.entry(id).or_default();
        if let Some(cause) = guess(&log, before, taken, &log[place]) {
            taken.insert(cause);
            found[place].push(cause);
        }
        before.push(place);
    }
    found
}

/// The most bytes that are kept of an id that a client chose.
pub const MAX_CLIENT_ID: usize = 64;

/// An id that a client chose: worth writing down beside ours, never in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientId(String);

/// Why the id of a client is not written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BadClientId {
    /// There is nothing in it.
    #[error("the request id is empty: leave the header out instead")]
    Empty,
    /// It is too long.
    #[error("the request id has {0} bytes: send at most {MAX_CLIENT_ID}")]
    TooLong(usize),
    /// A byte in it could end a line, or begin another field.
    #[error("byte {at} of the request id is {byte:#04x}: use letters, digits, `-`, `_` and `.`")]
    BadByte {
        /// Where.
        at: usize,
        /// Which.
        byte: u8,
    },
}

impl ClientId {
    // ANCHOR: client_id
    /// Looks at what a client sent as `X-Request-ID`.
    ///
    /// # Errors
    /// It could forge a line of the log, or fill it.
    pub fn parse(header: &[u8]) -> Result<Self, BadClientId> {
        if header.is_empty() {
            return Err(BadClientId::Empty);
        }
        if header.len() > MAX_CLIENT_ID {
            return Err(BadClientId::TooLong(header.len()));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match header.iter().position(|byte| !plain(*byte)) {
            Some(at) => Err(BadClientId::BadByte { at, byte: header[at] }),
            None => Ok(Self(header.iter().map(|byte| char::from(*byte)).collect())),
        }
    }
    // ANCHOR_END: client_id

    /// As it may be written into a line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
