//! Bytes from outside become an order, or a refusal that says what to change. Everything a node is
//! asked has passed here: known accounts, whole amounts in range, each account at most once.

use lab::http::object;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::catalog::{self, TILL};
use crate::accounts::MOST;
use crate::types::{Key, Order, PAY, STOCK};

/// No body may be larger.
pub const MAX_BODY: usize = 16 * 1024;
const MAX_KEY: usize = 64;
const MAX_READ: usize = 64 * 1024;

/// A request that was understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Which request: the same key is the same request.
    pub key: Key,
    /// What is ordered.
    pub order: Order,
}

/// Why a request was not understood. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRequest {
    /// The body is not JSON of the expected form.
    #[error("the body is not what is expected here: {0}")]
    Json(String),
    /// The key is missing its form.
    #[error(
        "\"key\" must be 1 to {MAX_KEY} visible ASCII characters; choose a new one for every new \
         order, and the same one to ask again"
    )]
    Key,
    /// Not an amount.
    #[error("\"{0}\" must be a whole number from 1 to {MOST}")]
    Amount(&'static str),
    /// The shop does not sell this.
    #[error("{} is not sold here; one of: {}", quote(.0), sold())]
    Item(String),
    /// There is no such account.
    #[error(
        "there is no account {}; write LEDGER/NAME, such as stock/umbrella or pay/alice", quote(.0)
    )]
    Account(String),
    /// The same account twice.
    #[error("{} would pay itself; name two accounts", quote(.0))]
    SameAccount(String),
}

fn sold() -> String {
    catalog::PRICES.map(|(name, _)| name).join(", ")
}

/// What a client sent, short enough to be sent back.
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

impl Request {
    /// `{"key","item","quantity","customer"}`: the goods leave the shelf, the coins change hands.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checkout(body: &[u8]) -> Result<Self, BadRequest> {
        let Checkout { key, item, quantity, customer } = parse(body)?;
        let key = checked_key(&key)?;
        let price = catalog::price(&item).ok_or_else(|| BadRequest::Item(item.clone()))?;
        let goods = amount("quantity", quantity)?;
        let coins = quantity.checked_mul(price).ok_or(BadRequest::Amount("quantity"))?;
        let coins = amount("quantity", coins)?;
        if customer == TILL {
            return Err(BadRequest::SameAccount(customer));
        }
        if !catalog::known("pay", &customer) {
            return Err(BadRequest::Account(format!("pay/{customer}")));
        }
        let lines = [(STOCK, &*item, -goods), (PAY, &*customer, -coins), (PAY, TILL, coins)];
        Ok(Self { key, order: Order::new(&lines) })
    }

    /// `{"key","from","to","amount"}`: between any two accounts, of one ledger or two.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn transfer(body: &[u8]) -> Result<Self, BadRequest> {
        let Transfer { key, from, to, amount: much } = parse(body)?;
        let key = checked_key(&key)?;
        let much = amount("amount", much)?;
        let (giver, taker) = (account(&from)?, account(&to)?);
        if giver == taker {
            return Err(BadRequest::SameAccount(from));
        }
        let lines = [(giver.0, giver.1, -much), (taker.0, taker.1, much)];
        Ok(Self { key, order: Order::new(&lines) })
    }
}

/// An order that changes nothing and reads these accounts, named `LEDGER/NAME` with commas
/// between; at the shop's own without any, and at every account there is for `all`.
pub(super) fn read_only(of: Option<&str>) -> Result<Order, BadRequest> {
    let lines: Vec<String> = match of {
        None => catalog::OPENING.iter().map(|(l, a, _)| format!("{l}/{a}")).collect(),
        Some("all") => ["stock", "pay"]
            .into_iter()
            .flat_map(|l| catalog::accounts(l).into_iter().map(move |(a, _)| format!("{l}/{a}")))
            .collect(),
        Some(names) if names.len() > MAX_READ => return Err(BadRequest::Account(names.into())),
        Some(names) => names.split(',').map(ToOwned::to_owned).collect(),
    };
    let mut lines = lines.iter().map(|name| account(name)).collect::<Result<Vec<_>, _>>()?;
    lines.sort_unstable();
    lines.dedup();
    let lines: Vec<_> = lines.into_iter().map(|(keeper, account)| (keeper, account, 0)).collect();
    Ok(Order::new(&lines))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadRequest> {
    object(body).map_err(BadRequest::Json)
}

fn checked_key(text: &str) -> Result<Key, BadRequest> {
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    if visible && (1..=MAX_KEY).contains(&text.len()) {
        Ok(Key::new(text))
    } else {
        Err(BadRequest::Key)
    }
}

fn amount(field: &'static str, amount: u64) -> Result<i64, BadRequest> {
    let bad = BadRequest::Amount(field);
    if (1..=MOST).contains(&amount) { i64::try_from(amount).map_err(|_| bad) } else { Err(bad) }
}

fn account(name: &str) -> Result<(lab::NodeId, &str), BadRequest> {
    let unknown = || BadRequest::Account(name.to_owned());
    let (ledger, account) = name.split_once('/').ok_or_else(unknown)?;
    let keeper = catalog::keeper(ledger).ok_or_else(unknown)?;
    if catalog::known(ledger, account) { Ok((keeper, account)) } else { Err(unknown()) }
}

#[cfg(test)]
mod tests;
