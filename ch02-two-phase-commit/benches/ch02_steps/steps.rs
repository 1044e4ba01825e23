//! One running shop for each step.

use std::path::Path;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::designs::row;
use ch02_two_phase_commit::shop::Shop;
use ch02_two_phase_commit::types::{COORD, Key, Msg, Order, Outcome, PAY, STOCK};
use lab::NodeId;
use lab::measure::{Exchange, Nodes, Step};

const PLENTY: u64 = 1_000_000_000;

const ORDER: Exchange<Shop> = Exchange { request, is_answer };

fn key(n: u64) -> Key {
    Key::new(&format!("order-{n}"))
}

fn request(_client: NodeId, n: u64) -> Msg {
    let order = Order::new(&[(STOCK, "umbrella", -1), (PAY, "alice", -1), (PAY, "till", 1)]);
    Msg::Submit { key: key(n), order }
}

fn is_answer(msg: &Msg, n: u64) -> bool {
    *msg == Msg::Answer { key: key(n), outcome: Outcome::done() }
}

/// All five steps, running, with their logs under `dir`.
pub(crate) fn all(dir: &Path) -> Vec<Box<dyn Step>> {
    ["step1", "step2", "step3", "step4", "step5"].map(|name| start(name, dir)).into()
}

fn start(name: &'static str, dir: &Path) -> Box<dyn Step> {
    let (design, verdict) = (&row(name).nodes, row(name).info.verdict);
    let participant = |accounts: &[(&str, u64)]| (design.participant)(Accounts::new(accounts));
    let nodes = vec![
        (COORD, (design.coordinator)()),
        (STOCK, participant(&[("umbrella", PLENTY)])),
        (PAY, participant(&[("alice", PLENTY), ("till", 0)])),
    ];
    Box::new(Nodes::start((name, verdict), dir, nodes, &[COORD], ORDER))
}
