//! Balances that tell what is in them: the shop's histories as transactions on lists.
//!
//! To check whether transactions look as if they were done one after the other, a test has them
//! append to lists and read lists ([`lab::check::append`]): a list shows which transactions came
//! before. The shop only adds. So let every order add a power of two of its own to each account
//! that it touches. Then no two sets of orders leave the same balance, and a balance shows which
//! orders are in it, whatever went wrong. The participant's own log shows in which order they were
//! done: it has one *committed* after the other.
//!
//! This turns a read into reads of lists, and an order into appends of its key. It reports no
//! violation where there is none. What a read has seen is decoded from the balance alone; the log
//! only sorts it. If the shop did something that its log does not say, then a list that is read is
//! no beginning of the log's, and that is a violation of its own. The log decides alone only where
//! two orders were never seen apart; two sums do not show which came first, two lists might have.
//!
//! # Left out
//!
//! Orders that read and change at once: the shop answers either.

use std::collections::BTreeMap;

use lab::NodeId;
use lab::check::{Entry, History, Type};
use serde_json::{Value, json};

use ch02_two_phase_commit::types::{Account, Balances, Change, Key, Order, PAY, STOCK};

/// An account and who keeps it.
type Place = (NodeId, Account);

/// Everything that is needed to read balances as lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    opening: BTreeMap<Place, u64>,
    /// Who adds what; the amounts of one account are distinct powers of two, with any sign.
    added: BTreeMap<Place, BTreeMap<i64, Key>>,
    /// What each participant committed, in the order of its log.
    logs: BTreeMap<NodeId, Vec<Key>>,
}

/// One thing that happened at a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ClientEvent {
    /// It asked for an order, or for a read with this order.
    Asked(Order),
    /// The order is done; a read is answered with balances.
    Done(BTreeMap<NodeId, Balances>),
    /// It is not done, and never will be.
    Declined,
    /// The client does not know.
    #[allow(dead_code, reason = "of the two test programs that share this, one needs it")]
    Unknown,
}

impl Lists {
    /// Accounts with what is on them at first.
    #[must_use]
    pub(crate) fn new(keeper: NodeId, opening: &Balances) -> Self {
        let mut lists = Self::default();
        lists.open(keeper, opening);
        lists
    }

    /// More accounts, of another keeper.
    pub(crate) fn open(&mut self, keeper: NodeId, opening: &Balances) {
        let places = opening.iter().map(|(account, amount)| ((keeper, account.clone()), *amount));
        self.opening.extend(places);
    }

    /// An order that a client will ask for.
    ///
    /// # Panics
    /// If it adds what is no power of two, or one that another order adds to the same account.
    pub(crate) fn order(&mut self, key: &Key, order: &Order) {
        for (keeper, change) in lines(order).filter(|(_, change)| change.by != 0) {
            let (by, place) = (change.by, (keeper, change.account.clone()));
            assert!(by.unsigned_abs().is_power_of_two(), "{key} adds {by}: no power of two");
            let added = self.added.entry(place).or_default();
            assert!(!added.contains_key(&-by), "{key} takes away what another order adds");
            let before = added.insert(by, key.clone());
            assert!(before.is_none(), "{key} adds what {before:?} adds");
        }
    }

    /// A participant has committed what it had prepared for this key.
    pub(crate) fn committed(&mut self, keeper: NodeId, key: &Key) {
        self.logs.entry(keeper).or_default().push(key.clone());
    }

    /// What clients were told, as a history of transactions on lists, in the order it is given.
    ///
    /// # Errors
    /// A balance that no orders add up to.
    ///
    /// # Panics
    /// If a client asked for an order that is not known here.
    pub(crate) fn history<'a>(
        &self,
        events: impl IntoIterator<Item = (u64, u64, &'a ClientEvent)>,
    ) -> Result<History, String> {
        let mut asked: BTreeMap<u64, Order> = BTreeMap::new();
        let mut entries = Vec::new();
        for (time, process, what) in events {
            let (kind, value) = match what {
                ClientEvent::Asked(order) => {
                    asked.insert(process, order.clone());
                    (Type::Invoke, self.question(order))
                }
                ClientEvent::Done(seen) => (Type::Ok, self.answer(&asked[&process], seen)?),
                ClientEvent::Declined => (Type::Fail, Value::Null),
                ClientEvent::Unknown => (Type::Info, Value::Null),
            };
            entries.push(Entry { process, kind, f: "txn".into(), key: Value::Null, value, time });
        }
        Ok(History::of(entries))
    }

