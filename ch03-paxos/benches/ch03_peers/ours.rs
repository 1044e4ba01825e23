//! Step 7 in the pump.

use bytes::Bytes;
use ch03_paxos::group::{Group as Replicas, Paxos};
use ch03_paxos::replicated_kv::{Config, Replica};
use ch03_paxos::types::Msg;
use ch03_paxos::types::kv::{Blob, Msg as Kv, Op, Outcome};
use ch03_paxos::worlds::REPLICAS;
use lab::NodeId;
use lab::pump::{Outside, Pump};

use crate::Group;

const CLIENT: NodeId = NodeId(1);
const KEYS: u64 = 1_000;

struct Ours {
    pump: Pump<Replica>,
    keys: Vec<Blob>,
    asked: u64,
    answered: Answered,
    messages: u64,
}

/// How many answers say that it is done.
#[derive(Default)]
struct Answered(u64);

impl Outside<Paxos> for Answered {
    fn message(&mut self, _from: NodeId, _to: NodeId, msg: Msg) {
        if let Msg::Kv(Kv::Answer { outcome: Ok(Outcome::Done), .. }) = msg {
            self.0 += 1;
        }
    }
}

pub(crate) fn start() -> Box<dyn Group> {
    let group = Replicas::new(&REPLICAS);
    let node = |id| (id, Replica::new(group.clone(), Config::default()));
    let mut answered = Answered::default();
    let mut pump = Pump::new(REPLICAS.map(node), &mut answered);
    pump.run(usize::MAX, &mut answered);
    let keys = (0..KEYS).map(|n| Blob::new(&format!("key-{n}"))).collect();
    Box::new(Ours { pump, keys, asked: 0, answered, messages: 0 })
}

impl Group for Ours {
    fn decide(&mut self, commands: usize, payload: usize) {
        for _ in 0..commands {
            self.asked += 1;
            let key = self.keys[(self.asked % KEYS) as usize].clone();
            let value = Blob(Bytes::from(vec![7; payload]));
            let op = Op::Set { key, value, only_new: false };
            let request = Kv::Request { number: self.asked, id: None, op };
            self.pump.send(CLIENT, REPLICAS[0], Msg::Kv(request));
        }
        let steps = self.pump.run(usize::MAX, &mut self.answered);
        // Requests came from outside.
        self.messages += (steps - commands) as u64;
        assert_eq!(self.answered.0, self.asked, "all are answered");
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}
