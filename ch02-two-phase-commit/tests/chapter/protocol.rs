//! One step in, effects out: the rules of the protocol, sentence by sentence.

use std::time::Duration;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop::{Effect, Input, Shop};
use ch02_two_phase_commit::step3_log_first::{Coordinator, Participant};
use ch02_two_phase_commit::types::{
    COORD, Key, Msg, Order, Outcome, PAY, Record, Refusal, STOCK, Timer, TxId, Vote,
};
use ch02_two_phase_commit::worlds::{CLIENT, umbrella};
use lab::Node;
use lab::node::react;

const TX: TxId = TxId { start: 1, count: 1, attempt: 1 };

fn take(node: &mut impl Node<Protocol = Shop>, input: Input) -> Vec<Effect> {
    react(node, COORD, Duration::ZERO, input)
}

fn receive(node: &mut impl Node<Protocol = Shop>, from: lab::NodeId, msg: Msg) -> Vec<Effect> {
    take(node, Input::Message { from, msg })
}

fn submit(order: Order) -> Msg {
    Msg::Submit { key: Key::new("order-1"), order }
}

fn coordinator_in_voting() -> Coordinator {
    let mut coordinator = Coordinator::default();
    take(&mut coordinator, Input::Boot { start: 1 });
    receive(&mut coordinator, CLIENT, submit(umbrella(2)));
    coordinator
}

fn stock_with(umbrellas: u64) -> Participant {
    Participant::new(Accounts::new(&[("umbrella", umbrellas)]))
}

fn prepare() -> Msg {
    let branch = umbrella(2).0[&STOCK].clone();
    Msg::Prepare { tx: TX, key: Key::new("order-1"), branch }
}

fn yes() -> Msg {
    Msg::Vote { tx: TX, vote: Vote::Yes(std::collections::BTreeMap::new()) }
}

fn position(effects: &[Effect], wanted: impl Fn(&Effect) -> bool) -> usize {
    effects.iter().position(wanted).unwrap_or_else(|| panic!("not among {effects:?}"))
}

/// Mohan, Lindsay and Obermarck 1986, section 2: "force-writes a prepare record … before voting".
#[test]
fn a_participant_writes_prepared_before_it_votes_yes() {
    let effects = receive(&mut stock_with(1), COORD, prepare());
    let written = position(&effects, |e| matches!(e, Effect::Persist(Record::Prepared { .. })));
    let voted = position(&effects, |e| matches!(e, Effect::Send { msg: Msg::Vote { .. }, .. }));
    assert!(written < voted);
}

#[test]
fn a_no_needs_no_record() {
    let effects = receive(&mut stock_with(0), COORD, prepare());
    let refusal = Refusal::OutOfRange(ch02_two_phase_commit::types::Account::new("umbrella"));
    let no = Msg::Vote { tx: TX, vote: Vote::No(refusal) };
    assert_eq!(effects, vec![Effect::Send { to: COORD, msg: no }]);
}

#[test]
fn the_coordinator_writes_its_decision_before_it_sends_it() {
    let mut coordinator = coordinator_in_voting();
    receive(&mut coordinator, STOCK, yes());
    let effects = receive(&mut coordinator, PAY, yes());
    let written = position(&effects, |e| matches!(e, Effect::Persist(Record::Decided { .. })));
    let first_word = position(&effects, |e| matches!(e, Effect::Send { .. }));
    assert!(written < first_word);
}

#[test]
fn one_vote_is_not_enough_however_often_it_comes() {
    let mut coordinator = coordinator_in_voting();
    for _ in 0..3 {
        assert_eq!(receive(&mut coordinator, STOCK, yes()), Vec::new());
    }
}

#[test]
fn an_inquiry_during_the_vote_gets_no_answer() {
    let mut coordinator = coordinator_in_voting();
    assert_eq!(receive(&mut coordinator, STOCK, Msg::Inquire { tx: TX }), Vec::new());
}

/// Presumed abort: no information means abort.
#[test]
fn an_inquiry_about_an_unknown_attempt_is_answered_abort() {
    let mut coordinator = Coordinator::default();
    take(&mut coordinator, Input::Boot { start: 2 });
    let effects = receive(&mut coordinator, STOCK, Msg::Inquire { tx: TX });
    assert_eq!(effects, vec![Effect::Send { to: STOCK, msg: Msg::Abort { tx: TX } }]);
}

#[test]
fn a_commit_for_an_attempt_it_never_prepared_gets_no_ack() {
    assert_eq!(receive(&mut stock_with(1), COORD, Msg::Commit { tx: TX }), Vec::new());
}

#[test]
fn a_second_commit_is_acknowledged_again_and_changes_nothing() {
    let mut stock = stock_with(1);
    receive(&mut stock, COORD, prepare());
    receive(&mut stock, COORD, Msg::Commit { tx: TX });
    let before = stock.clone();
    let effects = receive(&mut stock, COORD, Msg::Commit { tx: TX });
    assert_eq!(effects, vec![Effect::Send { to: COORD, msg: Msg::Ack { tx: TX } }]);
    assert_eq!(stock, before);
}

#[test]
fn a_restarted_participant_asks_about_what_it_had_prepared() {
    let mut stock = stock_with(1);
    let branch = umbrella(2).0[&STOCK].clone();
    let record = Record::Prepared { tx: TX, key: Key::new("order-1"), branch };
    take(&mut stock, Input::Replay(record));
    let effects = take(&mut stock, Input::Boot { start: 2 });
    assert_eq!(effects[0], Effect::Send { to: COORD, msg: Msg::Inquire { tx: TX } });
    assert!(matches!(effects[1], Effect::SetTimer { timer: Timer::Ask(TX), .. }));
}

#[test]
fn the_same_key_with_another_order_is_refused_and_the_first_stands() {
    let mut coordinator = coordinator_in_voting();
    receive(&mut coordinator, STOCK, yes());
    receive(&mut coordinator, PAY, yes());
    let other = submit(Order::new(&[(STOCK, "umbrella", -2)]));
    let effects = receive(&mut coordinator, CLIENT, other);
    let answer = Msg::Answer { key: Key::new("order-1"), outcome: Outcome::KeyReused };
    assert_eq!(effects, vec![Effect::Send { to: CLIENT, msg: answer }]);
    let effects = receive(&mut coordinator, CLIENT, submit(umbrella(2)));
    let answer = Msg::Answer { key: Key::new("order-1"), outcome: Outcome::done() };
    assert_eq!(effects, vec![Effect::Send { to: CLIENT, msg: answer }]);
}

#[test]
fn a_timeout_before_all_votes_are_in_is_an_abort() {
    let mut coordinator = coordinator_in_voting();
    receive(&mut coordinator, STOCK, yes());
    let effects = take(&mut coordinator, Input::Timeout(Timer::Votes(TX)));
    position(&effects, |e| *e == Effect::Send { to: STOCK, msg: Msg::Abort { tx: TX } });
    let late = receive(&mut coordinator, PAY, yes());
    assert_eq!(late, Vec::new(), "a vote that comes too late changes nothing");
}
