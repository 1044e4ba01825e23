//! Users who buy over the pages of the whole shop, and which of their requests are recorded.

use ch04_tracing::store::{self, Store};
use ch04_tracing::system::shop::SYSTEM;
use lab::http::Caller;
use lab::system::{Customer, Options, Workload};
use serde_json::{Value, json};

use crate::{TestShop, text};

/// Of each user.
const PURCHASES: u64 = 4;
/// Of all three.
const SOLD: u64 = 3 * PURCHASES;

/// Asks for one more, if there is one that it wants.
async fn buys((user, bought): &mut (Box<dyn Customer>, u64)) {
    if *bought < PURCHASES && user.ask(*bought).await.is_ok() {
        *bought += 1;
    }
}

impl TestShop {
    fn buyers(&self) -> Box<dyn Workload> {
        SYSTEM.workload_of(self.cluster.front(), &self.cluster.endpoints())
    }

    /// Some users buy at once, and ask again until all have what they want.
    fn users_buy(&self, buyers: &dyn Workload, name: &str) {
        let mut users = [0, 1, 2].map(|user| (buyers.customer(format!("{name}-{user}"), user), 0));
        self.until("all have bought", || {
            let [one, other, third] = &mut users;
            self.runtime.block_on(async { tokio::join!(buys(one), buys(other), buys(third)) });
            users.iter().all(|(_, bought)| *bought == PURCHASES).then_some(())
        });
    }

    /// Until a user can buy: the group of replicas has a leader.
    fn opens(&self, buyers: &dyn Workload) {
        let mut first = buyers.customer("first".into(), 7);
        self.until("a first purchase", || self.runtime.block_on(first.ask(0)).ok());
    }

    fn audit(&self, buyers: &dyn Workload) -> Value {
        self.until("an audit", || self.runtime.block_on(buyers.audit()).ok())
    }

    /// How many processes had to do with each purchase whose trace is whole.
    fn purchases(&self) -> Option<Vec<usize>> {
        let mut collector = Caller::new(self.cluster.endpoint("collector"));
        let list = self.runtime.block_on(collector.get("/api/traces?limit=1000")).ok()?.body;
        let all = list["traces"].as_array()?.iter();
        let bought = all.filter(|one| text(one, "name") == "POST /buy" && one["missing"] == 0);
        bought.map(|trace| Some(trace["services"].as_object()?.len())).collect()
    }
}

#[test]
fn users_who_buy_come_through_and_a_purchase_of_theirs_is_a_trace_through_the_chapters() {
    let shop = TestShop::whole();
    let buyers = shop.buyers();
    shop.opens(&*buyers);
    // The shelf is empty: what is sold has to be brought.
    let mut coord = Caller::new(shop.cluster.front());
    let order =
        json!({ "key": "empty", "from": "stock/candle", "to": "stock/s0000", "amount": 499 });
    let emptied = shop.runtime.block_on(coord.post("/transfer", &order)).unwrap();
    assert_eq!(emptied.status, 200, "{:?}", emptied.body);
    let before = shop.audit(&*buyers);
    shop.users_buy(&*buyers, "user");
    let after = shop.audit(&*buyers);
    let (is_ok, why) = buyers.verdict(&before, &after);
    assert!(is_ok, "{why}");
    assert_eq!(before["goods"].as_u64(), after["goods"].as_u64().map(|goods| goods + SOLD));
    // Those who come back are still signed in, and buy at the same shop.
    shop.users_buy(&*buyers, "again");
    let after = shop.audit(&*buyers);
    assert_eq!((&after["open"], &after["forced"]), (&json!(0), &json!(0)), "{after}");
    // The balancer, a web process, coordinator and participants, three replicas.
    shop.until("a whole trace of a purchase", || shop.purchases()?.contains(&8).then_some(()));
}

#[test]
fn a_shop_that_records_no_request_sells_as_well_and_stores_no_span() {
    let options = Options::default().with_value("shop-port", "0").with_value("sample", "0");
    let shop = TestShop::with(options);
    let buyers = shop.buyers();
    shop.opens(&*buyers);
    shop.users_buy(&*buyers, "user");
    let TestShop { cluster, _dir: dir, .. } = shop;
    let data = cluster.dir().join("collector");
    // All roles send what they have when they end.
    cluster.stop().unwrap();
    let store = Store::open(&data, store::Options::default()).unwrap();
    assert_eq!(store.spans(), 0);
    drop(dir);
}
