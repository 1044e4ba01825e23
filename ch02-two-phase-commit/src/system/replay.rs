//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::event::Log;

use super::catalog;
use super::design::{Design, Role};
use crate::shop::{Shop, Summary};

/// Re-executes what `cluster --events DIR` recorded in `DIR/run.jsonl`.
///
/// # Errors
/// The first event that could not be read or that came out differently.
pub fn replay(log: &Log) -> Result<Log, String> {
    let design = Design::of_title(&log.header.title);
    lab::replay::replay::<Shop>(log, line, |name| {
        let role = Role::of_name(name)?;
        Some((role.id(), design.node(role)))
    })
}

/// The summary's line, without the thousand numbered accounts.
fn line(mut summary: Summary) -> String {
    let named = |name: &str| catalog::OPENING.iter().any(|(_, known, _)| *known == name);
    if let Some(balances) = &mut summary.balances {
        balances.retain(|account, _| named(&account.0));
    }
    summary.to_string()
}