    fn question(&self, order: &Order) -> Value {
        let op = |(keeper, change): (NodeId, &Change)| {
            let name = name(keeper, &change.account);
            if change.by == 0 {
                return json!(["r", name, null]);
            }
            json!(["append", name, self.added[&(keeper, change.account.clone())][&change.by]])
        };
        lines(order).map(op).collect()
    }

    fn answer(&self, order: &Order, seen: &BTreeMap<NodeId, Balances>) -> Result<Value, String> {
        let mut answer = self.question(order);
        let ops = answer.as_array_mut().into_iter().flatten();
        for (op, (keeper, change)) in ops.zip(lines(order)) {
            if change.by == 0 {
                let balances = seen.get(&keeper);
                let amount = balances.and_then(|balances| balances.get(&change.account));
                let amount = amount.ok_or_else(|| format!("{} was not seen", change.account))?;
                op[2] = json!(self.list(keeper, &change.account, *amount)?);
            }
        }
        Ok(answer)
    }

    /// The orders in a balance, in the order of the log; what the log does not have comes last.
    ///
    /// # Errors
    /// No orders add up to it.
    pub(crate) fn list(
        &self,
        keeper: NodeId,
        account: &Account,
        amount: u64,
    ) -> Result<Vec<Key>, String> {
        let place = (keeper, account.clone());
        let name = name(keeper, account);
        let none = BTreeMap::new();
        let added = self.added.get(&place).unwrap_or(&none);
        let opening = self.opening.get(&place).ok_or_else(|| format!("there is no {name}"))?;
        let mut rest = i128::from(amount) - i128::from(*opening);
        let mut found = Vec::new();
        // The lowest bit that is set can only come from the order that adds or takes just that.
        while rest != 0 {
            let bit = rest & -rest;
            let either = [bit, -bit].map(|by| i64::try_from(by).ok());
            let by = either.into_iter().flatten().find(|by| added.contains_key(by));
            let by = by.ok_or_else(|| format!("no orders bring {name} to {amount}"))?;
            found.push(added[&by].clone());
            rest -= i128::from(by);
        }
        let log = self.logs.get(&keeper).map(Vec::as_slice).unwrap_or_default();
        let place: BTreeMap<&Key, usize> = log.iter().zip(0..).collect();
        found.sort_by_key(|key| place.get(key).copied().unwrap_or(usize::MAX));
        Ok(found)
    }
}

fn lines(order: &Order) -> impl Iterator<Item = (NodeId, &Change)> {
    order.0.iter().flat_map(|(keeper, branch)| branch.iter().map(|change| (*keeper, change)))
}

fn name(keeper: NodeId, account: &Account) -> String {
    match keeper {
        STOCK => format!("stock/{account}"),
        PAY => format!("pay/{account}"),
        other => format!("{other}/{account}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let opening = BTreeMap::from([(Account::new("shelf"), 100), (Account::new("bin"), 0)]);
        let mut lists = Lists::new(STOCK, &opening);
        for (key, out, into) in [("a", -1, 4), ("b", -2, 1), ("c", -16, 2)] {
            let order = Order::new(&[(STOCK, "shelf", out), (STOCK, "bin", into)]);
            lists.order(&Key::new(key), &order);
        }
        for key in ["c", "a", "b"] {
            lists.committed(STOCK, &Key::new(key));
        }
        lists
    }

    fn list(account: &str, amount: u64) -> Result<String, String> {
        let keys = lists().list(STOCK, &Account::new(account), amount)?;
        Ok(keys.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_balance_says_which_orders_are_in_it_and_the_log_says_in_which_order() {
        for (account, amount, keys) in [
            ("shelf", 100, ""),
            ("shelf", 84, "c"),
            ("shelf", 83, "ca"),
            ("shelf", 81, "cab"),
            ("shelf", 97, "ab"),
            ("bin", 7, "cab"),
            ("bin", 5, "ab"),
        ] {
            assert_eq!(list(account, amount), Ok(keys.to_owned()), "{account} {amount}");
        }
    }

    #[test]
    fn a_balance_that_no_orders_add_up_to_is_no_list() {
        for (account, amount) in [("shelf", 101), ("shelf", 80), ("bin", 8), ("lid", 0)] {
            assert!(list(account, amount).is_err(), "{account} {amount}");
        }
    }

    #[test]
    #[should_panic(expected = "no power of two")]
    fn an_order_that_adds_three_could_be_taken_for_two_others() {
        lists().order(&Key::new("d"), &Order::new(&[(STOCK, "bin", 3)]));
    }
}
