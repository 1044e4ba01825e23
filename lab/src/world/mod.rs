//! The world that nodes run in: hosts, disks, timers, and one network between them.
//!
//! A world changes only by an [`Action`]: deliver this, let that timer expire, crash, restart, lose.
//! The explorer tries all of them, the simulator draws them, a script names them, and the reader of
//! the book picks them. This is the one place that carries effects out and the one place that crashes.
//!
//! Effects leave a host through its queue. With an *instant* disk a step's effects are carried out at
//! once, and an action may name a cut: so many of them happen, then the process dies. With an
//! *asynchronous* disk each record waits for a [`Transition::Flush`] of its own, other steps go on
//! meanwhile, and a crash loses the whole queue. Both say the same about a node that uses `send` only
//! (a test compares them); `send_ahead` is only judged by the asynchronous one.
//!
//! # Left out
//!
//! Time. The world knows which timers are armed, not when they expire: what picks the actions
//! decides. `now` is handed in with each action and is zero under the explorer.

mod action;
mod disk;
mod effects;
mod event;
mod host;
mod key;
mod network;
mod owned;
mod topology;

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub use action::{Action, Transition};
pub use disk::{Disk, Disks};
pub use event::{Event, Observer};
pub use host::Host;
pub(crate) use key::{ghost_key, host_key, spent_key};
pub use network::{Envelope, Network, Wire};
pub(crate) use owned::OwnedEvent;
pub use topology::{Role, Spent, Topology};

use crate::node::{AnyNode, Cx, Effect, Input, NodeId, Protocol, take};

/// What a ghost has to be: plain data that can be compared and hashed with the rest of the world.
pub trait Ghost: Clone + Eq + Hash + Debug + Default + Send + Sync + 'static {}
impl<T: Clone + Eq + Hash + Debug + Default + Send + Sync + 'static> Ghost for T {}

/// A state of the whole system. `G` is the ghost.
#[derive(Clone, Debug)]
pub struct World<P: Protocol, G> {
    topology: Arc<Topology<P, G>>,
    hosts: Vec<Arc<Host<P>>>,
    network: Network<P::Msg>,
    ghost: Arc<G>,
    spent: Spent,
}

impl<P: Protocol, G: Ghost> World<P, G> {
    /// Starts every role in order that does not begin down, with all clocks at zero.
    pub fn new(topology: Arc<Topology<P, G>>, watch: &mut dyn Observer<P, G>) -> Self {
        Self::with_clocks(topology, |_| Duration::ZERO, watch)
    }

    /// The same, where each node's own clock shows something of its own.
    pub fn with_clocks(
        topology: Arc<Topology<P, G>>,
        clock: impl Fn(NodeId) -> Duration,
        watch: &mut dyn Observer<P, G>,
    ) -> Self {
        let host = |role: &Role<P>| Arc::new(Host::new(topology.empty_disk(role)));
        let hosts = topology.roles.iter().map(host).collect();
        let network = Network::new(topology.wire);
        let (ghost, spent) = (Arc::new(G::default()), Spent::default());
        let mut world = Self { topology, hosts, network, ghost, spent };
        for role in Arc::clone(&world.topology).roles.iter().filter(|role| !role.starts_down) {
            world.apply(&Action::new(Transition::Restart(role.id)), clock(role.id), watch);
        }
        world
    }

    /// Its processes and network.
    #[must_use]
    pub fn topology(&self) -> &Topology<P, G> {
        &self.topology
    }

    /// The machine of a node.
    #[must_use]
    pub fn host(&self, id: NodeId) -> &Host<P> {
        &self.hosts[self.index(id)]
    }

