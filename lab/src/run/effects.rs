//! What a step asks for, carried out: at once, or when the records before it are durable.
//!
//! # Left out
//!
//! Sending again: a message that is dropped here is lost, as on any network.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::clients::server_of;
use super::config::Fatal;
use super::context::{Context, MAX_CONTEXT};
use super::event_loop::EventLoop;
use super::frame::Head;
use super::inbox::{Arrival, Origin, Reply};
use super::postcards;
use super::timers::draw;
use super::tracer::Done;
use super::wal::MAX_ENTRY;
use crate::event::Kind;
use crate::{Effect, MAX_RECORD, NodeId, Protocol};

/// An effect that waits for the disk.
pub(super) enum Held<P: Protocol> {
    Send(Outgoing<P>),
    /// For the event log, which may say that this record is durable now.
    Persist {
        text: String,
        cause: u64,
    },
    /// For the event log as well: the snapshot is complete.
    Discard {
        cause: u64,
    },
    /// For observers: what is noted rests on the records before it.
    Note {
        note: P::Note,
        cause: u64,
        context: Context,
    },
    /// For a tracer: all that an input caused leaves with what is flushed next.
    End {
        context: Context,
        done: Done,
    },
}

pub(super) struct Outgoing<P: Protocol> {
    to: NodeId,
    msg: P::Msg,
    cause: u64,
    context: Context,
}

impl<P: Protocol> EventLoop<P> {
    pub(super) fn carry_out(
        &mut self,
        effect: Effect<P>,
        cause: u64,
        context: &Context,
    ) -> Result<(), Fatal> {
        match effect {
            Effect::Send { to, msg } => {
                self.hold(Held::Send(Outgoing { to, msg, cause, context: *context }));
            }
            Effect::SendAhead { to, msg } => {
                self.send(Outgoing { to, msg, cause, context: *context });
            }
            Effect::Persist(record) => {
                self.entry.clear();
                entry(context, &record, &mut self.entry)?;
                self.log.append(&self.entry)?;
                self.counters.records.fetch_add(1, Relaxed);
                self.hold(Held::Persist { text: self.recorder.words(&record), cause });
            }
            Effect::Mark(mark) => self.mark = Some((mark, self.log.mark())),
            Effect::DiscardBefore(mark) => {
                let open = self.mark.take().filter(|(open, _)| *open == mark);
                let (_, place) =
                    open.expect("a node discards before its newest mark, and only once");
                self.log.discard_before(place);
                self.hold(Held::Discard { cause });
            }
            Effect::SetTimer { timer, after } => {
                self.timers.set(timer, Instant::now() + draw(&mut self.rng, &after));
            }
            Effect::CancelTimer(timer) => self.timers.cancel(&timer),
            Effect::Connect { peer, address } => self.connect(peer, &address),
            Effect::Disconnect(peer) => self.network.remove(peer),
            Effect::Note(note) => {
                self.hold(Held::Note { note, cause, context: *context });
            }
        }
        let done = self.counters.effects.fetch_add(1, Relaxed) + 1;
        if let Some(last) = self.crash_after_effect {
            // One at a time, each carried out to its end: otherwise "after" would mean nothing.
            self.sync()?;
            if done >= last {
                std::process::abort();
            }
        }
        Ok(())
    }

    /// Carries an effect out when all records before it are durable, which may be now.
    pub(super) fn hold(&mut self, effect: Held<P>) {
        let behind = self.log.changes();
        if behind == self.log.durable() {
            self.release(effect);
        } else {
            self.held.push_back((behind, effect));
        }
    }

    /// Carries out what waited for the disk, or did not have to.
    pub(super) fn release(&mut self, held: Held<P>) {
        match held {
            Held::Send(out) => self.send(out),
            Held::Persist { text, cause } => {
                self.recorder.event(Kind::Persist, Some(cause), |e, _| e.text = text);
            }
            Held::Discard { cause } => {
                let text = "records before the mark".to_owned();
                self.recorder.event(Kind::Discard, Some(cause), |e, _| e.text = text);
            }
            Held::Note { note, cause, context } => {
                self.recorder.event(Kind::Note, Some(cause), |e, _| e.text = note.to_string());
                self.observer.note(&note, &context);
            }
            Held::End { context, done } => {
                self.ends.push((context, done));
            }
        }
    }

    fn connect(&mut self, peer: NodeId, address: &str) {
        match address.parse() {
            Ok(address) => self.network.add(self.me, peer, address),
            Err(error) => tracing::warn!(%peer, address, %error, "not an address; no connection"),
        }
    }

    fn send(&mut self, out: Outgoing<P>) {
        let Outgoing { to, msg, cause, context } = out;
        let sequence = self.recorder.event(Kind::Send, Some(cause), |event, config| {
            event.text = msg.to_string();
            event.peer = Some(config.name(to));
        });
        let (start, from) = (self.start, self.me);
        if to == self.me {
            // Behind the inputs already waiting, also those that no turn has taken yet.
            self.listen();
            let origin = Origin { from, start, sequence };
            self.waiting.push_back((None, Arrival::Message { origin, to, context, msg }));
            return;
        }
        let server = server_of(to);
        if server == Some(self.me) {
            return self.reply(to, Reply { msg, context });
        }
        let head = Head { cluster: self.cluster, from, to, start, sequence, cause, context };
        self.network.push(server.unwrap_or(to), &head, msg);
    }

    pub(super) fn reply(&mut self, to: NodeId, reply: Reply<P>) {
        if let Some(traced) = &self.traced
            && let Some(asked) = self.asked.get_mut(&to).and_then(VecDeque::pop_front)
            && !asked.is_empty()
            && traced.tracer.is_told(&asked)
        {
            traced.tracer.answered(traced.name(self.me), &asked, &reply.context);
        }
        let taken = self.clients.get(&to).is_some_and(|client| client.try_send(reply).is_ok());
        if taken {
            self.counters.replies.fetch_add(1, Relaxed);
        } else {
            // It does not listen, or has left: the end of its queue ends its connection.
            self.clients.remove(&to);
            self.counters.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// A record and what travels along, as the log keeps them, at the end of a buffer.
pub(super) fn entry<R: serde::Serialize>(
    context: &Context,
    record: &R,
    out: &mut Vec<u8>,
) -> Result<(), Fatal> {
    const { assert!(MAX_RECORD + 1 + MAX_CONTEXT <= MAX_ENTRY, "the longest record fits the log") }
    let refused = |e: postcard::Error| Fatal::Record(e.to_string());
    postcards::append(context, out).map_err(refused)?;
    let begin = out.len();
    postcards::append(record, out).map_err(refused)?;
    let len = out.len() - begin;
    assert!(len <= MAX_RECORD, "a record of {len} bytes, MAX_RECORD is {MAX_RECORD}: use chunks");
    Ok(())
}
