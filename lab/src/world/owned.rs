//! Events that outlive the step in which they were seen.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::{Envelope, Event};
use crate::node::{Effect, NodeId, Protocol};

/// An [`Event`] with everything it refers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OwnedEvent<P: Protocol> {
    Boot { start: u64 },
    Receive(Arc<Envelope<P::Msg>>),
    Duplicate(Arc<Envelope<P::Msg>>),
    Lose(Arc<Envelope<P::Msg>>),
    Timeout(P::Timer),
    Disconnected(NodeId),
    Send(Arc<Envelope<P::Msg>>),
    Persist(P::Record),
    Discard,
    SetTimer { timer: P::Timer, after: Range<Duration> },
    CancelTimer(P::Timer),
    Note(P::Note),
    Crash { lost: VecDeque<Effect<P>>, forgotten: Vec<P::Record> },
    Wipe,
}

impl<P: Protocol> OwnedEvent<P> {
    pub(crate) fn new(event: &Event<'_, P>) -> Self {
        let own = |envelope: &Envelope<P::Msg>| Arc::new(envelope.clone());
        match event {
            Event::Boot { start } => Self::Boot { start: *start },
            Event::Receive(envelope) => Self::Receive(own(envelope)),
            Event::Duplicate(envelope) => Self::Duplicate(own(envelope)),
            Event::Lose(envelope) => Self::Lose(own(envelope)),
            Event::Timeout(timer) => Self::Timeout((*timer).clone()),
            Event::Disconnected(client) => Self::Disconnected(*client),
            Event::Send(envelope) => Self::Send(own(envelope)),
            Event::Persist(record) => Self::Persist((*record).clone()),
            Event::Discard => Self::Discard,
            Event::SetTimer { timer, after } => {
                Self::SetTimer { timer: (*timer).clone(), after: after.clone() }
            }
            Event::CancelTimer(timer) => Self::CancelTimer((*timer).clone()),
            Event::Note(note) => Self::Note((*note).clone()),
            Event::Crash { lost, forgotten } => {
                Self::Crash { lost: (*lost).clone(), forgotten: forgotten.to_vec() }
            }
            Event::Wipe => Self::Wipe,
        }
    }

    pub(crate) fn as_event(&self) -> Event<'_, P> {
        match self {
            Self::Boot { start } => Event::Boot { start: *start },
            Self::Receive(envelope) => Event::Receive(envelope),
            Self::Duplicate(envelope) => Event::Duplicate(envelope),
            Self::Lose(envelope) => Event::Lose(envelope),
            Self::Timeout(timer) => Event::Timeout(timer),
            Self::Disconnected(client) => Event::Disconnected(*client),
            Self::Send(envelope) => Event::Send(envelope),
            Self::Persist(record) => Event::Persist(record),
            Self::Discard => Event::Discard,
            Self::SetTimer { timer, after } => Event::SetTimer { timer, after: after.clone() },
            Self::CancelTimer(timer) => Event::CancelTimer(timer),
            Self::Note(note) => Event::Note(note),
            Self::Crash { lost, forgotten } => Event::Crash { lost, forgotten },
            Self::Wipe => Event::Wipe,
        }
    }
}