    /// A node, unless its process is down.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&AnyNode<P>> {
        self.host(id).node.as_ref()
    }

    /// A node's summary, unless its process is down.
    #[must_use]
    pub fn summary(&self, id: NodeId) -> Option<&P::Summary> {
        self.host(id).summary()
    }

    /// The node that a start would find: what its durable records recover to.
    #[must_use]
    pub fn recovered(&self, id: NodeId) -> AnyNode<P> {
        let role = &self.topology.roles[self.index(id)];
        self.host(id).disk.recovered((&role.program, id))
    }

    /// Whether a process runs.
    #[must_use]
    pub fn is_up(&self, id: NodeId) -> bool {
        self.host(id).node.is_some()
    }

    /// All running nodes, in column order.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &AnyNode<P>)> {
        self.up().filter_map(|(id, host)| Some((id, host.node.as_ref()?)))
    }

    /// The summary of each running node, in column order.
    pub fn summaries(&self) -> impl Iterator<Item = (NodeId, &P::Summary)> {
        self.up().filter_map(|(id, host)| Some((id, host.summary()?)))
    }

    fn up(&self) -> impl Iterator<Item = (NodeId, &Host<P>)> {
        let ids = self.topology.roles.iter().map(|role| role.id);
        ids.zip(&self.hosts).map(|(id, host)| (id, &**host))
    }

    /// A node's line in logs and pages.
    #[must_use]
    pub fn line(&self, id: NodeId) -> String {
        self.summary(id).map_or_else(|| "down".into(), ToString::to_string)
    }

    /// Messages on their way.
    #[must_use]
    pub fn network(&self) -> &Network<P::Msg> {
        &self.network
    }

    /// What observers know.
    #[must_use]
    pub fn ghost(&self) -> &G {
        &self.ghost
    }

    /// Used up budgets.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Counts one timer against its budget. Only a search with such a budget does: elsewhere two
    /// worlds that differ by this count are the same world.
    pub fn spend_timeout(&mut self) {
        self.spent.timeouts = self.spent.timeouts.saturating_add(1);
    }

    /// Puts a copy of a message on its way that was delivered long ago.
    pub fn resend(&mut self, envelope: Envelope<P::Msg>) {
        self.network.send(envelope);
    }

    /// Carries one action out. Returns how many of the step's effects could be told apart by a
    /// crash between them: the cuts worth trying are the numbers below it.
    ///
    /// # Panics
    /// If the action cannot happen here; see [`World::can`].
    pub fn apply(
        &mut self,
        action: &Action<P>,
        now: Duration,
        watch: &mut dyn Observer<P, G>,
    ) -> usize {
        assert!(self.can(&action.transition), "not possible in this state: {action:?}");
        let effects = self.begin(&action.transition, now, watch);
        let Some(id) = action.transition.node() else { return 0 };
        if let Some(cut) = action.cut {
            self.carry_out(id, cut, watch);
            self.spent.crashes = self.spent.crashes.saturating_add(1);
            self.crash(id, 0, watch);
        } else if self.topology.async_disk {
            let flush = matches!(action.transition, Transition::Flush(_));
            self.carry_out_until_record(id, flush, watch);
        } else {
            self.carry_out(id, usize::MAX, watch);
        }
        watch.after(id, self);
        effects
    }

    /// The part of an action before its effects are carried out.
    fn begin(
        &mut self,
        transition: &Transition<P>,
        now: Duration,
        watch: &mut dyn Observer<P, G>,
    ) -> usize {
        match transition {
            Transition::Deliver { envelope, keep } => {
                if *keep {
                    self.spent.duplicates = self.spent.duplicates.saturating_add(1);
                    self.see(envelope.to, &Event::Duplicate(envelope), watch);
                } else if self.topology.wire != Wire::Set {
                    self.network.remove(envelope);
                }
                if self.node(envelope.to).is_none() {
                    self.see(envelope.to, &Event::Lose(envelope), watch);
                    return 0;
                }
                self.see(envelope.to, &Event::Receive(envelope), watch);
                let input = Input::Message { from: envelope.from, msg: envelope.msg.clone() };
                self.step(envelope.to, input, now, watch)
            }
            Transition::Lose(envelope) => {
                self.network.remove(envelope);
                self.spent.losses = self.spent.losses.saturating_add(1);
                self.see(envelope.to, &Event::Lose(envelope), watch);
                0
            }
            Transition::SelfDelivery(id) => {
                let msg = self.host_mut(*id).to_self.pop_front().expect("a message is waiting");
                let envelope = Envelope { from: *id, to: *id, msg: msg.clone() };
                self.see(*id, &Event::Receive(&envelope), watch);
                self.step(*id, Input::Message { from: *id, msg }, now, watch)
            }
            Transition::Timeout(id, timer) => {
                self.host_mut(*id).timers.remove(timer);
                self.see(*id, &Event::Timeout(timer), watch);
                self.step(*id, Input::Timeout(timer.clone()), now, watch)
            }
            Transition::Disconnected { node, client } => {
                self.spent.disconnects = self.spent.disconnects.saturating_add(1);
                self.see(*node, &Event::Disconnected(*client), watch);
                self.step(*node, Input::Disconnected(*client), now, watch)
            }
            Transition::Restart(id) => self.boot(*id, now, watch),
            Transition::Crash { node, forget } => {
                self.spent.crashes = self.spent.crashes.saturating_add(1);
                self.crash(*node, *forget, watch);
                0
            }
            Transition::Wipe(id) => {
                let empty = self.topology.empty_disk(&self.topology.roles[self.index(*id)]);
                self.host_mut(*id).wipe(empty);
                self.see(*id, &Event::Wipe, watch);
                0
            }
            Transition::Flush(_) => 0,
        }
    }

    /// Replays the disk, then boots.
    fn boot(&mut self, id: NodeId, now: Duration, watch: &mut dyn Observer<P, G>) -> usize {
        let node = self.recovered(id);
        let host = self.host_mut(id);
        host.starts += 1;
        let start = host.starts;
        host.node = Some(node);
        self.see(id, &Event::Boot { start }, watch);
        self.step(id, Input::Boot { start }, now, watch)
    }

    /// Lets the node take an input and queues what it asks for. Timers take effect at once.
    fn step(
        &mut self,
        id: NodeId,
        input: Input<P>,
        now: Duration,
        watch: &mut dyn Observer<P, G>,
    ) -> usize {
        let async_disk = self.topology.async_disk;
        let mut effects = Vec::new();
        let host = self.host_mut(id);
        let mut cx = Cx::new(id, now, &mut host.marks, &mut effects);
        let node = host.node.as_mut().expect("only a running node takes inputs");
        take(node, input, &mut cx);
        let mut cut_points = 0;
        for effect in effects {
            match effect {
                Effect::SetTimer { timer, after } => {
                    self.see(id, &Event::SetTimer { timer: &timer, after }, watch);
                    self.host_mut(id).timers.insert(timer);
                }
                Effect::CancelTimer(timer) => {
                    self.see(id, &Event::CancelTimer(&timer), watch);
                    self.host_mut(id).timers.remove(&timer);
                }
                Effect::SendAhead { to, msg } if async_disk => self.send(id, to, msg, watch),
                queued @ (Effect::Send { .. }
                | Effect::SendAhead { .. }
                | Effect::Persist(_)
                | Effect::Mark(_)
                | Effect::DiscardBefore(_)
                | Effect::Connect { .. }
                | Effect::Disconnect(_)
                | Effect::Note(_)) => {
                    cut_points += 1;
                    self.host_mut(id).queue.push_back(queued);
                }
            }
        }
        cut_points
    }

    fn see(&mut self, id: NodeId, event: &Event<'_, P>, watch: &mut dyn Observer<P, G>) {
        (self.topology.observe)(&mut self.ghost, id, event);
        watch.see(id, event, self);
    }

    fn host_mut(&mut self, id: NodeId) -> &mut Host<P> {
        let index = self.index(id);
        let host = Arc::make_mut(&mut self.hosts[index]);
        host.changes();
        host
    }

    fn index(&self, id: NodeId) -> usize {
        let found = self.topology.roles.iter().position(|role| role.id == id);
        found.unwrap_or_else(|| panic!("{id} is not part of this world: add a role for it"))
    }
}
