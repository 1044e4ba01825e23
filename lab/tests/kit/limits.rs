//! Messages and records have a longest length, in worlds as in drivers.

use lab::explore::Model;
use lab::node::{Cx, Input, MAX_MESSAGE, MAX_RECORD, Node, Protocol};
use lab::world::{Role, Wire, World};

use crate::numbers::{CLIENT, SERVER};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Text;

impl Protocol for Text {
    type Msg = String;
    type Timer = u8;
    type Record = String;
    type Note = u8;
    type Summary = u8;
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Verbose {
    message: usize,
    record: usize,
}

impl Node for Verbose {
    type Protocol = Text;

    fn step(&mut self, input: Input<Text>, cx: &mut Cx<'_, Text>) {
        if let Input::Boot { .. } = input {
            cx.persist("r".repeat(self.record));
            cx.send(CLIENT, "m".repeat(self.message));
        }
    }

    fn summary(&self) -> u8 {
        0
    }
}

fn boot(message: usize, record: usize) {
    let roles = vec![
        Role::new(SERVER, "server", "web", Verbose { message, record }),
        Role::new(CLIENT, "client", "client", Verbose { message: 0, record: 0 }),
    ];
    let model = Model::<Text, ()>::new(roles);
    World::new(model.topology(Wire::Bag, false), &mut ());
}

// Three bytes say how long each text is.
const MESSAGE: usize = MAX_MESSAGE - 3;
const RECORD: usize = MAX_RECORD - 3;

#[test]
fn the_longest_message_and_the_longest_record_fit() {
    boot(MESSAGE, RECORD);
}

#[test]
#[should_panic(expected = "above MAX_MESSAGE")]
fn a_longer_message_is_a_mistake_of_the_node() {
    boot(MESSAGE + 1, 0);
}

#[test]
#[should_panic(expected = "above MAX_RECORD")]
fn a_longer_record_is_a_mistake_of_the_node() {
    boot(0, RECORD + 1);
}
