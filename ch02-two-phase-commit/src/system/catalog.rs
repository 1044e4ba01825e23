//! What the shop sells, and who has what when it opens. Constants: an account is never opened or
//! closed, so every log can be read with the same beginning.

use lab::NodeId;

use crate::accounts::Accounts;
use crate::types::{PAY, STOCK};

/// What is sold, and for how many coins.
pub const PRICES: [(&str, u64); 3] = [("umbrella", 12), ("boots", 30), ("candle", 2)];

/// Where the coins go.
pub(super) const TILL: &str = "till";

/// What is there when the shop opens: ledger, account, amount.
pub const OPENING: [(&str, &str, u64); 7] = [
    ("stock", "umbrella", 300),
    ("stock", "boots", 200),
    ("stock", "candle", 500),
    ("pay", "alice", 500),
    ("pay", "bob", 500),
    ("pay", "carol", 500),
    ("pay", TILL, 100),
];

/// Beside the named ones, each ledger has this many numbered accounts, `s0000…` and `p0000…`, for
/// load and for tests.
pub(super) const NUMBERED: u64 = 1_000;
/// What is on each of them.
const ON_NUMBERED: u64 = 1_000;

/// The price of one item.
#[must_use]
pub fn price(item: &str) -> Option<u64> {
    PRICES.iter().find(|(name, _)| *name == item).map(|(_, price)| *price)
}

/// The participant that keeps a ledger.
#[must_use]
pub(super) fn keeper(ledger: &str) -> Option<NodeId> {
    match ledger {
        "stock" => Some(STOCK),
        "pay" => Some(PAY),
        _ => None,
    }
}

/// The ledger that a participant keeps.
pub(super) fn ledger(keeper: NodeId) -> &'static str {
    if keeper == STOCK { "stock" } else { "pay" }
}

/// Whether a ledger has this account.
#[must_use]
pub fn known(ledger: &str, account: &str) -> bool {
    OPENING.iter().any(|(l, a, _)| (*l, *a) == (ledger, account)) || numbered(ledger, account)
}

fn numbered(ledger: &str, account: &str) -> bool {
    let prefix = match ledger {
        "stock" => 's',
        "pay" => 'p',
        _ => return false,
    };
    let digits = account.strip_prefix(prefix).unwrap_or_default();
    digits.len() == 4
        && digits.bytes().all(|b| b.is_ascii_digit())
        && digits.parse().is_ok_and(|number: u64| number < NUMBERED)
}

/// The name of a numbered account.
pub(super) fn number(ledger: &str, number: u64) -> String {
    let prefix = if ledger == "stock" { 's' } else { 'p' };
    format!("{prefix}{number:04}")
}

/// All accounts of a ledger with their opening amounts, the named ones first.
pub(super) fn accounts(of: &str) -> Vec<(String, u64)> {
    let named = OPENING.iter().filter(|(ledger, ..)| *ledger == of);
    let named = named.map(|(_, account, amount)| ((*account).to_owned(), *amount));
    let numbered = (0..NUMBERED).map(|n| (number(of, n), ON_NUMBERED));
    named.chain(numbered).collect()
}

/// A participant's accounts when the shop opens.
#[must_use]
pub fn opening(keeper: NodeId) -> Accounts {
    let all = accounts(ledger(keeper));
    let all: Vec<(&str, u64)> = all.iter().map(|(name, amount)| (name.as_str(), *amount)).collect();
    Accounts::new(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_accounts_are_exactly_the_ones_that_are_opened() {
        for (ledger, keeper) in [("stock", STOCK), ("pay", PAY)] {
            let opened = opening(keeper);
            assert!(opened.balances().keys().all(|account| known(ledger, &account.0)));
            assert_eq!(opened.balances().len(), accounts(ledger).len());
        }
        for (ledger, account) in
            [("stock", "alice"), ("pay", "p1000"), ("pay", "p+01"), ("pay", "p001"), ("x", "s0001")]
        {
            assert!(!known(ledger, account), "{ledger}/{account}");
        }
    }
}
