//! One order after the other, nobody dies.

use ch02_two_phase_commit::system::SYSTEM;
use lab::system::{Cluster, Config};
use serde_json::json;

use crate::kit::{Town, total};

#[test]
fn orders_are_done_once_declined_whole_and_never_replaced() {
    let town = Town::new();
    let opening = town.balances();
    assert_eq!(town.get("/health").body["up"], json!(true));

    let bought = town.checkout("k1", "umbrella", 2, "alice");
    assert_eq!((bought.status, bought.field("outcome")), (200, "done"));
    let again = town.checkout("k1", "umbrella", 2, "alice");
    assert_eq!((again.status, again.field("outcome")), (200, "done"));
    let other = town.checkout("k1", "umbrella", 1, "alice");
    assert_eq!((other.status, other.field("outcome")), (422, "key reused"));
    let now = town.balances();
    assert_eq!(now["stock"]["umbrella"], json!(298));
    assert_eq!((&now["pay"]["alice"], &now["pay"]["till"]), (&json!(476), &json!(124)));

    let poor = town.checkout("k2", "boots", 100, "bob");
    assert_eq!((poor.status, poor.field("outcome")), (409, "declined"));
    assert_eq!(poor.field("why"), "not enough: bob");
    let sold_out = town.checkout("k3", "candle", 501, "p0000");
    assert_eq!((sold_out.status, sold_out.field("outcome")), (409, "declined"));
    assert_eq!(town.balances(), now, "a declined order changes nothing");
    let still = town.checkout("k2", "boots", 100, "bob");
    assert_eq!(still.status, 409, "and stays declined");

    assert_eq!(town.transfer("k4", "stock/s0001", "pay/bob", 7).status, 200);
    assert_eq!(town.transfer("k5", "pay/bob", "pay/carol", 507).status, 200);
    assert_eq!(town.transfer("k6", "pay/bob", "pay/carol", 1).status, 409);
    let end = town.balances();
    assert_eq!((&end["pay"]["bob"], &end["pay"]["carol"]), (&json!(0), &json!(1007)));
    assert_eq!(total(&end), total(&opening) - 2, "two umbrellas have left the shop");
    town.settled();
    town.cluster.stop().unwrap();
}

#[test]
fn many_who_ask_with_one_key_at_once_all_hear_the_same_and_pay_once() {
    let town = Town::new();
    let shop = town.cluster.front();
    let ask = || async move {
        let wish = json!({"key": "one", "item": "boots", "quantity": 1, "customer": "carol"});
        let mut caller = lab::http::Caller::new(shop);
        loop {
            let answer = caller.post("/checkout", &wish).await.unwrap();
            if answer.status != 202 {
                return answer.status;
            }
        }
    };
    let all: Vec<_> = (0..16).map(|_| town.runtime.spawn(ask())).collect();
    for one in all {
        assert_eq!(town.runtime.block_on(one).unwrap(), 200);
    }
    assert_eq!(town.balances()["pay"]["carol"], json!(470));
}

#[test]
fn a_second_cluster_on_the_same_directory_is_refused() {
    let town = Town::new();
    let mut config = Config::new(SYSTEM, town.dir.path().join("data")).unwrap();
    config.program = crate::kit::PROGRAM.into();
    let refused = Cluster::start(config);
    let trouble = refused.err().expect("two parents for one log");
    assert!(trouble.to_string().contains("choose another --dir"), "{trouble}");
    assert_eq!(town.checkout("k", "candle", 1, "alice").status, 200, "and the first goes on");
}
