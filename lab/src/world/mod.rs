//! The world that nodes live in: hosts, disks, timers, and one network between them.
//!
//! A world changes only by an [`Action`]: deliver this, let that timer run out, crash, restart, lose.
//! The explorer tries all of them, the simulator draws them, a script names them, and the reader of
//! the book picks them. This is the one place that carries effects out and the one place that crashes.
//!
//! Effects leave a host through its queue. With an *instant* disk a step's effects are carried out at
//! once, and an action may name a cut: so many of them happen, then the process dies. With a *lagging*
//! disk each record waits for an [`What::Flush`] of its own, other steps go on meanwhile, and a crash
//! loses the whole queue. Both say the same about a node that uses `send` only (a test compares them);
//! `send_ahead` is only judged by the lagging one.
//!
//! # Left out
//!
//! Time. The world knows which timers are armed, not when they run out: whoever picks the actions
//! decides. `now` is handed in with each action and is zero under the explorer.

mod action;
mod effects;
mod host;
mod network;
mod stage;

use std::sync::Arc;
use std::time::Duration;

pub use action::{Action, Happening, Observer, What};
pub use host::Host;
pub use network::{Envelope, Network, Wire};
pub use stage::{Role, Spent, Stage};

use crate::fingerprint::fingerprint;
use crate::node::{Effect, Input, Node, NodeId, react};

/// A state of the whole system. `G` is the ghost.
#[derive(Clone, Debug)]
pub struct World<N: Node, G> {
    stage: Arc<Stage<N, G>>,
    hosts: Vec<(Arc<Host<N>>, u128)>,
    network: Network<N::Msg>,
    ghost: Arc<G>,
    spent: Spent,
}

impl<N: Node, G: Clone + Eq + std::hash::Hash + Default> World<N, G> {
    /// Boots every role in order.
    pub fn new(stage: Arc<Stage<N, G>>, watch: &mut dyn Observer<N, G>) -> Self {
        let empty = Host::new();
        let print = empty.print();
        let hosts = stage.roles.iter().map(|_| (Arc::new(empty.clone()), print)).collect();
        let mut world = Self {
            stage,
            hosts,
            network: Network::new(),
            ghost: Arc::new(G::default()),
            spent: Spent::default(),
        };
        for role in Arc::clone(&world.stage).roles.iter() {
            world.apply(&Action::new(What::Restart(role.id)), Duration::ZERO, watch);
        }
        world
    }

    /// Who plays.
    #[must_use]
    pub fn stage(&self) -> &Stage<N, G> {
        &self.stage
    }

    /// The machine of a node.
    #[must_use]
    pub fn host(&self, id: NodeId) -> &Host<N> {
        &self.hosts[self.index(id)].0
    }

