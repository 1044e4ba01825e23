//! The pump delivers in order, and what leaves the nodes goes outside.

use lab::node::{Input, NodeId};
use lab::pump::{Outside, Pump};

use crate::numbers::{CLIENT, Keeper, Number, Numbers, Rule, SERVER, SPARE, keeper};

/// Counts what it gets, keeps it, and answers with the count.
const COUNTS: Rule = |number, input, cx| match input {
    Input::Boot { .. } => {
        cx.set_timer(Number(9), std::time::Duration::ZERO..std::time::Duration::MAX)
    }
    Input::Message { from, msg } => {
        *number += 1;
        cx.persist(msg);
        cx.send(from, Number(*number));
        cx.note(msg);
    }
    _ => {}
};

/// Passes on what it gets to the server.
const PASSES: Rule = |number, input, cx| {
    if let Input::Message { from, msg } = input {
        *number = msg.0;
        if from == SPARE {
            cx.send(SERVER, msg);
        }
    }
};

/// Keeps what left the nodes, in order.
#[derive(Default)]
struct Seen(Vec<String>);

impl Outside<Numbers> for Seen {
    fn message(&mut self, from: NodeId, to: NodeId, msg: Number) {
        self.0.push(format!("{from} to {to}: {msg}"));
    }

    fn persist(&mut self, at: NodeId, record: Number) {
        self.0.push(format!("{at} keeps {record}"));
    }

    fn note(&mut self, at: NodeId, note: Number) {
        self.0.push(format!("{at} notes {note}"));
    }

    fn set_timer(&mut self, at: NodeId, timer: Number, _: std::ops::Range<std::time::Duration>) {
        self.0.push(format!("{at} waits for {timer}"));
    }
}

fn pump(seen: &mut Seen) -> Pump<Keeper> {
    Pump::new([(SERVER, keeper(COUNTS)), (CLIENT, keeper(PASSES))], seen)
}

#[test]
fn messages_arrive_in_order_and_effects_leave_in_order() {
    let mut seen = Seen::default();
    let mut pump = pump(&mut seen);
    pump.send(SPARE, SERVER, Number(5));
    pump.send(SPARE, CLIENT, Number(6));
    assert_eq!(pump.run(usize::MAX, &mut seen), 4, "two from outside, one passed on, one answer");
    let expected =
        ["n1 waits for 9", "n1 keeps 5", "n1 to n3: 1", "n1 notes 5", "n1 keeps 6", "n1 notes 6"];
    assert_eq!(seen.0, expected);
    assert_eq!((pump.node(SERVER).number, pump.node(CLIENT).number), (2, 2));
}

#[test]
fn a_pump_stops_after_so_many_steps_and_goes_on() {
    let mut seen = Seen::default();
    let mut pump = pump(&mut seen);
    (0..5).for_each(|n| pump.send(SPARE, SERVER, Number(n)));
    assert_eq!(pump.run(3, &mut seen), 3);
    pump.input(SERVER, Input::Message { from: SPARE, msg: Number(77) }, &mut seen);
    assert_eq!(pump.node(SERVER).number, 4);
    assert_eq!(pump.run(3, &mut seen), 2, "two were left");
}

#[test]
#[should_panic(expected = "n3 is not in this pump")]
fn a_message_to_a_node_outside_is_refused() {
    pump(&mut Seen::default()).send(CLIENT, SPARE, Number(1));
}
