//! A real run once more: the recorded inputs go into fresh nodes, and what they do has to be what was
//! recorded.
//!
//! A node is a function of its inputs, so a log with all inputs is the run. This is also the test that
//! nothing else ever reached a node: no clock, no random number, no other thread.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::{Event, Kind, Log};
use crate::node::{AnyNode, Effect, Input, Node, NodeId, Protocol, react};

/// One node during the replay.
struct Replayed<P: Protocol> {
    id: NodeId,
    node: AnyNode<P>,
    booted: bool,
}

/// Re-executes all inputs of a log. `program` gives a node by its name, as it was before its first
/// input; names it does not know (clients) are skipped. The result is the log with each node's state
/// filled in, as `line` shows it.
///
/// # Errors
/// The first event whose input cannot be read, or that the node did not do again.
pub fn replay<P: Protocol>(
    log: &Log,
    line: impl Fn(P::Summary) -> String,
    program: impl Fn(&str) -> Option<(NodeId, AnyNode<P>)>,
) -> Result<Log, String> {
    let mut nodes: BTreeMap<String, Replayed<P>> = BTreeMap::new();
    // What each input made its node do, in words, until the log says that it was done.
    let mut done: BTreeMap<u64, Vec<(Kind, String)>> = BTreeMap::new();
    let mut out = log.clone();
    let mut inputs = 0_usize;
    for (event, shown) in log.events.iter().zip(&mut out.events) {
        let Some(recorded) = &event.input else {
            check(event, &mut done)?;
            continue;
        };
        let Some((id, fresh)) = program(&event.node) else { continue };
        let at = |why: String| format!("event {} at {}: {why}", event.seq, event.node);
        let input = read::<P>(recorded).map_err(at)?;
        let replayed = nodes.entry(event.node.clone()).or_insert_with(|| Replayed {
            id,
            node: fresh.clone(),
            booted: false,
        });
        let starts = matches!(input, Input::Replay(_) | Input::Boot { .. });
        if starts && replayed.booted {
            *replayed = Replayed { id, node: fresh, booted: false };
        }
        replayed.booted |= matches!(input, Input::Boot { .. });
        let now = recorded.get("now").and_then(Value::as_u64).unwrap_or(0);
        let effects = react(&mut replayed.node, replayed.id, Duration::from_micros(now), input);
        done.insert(event.seq, effects.iter().filter_map(words::<P>).collect());
        shown.state = Some(line(replayed.node.summary()));
        inputs += 1;
    }
    if inputs == 0 {
        return Err("no event of this log carries an input: record the run with --events".into());
    }
    Ok(out)
}

/// What an effect looks like in a log.
fn words<P: Protocol>(effect: &Effect<P>) -> Option<(Kind, String)> {
    match effect {
        Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => {
            Some((Kind::Send, msg.to_string()))
        }
        Effect::Persist(record) => Some((Kind::Persist, record.to_string())),
        Effect::Note(note) => Some((Kind::Note, note.to_string())),
        Effect::Mark(_)
        | Effect::DiscardBefore(_)
        | Effect::SetTimer { .. }
        | Effect::CancelTimer(_)
        | Effect::Connect { .. }
        | Effect::Disconnect(_) => None,
    }
}

/// A recorded send, record or note has to be one that its cause made the node do again.
fn check(event: &Event, done: &mut BTreeMap<u64, Vec<(Kind, String)>>) -> Result<(), String> {
    if !matches!(event.kind, Kind::Send | Kind::Persist | Kind::Note) {
        return Ok(());
    }
    let found = event.causes.iter().find_map(|cause| {
        let effects = done.get_mut(cause)?;
        let same = |(kind, text): &(Kind, String)| *kind == event.kind && *text == event.text;
        let place = effects.iter().position(same)?;
        Some(effects.remove(place))
    });
    let known = event.causes.iter().any(|cause| done.contains_key(cause));
    if known && found.is_none() {
        let (seq, node, mark) = (event.seq, &event.node, event.kind.mark());
        return Err(format!("event {seq}: {node} did not do this again: {mark} {}", event.text));
    }
    Ok(())
}

/// An input as the real driver writes it.
fn read<P: Protocol>(value: &Value) -> Result<Input<P>, String> {
    fn field<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, String> {
        let inner = value.get(name).cloned().ok_or(format!("its input has no `{name}`"))?;
        serde_json::from_value(inner).map_err(|e| format!("its `{name}` cannot be read: {e}"))
    }
    let has = |name| value.get(name).is_some();
    if has("replay") {
        Ok(Input::Replay(field(value, "replay")?))
    } else if has("boot") {
        Ok(Input::Boot { start: field(value, "boot")? })
    } else if has("timeout") {
        Ok(Input::Timeout(field(value, "timeout")?))
    } else if has("disconnected") {
        Ok(Input::Disconnected(field(value, "disconnected")?))
    } else {
        Ok(Input::Message { from: field(value, "from")?, msg: field(value, "message")? })
    }
}
