//! The shop's customer on the command line: asks, and says what the answer means.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use lab::http::{Answered, NoAnswer};
use lab::system::{Error, Handle, quoted, say};
use serde_json::{Value, json};

use super::status::doubts;

/// The command `client`.
#[derive(Args, Clone, Debug)]
pub(super) struct Client {
    #[command(subcommand)]
    wanted: Wanted,
}

/// What a customer wants.
#[derive(Subcommand, Clone, Debug)]
enum Wanted {
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
        /// The same key is the same order, however often you ask; default: a new one
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
        /// The same key is the same order, however often you ask; default: a new one
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

/// What to print, and the exit code: 0 done, 1 not done, 3 not known yet.
struct Answer {
    text: String,
    code: u8,
}

/// Asks the shop, and prints what its answer means; gives the exit code.
///
/// # Errors
/// A question that changes nothing got no answer.
pub(super) async fn act(client: &Client, cluster: &Handle) -> Result<u8, Error> {
    let answer = match ask(cluster, &client.wanted).await {
        // The shop is on coord. What the others wait for can be asked without it.
        Err(_) if matches!(client.wanted, Wanted::InDoubt) => {
            let roles = cluster.report().await?.roles.into_iter();
            let own =
                roles.map(|one| (one.role, one.status.map(|status| Value::Object(status.own))));
            Answer { text: doubt_lines(own.map(|(role, own)| (role, own.into()))), code: 0 }
        }
        answer => answer?,
    };
    say(&answer.text);
    Ok(answer.code)
}

async fn ask(cluster: &Handle, wanted: &Wanted) -> Result<Answer, Error> {
    let mut caller = cluster.caller(cluster.front()?)?;
    let no_answer = |none| cluster.no_answer(none);
    match wanted {
        Wanted::Buy { item, customer, quantity, key } => {
            let key = key.clone().unwrap_or_else(fresh_key);
            let order =
                json!({ "key": key, "item": item, "quantity": quantity, "customer": customer });
            Ok(meaning(cluster, &key, caller.post("/checkout", &order).await))
        }
        Wanted::Transfer { from, to, amount, key } => {
            let key = key.clone().unwrap_or_else(fresh_key);
            let order = json!({ "key": key, "from": from, "to": to, "amount": amount });
            Ok(meaning(cluster, &key, caller.post("/transfer", &order).await))
        }
        Wanted::Balances { of } => {
            let query = of.as_ref().map_or_else(String::new, |of| format!("?of={of}"));
            if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
                return Err(Error::Refused("accounts are LEDGER/NAME, with commas between".into()));
            }
            let answer = caller.get(&format!("/balances{query}")).await.map_err(no_answer)?;
            let code = u8::from(answer.status != 200);
            Ok(Answer { text: ledgers(&answer), code })
        }
        Wanted::InDoubt => {
            let answer = caller.get("/in-doubt").await.map_err(no_answer)?;
            let roles = answer.body.as_object().cloned().unwrap_or_default();
            Ok(Answer { text: doubt_lines(roles), code: 0 })
        }
    }
}

fn doubt_lines(roles: impl IntoIterator<Item = (String, Value)>) -> String {
    let line = |(role, status): (String, Value)| format!("{role:<6} {}", doubts(&role, &status));
    roles.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[expect(clippy::disallowed_methods, reason = "a key that no client has used before")]
fn fresh_key() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let key = format!("k{:x}{:x}", now.as_nanos(), std::process::id());
    // Before it is asked: with the key, an order whose answer is lost can be asked about.
    let _ = writeln!(std::io::stderr(), "key {key}");
    key
}

fn meaning(cluster: &Handle, key: &str, answer: Result<Answered, NoAnswer>) -> Answer {
    let pending = |why: &str| Answer {
        text: format!(
            "pending ({why}): ask again with the same key, --key {}{}",
            quoted(key),
            cluster.flag()
        ),
        code: 3,
    };
    let answer = match answer {
        Ok(answer) => answer,
        // It may have been done. The same key finds out, and does it at most once.
        Err(none) => return pending(&cluster.no_answer(none).to_string()),
    };
    let end = |text, code| Answer { text, code };
    match answer.status {
        200 => end(format!("done, key {key}"), 0),
        202 => pending("no outcome yet"),
        503 => pending("too many orders are open"),
        409 => end(format!("declined, key {key}: {}", answer.field("why")), 1),
        422 => end(format!("not done: {}", answer.field("why")), 1),
        _ => end(format!("not understood: {}", answer.field("error")), 1),
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