    /// A node, unless its process is down.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&N> {
        self.host(id).node.as_ref()
    }

    /// All running nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &N)> {
        let ids = self.stage.roles.iter().map(|role| role.id);
        ids.zip(&self.hosts).filter_map(|(id, (host, _))| Some((id, host.node.as_ref()?)))
    }

    /// Messages on their way.
    #[must_use]
    pub fn network(&self) -> &Network<N::Msg> {
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

    /// The fingerprint of each host, in column order.
    pub fn host_prints(&self) -> impl Iterator<Item = u128> {
        self.hosts.iter().map(|(_, print)| *print)
    }

    /// Counts one timer against its budget. Only a search with such a budget does: elsewhere two
    /// worlds that differ by this count are the same world.
    pub fn spend_timeout(&mut self) {
        self.spent.timeouts += 1;
    }

    /// Puts a copy of a message on its way that was delivered long ago.
    pub fn resend(&mut self, envelope: Envelope<N::Msg>) {
        self.network.send(envelope);
    }

    /// A number that tells this state from all others.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let prints: Vec<u128> = self.host_prints().collect();
        fingerprint(&(prints, self.network.print(), &self.ghost, self.spent))
    }

    /// Whether the action can happen in this state.
    #[must_use]
    pub fn can(&self, what: &What<N>) -> bool {
        let up = |id: NodeId| self.node(id).is_some();
        match what {
            What::Deliver { envelope, .. } | What::Lose(envelope) => self.network.carries(envelope),
            What::Own(id) => !self.host(*id).own.is_empty(),
            What::Timeout(id, timer) => self.host(*id).timers.contains(timer),
            What::Flush(id) => !self.host(*id).queue.is_empty(),
            What::Gone(id, _) | What::Crash { node: id, .. } => up(*id),
            What::Restart(id) | What::Wipe(id) => !up(*id),
        }
    }

    /// Carries one action out. Returns how many of the step's effects could be told apart by a
    /// crash between them: the cuts worth trying are the numbers below it.
    ///
    /// # Panics
    /// If the action cannot happen here; see [`World::can`].
    pub fn apply(
        &mut self,
        action: &Action<N>,
        now: Duration,
        watch: &mut dyn Observer<N, G>,
    ) -> usize {
        assert!(self.can(&action.what), "not possible in this state: {action:?}");
        let effects = self.take(&action.what, now, watch);
        let Some(id) = action.what.node() else { return 0 };
        if let Some(cut) = action.cut {
            self.carry_out(id, cut, watch);
            self.spent.crashes += 1;
            self.crash(id, 0, watch);
        } else if self.stage.lagging {
            let flush = matches!(action.what, What::Flush(_));
            self.carry_out_until_record(id, flush, watch);
        } else {
            self.carry_out(id, usize::MAX, watch);
        }
        let index = self.index(id);
        self.hosts[index].1 = self.hosts[index].0.print();
        watch.after(id, self);
        effects
    }

    /// The part of an action before its effects are carried out.
    fn take(&mut self, what: &What<N>, now: Duration, watch: &mut dyn Observer<N, G>) -> usize {
        match what {
            What::Deliver { envelope, keep } => {
                if *keep {
                    self.spent.duplicates += 1;
                    self.see(envelope.to, &Happening::Duplicate(envelope), watch);
                } else if self.stage.wire == Wire::Bag {
                    self.network.remove(envelope);
                }
                if self.node(envelope.to).is_none() {
                    self.see(envelope.to, &Happening::Lose(envelope), watch);
                    return 0;
                }
                self.see(envelope.to, &Happening::Receive(envelope), watch);
                let input = Input::Message { from: envelope.from, msg: envelope.msg.clone() };
                self.step(envelope.to, input, now, watch)
            }
            What::Lose(envelope) => {
                self.network.remove(envelope);
                self.spent.losses += 1;
                self.see(envelope.to, &Happening::Lose(envelope), watch);
                0
            }
            What::Own(id) => {
                let msg = self.host_mut(*id).own.pop_front().expect("a message is waiting");
                let envelope = Envelope { from: *id, to: *id, msg: msg.clone() };
                self.see(*id, &Happening::Receive(&envelope), watch);
                self.step(*id, Input::Message { from: *id, msg }, now, watch)
            }
            What::Timeout(id, timer) => {
                self.host_mut(*id).timers.remove(timer);
                self.see(*id, &Happening::Timeout(timer), watch);
                self.step(*id, Input::Timeout(timer.clone()), now, watch)
            }
            What::Gone(id, client) => {
                self.see(*id, &Happening::Gone(*client), watch);
                self.step(*id, Input::Gone(*client), now, watch)
            }
            What::Restart(id) => self.boot(*id, now, watch),
            What::Crash { node, forget } => {
                self.spent.crashes += 1;
                self.crash(*node, *forget, watch);
                0
            }
            What::Wipe(id) => {
                self.host_mut(*id).disk.clear();
                self.see(*id, &Happening::Wipe, watch);
                0
            }
            What::Flush(_) => 0,
        }
    }

    /// Replays the disk, then boots.
    fn boot(&mut self, id: NodeId, now: Duration, watch: &mut dyn Observer<N, G>) -> usize {
        let index = self.index(id);
        let program = self.stage.roles[index].program.clone();
        let host = self.host_mut(id);
        host.starts += 1;
        let start = host.starts;
        host.node = Some(recover(program, id, &host.disk));
        let records = host.disk.clone();
        self.see(id, &Happening::Boot { start, records: &records }, watch);
        self.step(id, Input::Boot { start }, now, watch)
    }

    /// Lets the node take an input and queues what it asks for. Timers take effect at once.
    fn step(
        &mut self,
        id: NodeId,
        input: Input<N>,
        now: Duration,
        watch: &mut dyn Observer<N, G>,
    ) -> usize {
        let lagging = self.stage.lagging;
        let node = self.host_mut(id).node.as_mut().expect("only a running node takes inputs");
        let mut apart = 0;
        for effect in react(node, id, now, input) {
            match effect {
                Effect::SetTimer { timer, after } => {
                    self.see(id, &Happening::SetTimer { timer: &timer, after }, watch);
                    self.host_mut(id).timers.insert(timer);
                }
                Effect::CancelTimer(timer) => {
                    self.see(id, &Happening::CancelTimer(&timer), watch);
                    self.host_mut(id).timers.remove(&timer);
                }
                Effect::SendAhead { to, msg } if lagging => self.send(id, to, msg, watch),
                queued @ (Effect::Send { .. }
                | Effect::SendAhead { .. }
                | Effect::Persist(_)
                | Effect::Checkpoint(_)
                | Effect::Note(_)) => {
                    apart += 1;
                    self.host_mut(id).queue.push_back(queued);
                }
            }
        }
        apart
    }

    fn see(&mut self, id: NodeId, what: &Happening<'_, N>, watch: &mut dyn Observer<N, G>) {
        (self.stage.observe)(&mut self.ghost, id, what);
        watch.see(id, what, self);
    }

    fn host_mut(&mut self, id: NodeId) -> &mut Host<N> {
        let index = self.index(id);
        Arc::make_mut(&mut self.hosts[index].0)
    }

    fn index(&self, id: NodeId) -> usize {
        let found = self.stage.roles.iter().position(|role| role.id == id);
        found.unwrap_or_else(|| panic!("{id} is not on this stage: add a role for it"))
    }
}

/// Recovery is a fold over the records that survived.
fn recover<N: Node>(mut node: N, id: NodeId, disk: &[N::Record]) -> N {
    for record in disk {
        let _none = react(&mut node, id, Duration::ZERO, Input::Replay(record.clone()));
    }
    node
}
