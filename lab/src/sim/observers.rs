//! What the simulator sees of a step.

use std::ops::Range;
use std::time::Duration;

use crate::node::{NodeId, Protocol};
use crate::world::{Envelope, Event, Observer, World};

/// Collects what a step asked of the simulator.
pub(super) struct Asked<P: Protocol> {
    pub(super) sent: Vec<Envelope<P::Msg>>,
    pub(super) timers: Vec<(NodeId, P::Timer, Option<Range<Duration>>)>,
}

impl<P: Protocol> Default for Asked<P> {
    fn default() -> Self {
        Self { sent: Vec::new(), timers: Vec::new() }
    }
}

impl<P: Protocol, G> Observer<P, G> for Asked<P> {
    fn see(&mut self, at: NodeId, event: &Event<'_, P>, _world: &World<P, G>) {
        match event {
            Event::Send(envelope) if envelope.to != envelope.from => {
                self.sent.push((*envelope).clone());
            }
            Event::SetTimer { timer, after } => {
                self.timers.push((at, (*timer).clone(), Some(after.clone())));
            }
            Event::CancelTimer(timer) => self.timers.push((at, (*timer).clone(), None)),
            _ => {}
        }
    }
}

/// Two observers in one, the second if there is any.
pub(super) struct Both<'a, A, B>(pub(super) &'a mut A, pub(super) Option<&'a mut B>);

impl<P, G, A, B> Observer<P, G> for Both<'_, A, B>
where
    P: Protocol,
    A: Observer<P, G>,
    B: Observer<P, G>,
{
    fn see(&mut self, at: NodeId, event: &Event<'_, P>, world: &World<P, G>) {
        self.0.see(at, event, world);
        if let Some(second) = &mut self.1 {
            second.see(at, event, world);
        }
    }

    fn after(&mut self, at: NodeId, world: &World<P, G>) {
        self.0.after(at, world);
        if let Some(second) = &mut self.1 {
            second.after(at, world);
        }
    }
}
