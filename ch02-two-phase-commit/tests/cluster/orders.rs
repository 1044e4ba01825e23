//! One order after the other, no process dies.

use ch02_two_phase_commit::system::SYSTEM;
use lab::system::{Cluster, Config};
use serde_json::json;

use crate::kit::{TestCluster, total};

#[test]
fn orders_are_done_once_declined_whole_and_never_replaced() {
    let test = TestCluster::new();
    let opening = test.balances();
    assert_eq!(test.get("/health").body["up"], json!(true));

    let bought = test.checkout("k1", "umbrella", 2, "alice");
    assert_eq!((bought.status, bought.field("outcome")), (200, "done"));
    let again = test.checkout("k1", "umbrella", 2, "alice");
    assert_eq!((again.status, again.field("outcome")), (200, "done"));
    let other = test.checkout("k1", "umbrella", 1, "alice");
    assert_eq!((other.status, other.field("outcome")), (422, "key reused"));
    let now = test.balances();
    assert_eq!(now["stock"]["umbrella"], json!(298));
    assert_eq!((&now["pay"]["alice"], &now["pay"]["till"]), (&json!(476), &json!(124)));

    let poor = test.checkout("k2", "boots", 100, "bob");
    assert_eq!((poor.status, poor.field("outcome")), (409, "declined"));
    assert_eq!(poor.field("why"), "not enough: bob");
    let sold_out = test.checkout("k3", "candle", 501, "p0000");
    assert_eq!((sold_out.status, sold_out.field("outcome")), (409, "declined"));
    assert_eq!(test.balances(), now, "a declined order changes nothing");
    let still = test.checkout("k2", "boots", 100, "bob");
    assert_eq!(still.status, 409, "and stays declined");

    assert_eq!(test.transfer("k4", "stock/s0001", "pay/bob", 7).status, 200);
    assert_eq!(test.transfer("k5", "pay/bob", "pay/carol", 507).status, 200);
    assert_eq!(test.transfer("k6", "pay/bob", "pay/carol", 1).status, 409);
    let end = test.balances();
    assert_eq!((&end["pay"]["bob"], &end["pay"]["carol"]), (&json!(0), &json!(1007)));
    assert_eq!(total(&end), total(&opening) - 2, "two umbrellas have left the shop");
    test.settled();
    test.cluster.stop().unwrap();
}

#[test]
fn many_clients_with_one_key_at_once_all_get_the_same_answer_and_pay_once() {
    let test = TestCluster::new();
    let shop = test.cluster.front();
    let ask = || async move {
        let request = json!({"key": "one", "item": "boots", "quantity": 1, "customer": "carol"});
        let mut caller = lab::http::Caller::new(shop);
        loop {
            let answer = caller.post("/checkout", &request).await.unwrap();
            if answer.status != 202 {
                return answer.status;
            }
        }
    };
    let all: Vec<_> = (0..16).map(|_| test.runtime.spawn(ask())).collect();
    for one in all {
        assert_eq!(test.runtime.block_on(one).unwrap(), 200);
    }
    assert_eq!(test.balances()["pay"]["carol"], json!(470));
}

#[test]
fn a_second_cluster_on_the_same_directory_is_refused() {
    let test = TestCluster::new();
    let mut config = Config::new(SYSTEM, test.dir.path().join("data")).unwrap();
    config.program = crate::kit::PROGRAM.into();
    let refused = Cluster::start(config);
    let trouble = refused.err().expect("two parents for one log");
    assert!(trouble.to_string().contains("choose another --dir"), "{trouble}");
    assert_eq!(test.checkout("k", "candle", 1, "alice").status, 200, "and the first goes on");
}
