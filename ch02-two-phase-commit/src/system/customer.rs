//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! The shop's customer on the command line: asks, and says what the answer means.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::{Value, json};

use super::call::{Answered, Caller};
use super::trouble::Trouble;

/// What a customer wants.
#[derive(Subcommand, Clone, Debug)]
pub enum Wanted {
    /// One order: goods off the shelf, coins into the till
    Buy {
        /// umbrella, boots or candle
        item: String,
        /// Who pays
        #[arg(long = "as", default_value = "alice")]
        customer: String,
        /// How many
        #[arg(long, default_value_t = 1)]
        quantity: u64,
        /// The same key is the same wish, however often you ask; default: a new one
        #[arg(long)]
        key: Option<String>,
    },
    /// From one account to another, such as stock/umbrella or pay/alice
    Transfer {
        /// Who gives
        from: String,
        /// Who takes
        to: String,
        /// How much
        amount: u64,
        /// The same key is the same wish, however often you ask; default: a new one
        #[arg(long)]
        key: Option<String>,
    },
    /// All balances of one moment
    Balances {
        /// Only these accounts, with commas between; or all
        #[arg(long)]
        of: Option<String>,
    },
    /// What every role waits for
    InDoubt,
}

/// What to say, and the exit code: 0 done, 1 not done, 3 not known yet.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) code: u8,
}

/// Asks the shop.
///
/// # Errors
/// A question that changes nothing got no answer.
pub(super) async fn ask(shop: SocketAddr, wanted: &Wanted) -> Result<Said, Trouble> {
    let mut caller = Caller::new(shop);
    match wanted {
        Wanted::Buy { item, customer, quantity, key } => {
            let key = key.clone().unwrap_or_else(fresh);
            let wish =
                json!({ "key": key, "item": item, "quantity": quantity, "customer": customer });
            Ok(told(&key, caller.post("/checkout", &wish).await))
        }
        Wanted::Transfer { from, to, amount, key } => {
            let key = key.clone().unwrap_or_else(fresh);
            let wish = json!({ "key": key, "from": from, "to": to, "amount": amount });
            Ok(told(&key, caller.post("/transfer", &wish).await))
        }
        Wanted::Balances { of } => {
            let query = of.as_ref().map_or_else(String::new, |of| format!("?of={of}"));
            if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
                return Err(Trouble::Refused(
                    "accounts are LEDGER/NAME, with commas between".into(),
                ));
            }
            let answer = caller.get(&format!("/balances{query}")).await?;
            let code = u8::from(answer.status != 200);
            Ok(Said { text: ledgers(&answer), code })
        }
        Wanted::InDoubt => {
            let answer = caller.get("/in-doubt").await?;
            let roles = answer.body.as_object().into_iter().flatten();
            let lines: Vec<String> = roles.map(|(role, says)| doubts(role, says)).collect();
            Ok(Said { text: lines.join("\n"), code: 0 })
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a key that nobody has used before")]
fn fresh() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("k{:x}{:x}", now.as_nanos(), std::process::id())
}

fn told(key: &str, answer: Result<Answered, Trouble>) -> Said {
    let pending = |why: &str| Said {
        text: format!("pending ({why}): ask again with the same key, --key {key}"),
        code: 3,
    };
    let answer = match answer {
        Ok(answer) => answer,
        // It may have been done. The same key finds out, and does it at most once.
        Err(trouble) => return pending(&trouble.to_string()),
    };
    let said = |text, code| Said { text, code };
    match answer.status {
        200 => said(format!("done, key {key}"), 0),
        202 => pending("no outcome yet"),
        503 => pending("too many orders are open"),
        409 => said(format!("declined, key {key}: {}", answer.field("why")), 1),
        422 => said(format!("not done: {}", answer.field("why")), 1),
        _ => said(format!("not understood: {}", answer.field("error")), 1),
    }
}

fn ledgers(answer: &Answered) -> String {
    if answer.status != 200 {
        return answer.field("error").to_owned();
    }
    let ledgers = answer.body.as_object().into_iter().flatten();
    let line = |(ledger, balances): (&String, &Value)| {
        let each = balances.as_object().into_iter().flatten();
        let each: Vec<String> = each.map(|(name, amount)| format!("{name} {amount}")).collect();
        format!("{ledger:<6} {}", each.join(", "))
    };
    ledgers.map(line).collect::<Vec<_>>().join("\n")
}

/// One role's doubts in one line.
pub(super) fn doubts(role: &str, says: &Value) -> String {
    if says.is_null() || says["up"] == json!(false) {
        return format!("{role:<6} down");
    }
    let list = |field: &str| {
        let items = says[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        let items: Vec<&str> = items.collect();
        match items.len() {
            0 => "nothing".to_owned(),
            1..=6 => items.join(", "),
            more => format!("{}, … ({more})", items[..6].join(", ")),
        }
    };
    let (doubt, locked) = (list("in_doubt"), list("locked"));
    // A coordinator decides: it waits for votes and acknowledgements, and locks nothing.
    if role.starts_with("coord") {
        format!("{role:<6} open: {doubt}")
    } else {
        format!("{role:<6} in doubt: {doubt}; locked: {locked}")
    }
}
