//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! Bytes from outside become an order, or a refusal that says what to change. Everything a node is
//! asked has passed here: known accounts, whole amounts in range, each account at most once.

use std::fmt;

use serde::Deserialize;

use super::catalog::{self, TILL};
use crate::accounts::MOST;
use crate::types::{Key, Order, PAY, STOCK};

/// No body may be larger.
pub const MAX_BODY: usize = 16 * 1024;
const MAX_KEY: usize = 64;
const MAX_LOOK: usize = 64 * 1024;

/// A request that was understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Which wish.
    pub key: Key,
    /// The wish.
    pub order: Order,
}

/// Why a request was not understood. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadWish {
    /// The body is not JSON of the expected form.
    Json(String),
    /// The key is missing its form.
    Key,
    /// Not an amount.
    Amount(&'static str),
    /// The shop does not sell this.
    Item(String),
    /// There is no such account.
    Account(String),
    /// The same account twice.
    SameAccount(String),
}

impl fmt::Display for BadWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => write!(f, "the body is not what is expected here: {why}"),
            Self::Key => write!(
                f,
                "\"key\" must be 1 to {MAX_KEY} visible ASCII characters; choose a new one for \
                 every new wish, and the same one to ask again"
            ),
            Self::Amount(field) => {
                write!(f, "\"{field}\" must be a whole number from 1 to {MOST}")
            }
            Self::Item(item) => {
                let sold: Vec<_> = catalog::PRICES.iter().map(|(name, _)| *name).collect();
                write!(f, "{} is not sold here; one of: {}", quote(item), sold.join(", "))
            }
            Self::Account(name) => write!(
                f,
                "there is no account {}; write LEDGER/NAME, such as stock/umbrella or pay/alice",
                quote(name)
            ),
            Self::SameAccount(name) => {
                write!(f, "{} would pay itself; name two accounts", quote(name))
            }
        }
    }
}

impl std::error::Error for BadWish {}

/// What somebody sent, short enough to be said back.
fn quote(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkout {
    key: String,
    item: String,
    quantity: u64,
    customer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    key: String,
    from: String,
    to: String,
    amount: u64,
}

impl Wish {
    /// `{"key","item","quantity","customer"}`: the goods leave the shelf, the coins change hands.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checkout(body: &[u8]) -> Result<Self, BadWish> {
        let Checkout { key, item, quantity, customer } = read(body)?;
        let key = checked_key(&key)?;
        let price = catalog::price(&item).ok_or_else(|| BadWish::Item(item.clone()))?;
        let goods = amount("quantity", quantity)?;
        let coins = quantity.checked_mul(price).ok_or(BadWish::Amount("quantity"))?;
        let coins = amount("quantity", coins)?;
        if customer == TILL {
            return Err(BadWish::SameAccount(customer));
        }
        if !catalog::known("pay", &customer) {
            return Err(BadWish::Account(format!("pay/{customer}")));
        }
        let lines = [(STOCK, &*item, -goods), (PAY, &*customer, -coins), (PAY, TILL, coins)];
        Ok(Self { key, order: Order::new(&lines) })
    }

    /// `{"key","from","to","amount"}`: between any two accounts, of one ledger or two.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn transfer(body: &[u8]) -> Result<Self, BadWish> {
        let Transfer { key, from, to, amount: much } = read(body)?;
        let key = checked_key(&key)?;
        let much = amount("amount", much)?;
        let (giver, taker) = (account(&from)?, account(&to)?);
        if giver == taker {
            return Err(BadWish::SameAccount(from));
        }
        let lines = [(giver.0, giver.1, -much), (taker.0, taker.1, much)];
        Ok(Self { key, order: Order::new(&lines) })
    }
}

/// An order that changes nothing and looks at these accounts, named `LEDGER/NAME` with commas
/// between; at the shop's own without any, and at every account there is for `all`.
pub(super) fn look(of: Option<&str>) -> Result<Order, BadWish> {
    let lines: Vec<String> = match of {
        None => catalog::OPENING.iter().map(|(l, a, _)| format!("{l}/{a}")).collect(),
        Some("all") => ["stock", "pay"]
            .into_iter()
            .flat_map(|l| catalog::accounts(l).into_iter().map(move |(a, _)| format!("{l}/{a}")))
            .collect(),
        Some(names) if names.len() > MAX_LOOK => return Err(BadWish::Account(names.into())),
        Some(names) => names.split(',').map(ToOwned::to_owned).collect(),
    };
    let mut lines = lines.iter().map(|name| account(name)).collect::<Result<Vec<_>, _>>()?;
    lines.sort_unstable();
    lines.dedup();
    let lines: Vec<_> = lines.into_iter().map(|(keeper, account)| (keeper, account, 0)).collect();
    Ok(Order::new(&lines))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadWish> {
    serde_json::from_slice(body).map_err(|e| BadWish::Json(e.to_string()))
}

fn checked_key(text: &str) -> Result<Key, BadWish> {
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    if visible && (1..=MAX_KEY).contains(&text.len()) {
        Ok(Key::new(text))
    } else {
        Err(BadWish::Key)
    }
}

fn amount(field: &'static str, amount: u64) -> Result<i64, BadWish> {
    let bad = BadWish::Amount(field);
    if (1..=MOST).contains(&amount) { i64::try_from(amount).map_err(|_| bad) } else { Err(bad) }
}

fn account(name: &str) -> Result<(lab::NodeId, &str), BadWish> {
    let unknown = || BadWish::Account(name.to_owned());
    let (ledger, account) = name.split_once('/').ok_or_else(unknown)?;
    let keeper = catalog::keeper(ledger).ok_or_else(unknown)?;
    if catalog::known(ledger, account) { Ok((keeper, account)) } else { Err(unknown()) }
}

#[cfg(test)]
#[path = "wish/tests.rs"]
mod tests;
