//! Load on the shop: transfers between numbered accounts, and the total of all accounts, which no
//! transfer changes.

use std::net::SocketAddr;

use lab::http::Caller;
use lab::measure::{Failed, Waits};
use lab::rng::Rng;
use lab::system::{BoxFuture, Customer, Error, Words, Workload};
use serde_json::{Value, json};

use super::NAME;
use super::catalog::number;

pub(super) struct Transfers {
    pub(super) shop: SocketAddr,
    /// So many on each side.
    pub(super) accounts: u64,
}

/// Moves one from a numbered account of one ledger to one of the other.
struct Payer {
    shop: Caller,
    accounts: u64,
    name: String,
    rng: Rng,
}

impl Customer for Payer {
    fn ask(&mut self, n: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            let mut ends = ["stock", "pay"].map(|ledger| {
                let account = number(ledger, self.rng.pick(0..self.accounts));
                format!("{ledger}/{account}")
            });
            if n % 2 == 1 {
                ends.reverse();
            }
            let [from, to] = ends;
            let key = format!("{}-{n}", self.name);
            let order = json!({ "key": key, "from": from, "to": to, "amount": 1 });
            match self.shop.post("/transfer", &order).await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(_) | Err(_) => Err(Failed),
            }
        })
    }
}

impl Workload for Transfers {
    fn words(&self) -> Words {
        Words {
            unit: "commit",
            done: "committed",
            waits: Waits { fsyncs: 2, round_trips: 2 },
            because: "an order waits for two fsyncs, one after the other, and two round trips",
        }
    }

    fn customer(&self, name: String, seed: u64) -> Box<dyn Customer> {
        let (shop, accounts) = (Caller::new(self.shop), self.accounts);
        Box::new(Payer { shop, accounts, name, rng: Rng::new(seed) })
    }

    /// The total of all accounts there are, all of one moment.
    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            let answer = Caller::new(self.shop).get("/balances?of=all").await;
            let answer = answer.map_err(|none| Error::no_answer(NAME, none))?;
            if answer.status == 503 {
                // A role is just being restarted, or what is read is locked: worth another question.
                let (whom, why) = ("the shop".into(), answer.field("error").to_owned());
                return Err(Error::silent(NAME, whom, why));
            }
            if answer.status != 200 {
                return Err(Error::Refused(format!("no balances: {}", answer.field("error"))));
            }
            let ledgers = answer.body.as_object().into_iter().flat_map(|ledgers| ledgers.values());
            let amounts = ledgers.filter_map(Value::as_object).flat_map(|ledger| ledger.values());
            Ok(json!(amounts.filter_map(Value::as_u64).sum::<u64>()))
        })
    }

    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        (before == after, format!("the total of all accounts was {before} and is {after}"))
    }
}
