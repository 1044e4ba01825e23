//! Step 4, one step in, effects out: who gets a lock, who is given up, and what counts as silence.

use std::collections::BTreeMap;
use std::time::Duration;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop::{Effect, Input, Shop};
use ch02_two_phase_commit::step4_isolation::{Coordinator, Participant};
use ch02_two_phase_commit::types::{COORD, Key, Msg, Order, PAY, STOCK, Timer, TxId, Vote};
use ch02_two_phase_commit::worlds::{CLIENT, READER};
use lab::node::react;
use lab::{Node, NodeId};

fn receive(node: &mut impl Node<Protocol = Shop>, from: NodeId, msg: Msg) -> Vec<Effect> {
    react(node, STOCK, Duration::ZERO, Input::Message { from, msg })
}

fn tx(count: u64) -> TxId {
    TxId { start: 1, count, attempt: 1 }
}

fn stock() -> Participant {
    Participant::new(Accounts::new(&[("boots", 9), ("candle", 9)]))
}

/// What `stock` sends when it is to prepare an order with one of each of these.
fn prepare(stock: &mut Participant, tx: TxId, wanted: &[&str]) -> Vec<Msg> {
    let lines: Vec<_> = wanted.iter().map(|account| (STOCK, *account, -1)).collect();
    let branch = Order::new(&lines).0[&STOCK].clone();
    sent(receive(stock, COORD, Msg::Prepare { tx, key: Key::new("order"), branch }))
}

fn sent(effects: Vec<Effect>) -> Vec<Msg> {
    let message = |effect| match effect {
        Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => Some(msg),
        _ => None,
    };
    effects.into_iter().filter_map(message).collect()
}

fn yes(tx: TxId) -> Msg {
    Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) }
}

#[test]
fn a_younger_order_does_not_overtake_an_older_one_that_waits() {
    let mut stock = stock();
    assert_eq!(prepare(&mut stock, tx(3), &["candle"]), [yes(tx(3))]);
    let wound = Msg::Wound { tx: tx(3), by: tx(2) };
    assert_eq!(prepare(&mut stock, tx(2), &["boots", "candle"]), [wound]);
    // The boots are free, and an older order waits for them.
    assert_eq!(prepare(&mut stock, tx(4), &["boots"]), []);
    let given_up = receive(&mut stock, COORD, Msg::Abort { tx: tx(3) });
    assert_eq!(sent(given_up), [yes(tx(2))], "the oldest that waits, and only that one");
    let ended = receive(&mut stock, COORD, Msg::Commit { tx: tx(2) });
    assert_eq!(sent(ended), [yes(tx(4)), Msg::Ack { tx: tx(2) }]);
}

#[test]
fn what_needs_no_common_lock_waits_for_nothing() {
    let mut stock = stock();
    prepare(&mut stock, tx(1), &["candle"]);
    assert_eq!(prepare(&mut stock, tx(2), &["candle"]), [], "it waits for an older one");
    assert_eq!(prepare(&mut stock, tx(3), &["boots"]), [yes(tx(3))]);
}

/// The coordinator with two orders on the same accounts.
fn two_orders() -> Coordinator {
    let mut coord = Coordinator::default();
    react(&mut coord, COORD, Duration::ZERO, Input::Boot { start: 1 });
    for (client, key) in [(CLIENT, "order-1"), (READER, "order-2")] {
        let order = Order::new(&[(STOCK, "boots", -1), (PAY, "till", 1)]);
        receive(&mut coord, client, Msg::Submit { key: Key::new(key), order });
    }
    coord
}

fn prepares(messages: &[Msg]) -> Vec<TxId> {
    let tx = |msg: &Msg| if let Msg::Prepare { tx, .. } = msg { Some(*tx) } else { None };
    messages.iter().filter_map(tx).collect()
}

#[test]
fn an_order_that_is_given_up_begins_again_when_the_older_one_has_ended() {
    let mut coord = two_orders();
    let wound = Msg::Wound { tx: tx(2), by: tx(1) };
    let given_up = sent(receive(&mut coord, PAY, wound.clone()));
    assert_eq!(given_up, [Msg::Abort { tx: tx(2) }, Msg::Abort { tx: tx(2) }]);
    assert_eq!(sent(receive(&mut coord, STOCK, wound)), [Msg::Abort { tx: tx(2) }], "only once");
    receive(&mut coord, STOCK, yes(tx(1)));
    let ended = sent(receive(&mut coord, PAY, yes(tx(1))));
    assert_eq!(prepares(&ended), [tx(2).again(), tx(2).again()]);
}

#[test]
fn an_order_given_up_for_one_that_has_ended_begins_again_at_once() {
    let mut coord = two_orders();
    receive(&mut coord, STOCK, yes(tx(1)));
    receive(&mut coord, PAY, yes(tx(1)));
    let again = sent(receive(&mut coord, PAY, Msg::Wound { tx: tx(2), by: tx(1) }));
    assert_eq!(prepares(&again), [tx(2).again(), tx(2).again()]);
}

#[test]
fn a_wait_for_a_lock_is_no_silence_and_a_process_that_is_down_is() {
    let mut coord = two_orders();
    let votes_timer = |effects: &[Effect]| {
        let timer = |e: &Effect| matches!(e, Effect::SetTimer { timer: Timer::Votes(of), .. } if *of == tx(2));
        effects.iter().any(timer)
    };
    let one = receive(&mut coord, STOCK, Msg::Inquire { tx: tx(2) });
    assert_eq!(prepares(&sent(one.clone())), [tx(2)], "a vote that was lost is sent again");
    assert!(!votes_timer(&one), "pay has neither voted nor asked");
    assert!(votes_timer(&receive(&mut coord, PAY, Msg::Inquire { tx: tx(2) })));
    assert!(!votes_timer(&receive(&mut coord, PAY, Msg::Inquire { tx: tx(2) })), "stock is silent");
}

/// What a read saw is in the vote. A participant that was restarted since may have lost it, so a read is
/// never voted on twice: its coordinator gives it up, and the reader asks again.
#[test]
fn a_read_is_not_prepared_a_second_time() {
    let mut coord = Coordinator::default();
    react(&mut coord, COORD, Duration::ZERO, Input::Boot { start: 1 });
    let order = Order::new(&[(STOCK, "boots", 0), (PAY, "till", 0)]);
    receive(&mut coord, READER, Msg::Submit { key: Key::new("read"), order });
    assert_eq!(receive(&mut coord, PAY, Msg::Inquire { tx: tx(1) }), []);
}
