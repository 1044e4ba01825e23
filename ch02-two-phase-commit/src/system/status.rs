//! What a role of the shop reports to an operator: what it waits for, and what was decided by hand.

use std::collections::BTreeMap;

use lab::system::{Endpoints, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::design::Role;
use crate::deeper::Msg as Deeper;
use crate::types::{Msg, TxId};

/// What a role reports about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RoleStatus {
    /// Attempts whose outcome it waits for.
    pub in_doubt: Vec<String>,
    /// Accounts that no other transaction may touch meanwhile.
    pub locked: Vec<String>,
    /// What stays in doubt although it is decided, and why.
    #[serde(default)]
    pub because: Vec<String>,
    /// What an operator ended here, while it is not known how it really ended.
    #[serde(default)]
    pub guessed: Vec<String>,
    /// What an operator ended here one way, and all others the other way.
    #[serde(default)]
    pub damage: Vec<String>,
    /// Fsyncs of the log since this start; every role of any system reports them.
    #[serde(default, skip_serializing)]
    pub syncs: u64,
}

impl RoleStatus {
    /// What [`lab::system::Status`] has beside its counts.
    pub(super) fn own(&self) -> Map<String, Value> {
        let Value::Object(own) = json!(self) else { unreachable!("a struct is an object") };
        own
    }
}

/// Reads a node's answer to [`Msg::Status`].
pub(super) fn read(answer: Msg) -> Option<Map<String, Value>> {
    let (in_doubt, locked, guessed, damage) = match answer {
        Msg::StatusIs { in_doubt, locked } => (in_doubt, locked, Vec::new(), Vec::new()),
        Msg::Deeper(Deeper::StatusIs { in_doubt, locked, guessed, damage }) => {
            (in_doubt, locked, guessed, damage)
        }
        _ => return None,
    };
    let status = RoleStatus {
        in_doubt: in_doubt.iter().map(ToString::to_string).collect(),
        locked: locked.iter().map(ToString::to_string).collect(),
        because: Vec::new(),
        guessed: guessed.into_iter().map(self::guessed).collect(),
        damage: damage.into_iter().map(self::damage).collect(),
        syncs: 0,
    };
    Some(status.own())
}

/// What was decided by hand, while it is not known how it really ended. `true` is commit.
pub(super) fn guessed(end: (TxId, bool)) -> String {
    heuristic(end, "the truth is not known")
}

/// What was decided by hand, and wrong.
pub(super) fn damage(end: (TxId, bool)) -> String {
    heuristic(end, "all others did the opposite")
}

fn heuristic((tx, commit): (TxId, bool), rest: &str) -> String {
    format!("{tx} {} here by hand, {rest}", if commit { "committed" } else { "aborted" })
}

/// What each role reports about itself; `None` for one that does not answer.
pub async fn report(endpoints: &Endpoints) -> BTreeMap<Role, Option<RoleStatus>> {
    let all = lab::system::report(endpoints, None).await.into_iter();
    let read = |(role, status): (String, Option<Status>)| {
        let status = status.and_then(|status| serde_json::from_value(json!(status)).ok());
        Some((Role::of_name(&role)?, status))
    };
    all.filter_map(read).collect()
}

/// What a role waits for, in one line; null for one that is down.
pub(super) fn doubts(role: &str, status: &Value) -> String {
    if role == Role::Store.name() && !status.is_null() && status["up"] != json!(false) {
        let why = status["waits"].as_str();
        return why
            .map_or("passes decisions on".into(), |why| format!("waits for its store: {why}"));
    }
    if status.is_null() || status["up"] == json!(false) {
        return "down".into();
    }
    let list = |field: &str| {
        let items = status[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        let items: Vec<&str> = items.collect();
        match items.len() {
            0 => "nothing".to_owned(),
            1..=6 => items.join(", "),
            more => format!("{}, … ({more})", items[..6].join(", ")),
        }
    };
    let (doubt, locked) = (list("in_doubt"), list("locked"));
    // A coordinator decides: it waits for votes and acknowledgements, and locks nothing.
    if Role::of_name(role).is_some_and(Role::is_coordinator) {
        format!("open: {doubt}")
    } else {
        format!("in doubt: {doubt}; locked: {locked}")
    }
}
