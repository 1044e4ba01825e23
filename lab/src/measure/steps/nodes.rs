//! A design as drivers in this process: loopback TCP between them, a real log each, one client.

use std::path::Path;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::Step;
use crate::run::{Client, Config, Counts, Data, Driver};
use crate::{AnyNode, NodeId, Protocol};

/// For an answer. A leader may have to be elected first, or again.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 20;
/// What nodes still do after the answer is done within this time.
const LOOK: Duration = Duration::from_millis(10);

/// What the client asks, and what answers it.
pub struct Exchange<P: Protocol> {
    /// The request with this number, from this client. Numbers grow.
    pub request: fn(NodeId, u64) -> P::Msg,
    /// Whether this answers the request with this number.
    pub is_answer: fn(&P::Msg, u64) -> bool,
}

/// Nodes, and a client that is connected to some of them.
pub struct Nodes<P: Protocol> {
    name: &'static str,
    verdict: &'static str,
    runtime: Runtime,
    exchange: Exchange<P>,
    /// One connection to each node that serves clients; the one in use.
    clients: Vec<Client<P>>,
    at: usize,
    nodes: Vec<Driver<P>>,
    asked: u64,
}

impl<P: Protocol> Nodes<P> {
    /// Starts the nodes with their logs under `dir`, the client of those that are named in `serving`,
    /// and waits until all are linked and one serves it.
    ///
    /// # Panics
    /// If they cannot start, or no request is answered.
    #[must_use]
    pub fn start(
        (name, verdict): (&'static str, &'static str),
        dir: &Path,
        nodes: Vec<(NodeId, AnyNode<P>)>,
        serving: &[NodeId],
        exchange: Exchange<P>,
    ) -> Self {
        let ids: Vec<NodeId> = nodes.iter().map(|(id, _)| *id).collect();
        let started = nodes.into_iter().map(|(id, node)| {
            let data = Data::Dir(dir.join(name).join(id.to_string()));
            Driver::start(Config::new(1, id, data), node, ()).expect("it starts")
        });
        let nodes: Vec<Driver<P>> = started.collect();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let book = ids.iter().copied().zip(nodes.iter().map(Driver::addr));
        for (me, node) in ids.iter().zip(&nodes) {
            let others = book.clone().filter(|(id, _)| id != me);
            node.set_peers(others.collect());
        }
        for (me, node) in ids.iter().zip(&nodes) {
            let others: Vec<NodeId> = ids.iter().copied().filter(|id| id != me).collect();
            runtime.block_on(node.linked_to(&others));
        }
        let place = |id| ids.iter().position(|known| known == id).expect("it is one of them");
        let connect = |id| nodes[place(id)].clients().connect().expect("there is room for one");
        let clients = serving.iter().map(connect).collect();
        let (at, asked) = (0, 0);
        let mut running = Self { name, verdict, runtime, exchange, clients, at, nodes, asked };
        running.once();
        running
    }

    /// Sends a request of the next number, to another node if one does not answer, and gives the answer.
    ///
    /// # Panics
    /// If no node answers.
    pub fn ask(
        &mut self,
        request: impl Fn(NodeId, u64) -> P::Msg,
        is_answer: impl Fn(&P::Msg, u64) -> bool,
    ) -> P::Msg {
        for _ in 0..TRIES {
            self.asked += 1;
            let (n, client) = (self.asked, &mut self.clients[self.at]);
            let answered = async {
                client.send(request(client.id(), n)).await.expect("it runs");
                loop {
                    let answer = client.recv().await.expect("it runs");
                    if is_answer(&answer, n) {
                        return answer;
                    }
                }
            };
            if let Ok(answer) = self.runtime.block_on(async { timeout(PATIENCE, answered).await }) {
                return answer;
            }
            self.at = (self.at + 1) % self.clients.len();
        }
        panic!("{}: no answer in {TRIES} times {PATIENCE:?}", self.name);
    }
}

impl<P: Protocol> Step for Nodes<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn verdict(&self) -> &'static str {
        self.verdict
    }

    fn once(&mut self) {
        let Exchange { request, is_answer } = self.exchange;
        self.ask(request, is_answer);
    }

    fn counts(&mut self) -> (u64, u64) {
        let read = || {
            let sum = |of: fn(&Counts) -> u64| {
                self.nodes.iter().map(|node| of(&node.counts())).sum::<u64>()
            };
            (sum(|c| c.frames_out), sum(|c| c.syncs), sum(|c| c.steps))
        };
        let mut seen = read();
        loop {
            // Acknowledgements may still be on their way when the client has its answer.
            self.runtime.block_on(async { sleep(LOOK).await });
            let now = read();
            if now == seen {
                return (now.0, now.1);
            }
            seen = now;
        }
    }
}
