//! The names under which PostgreSQL keeps prepared transactions: `ch02/CLUSTER/PARTICIPANT/1.7.2`.
//! The process that starts after a crash has nothing but this name, so all it takes to ask about
//! the transaction is in it. A process id would mean nothing any more.
//!
//! # Left out
//!
//! Anything that needs quoting.

use lab::NodeId;

use crate::types::TxId;

/// Names the transactions of one participant of one cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Names {
    /// The cluster.
    pub cluster: u64,
    /// The participant.
    pub me: NodeId,
}

impl Names {
    /// The name of one attempt.
    #[must_use]
    pub fn name(self, tx: TxId) -> String {
        let TxId { start, count, attempt } = tx;
        format!("{}{start}.{count}.{attempt}", self.prefix())
    }

    /// What all names of this participant begin with.
    #[must_use]
    pub fn prefix(self) -> String {
        format!("ch02/{:x}/{}/", self.cluster, self.me.0)
    }

    /// The attempt behind a name; `None` if it is not one of ours.
    #[must_use]
    pub fn attempt(self, name: &str) -> Option<TxId> {
        let mut numbers = name.strip_prefix(&self.prefix())?.split('.');
        let start = numbers.next()?.parse().ok()?;
        let count = numbers.next()?.parse().ok()?;
        let attempt = numbers.next()?.parse().ok()?;
        let tx = TxId { start, count, attempt };
        // Exactly as we write it: `01.2.3` is another program's.
        (self.name(tx) == name).then_some(tx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_tells_its_owner_alone_which_attempt_it_is(
            numbers in any::<(u64, u64, u64, u64)>(), attempt in any::<u32>()
        ) {
            let (cluster, me, start, count) = numbers;
            let names = Names { cluster, me: NodeId(me) };
            let tx = TxId { start, count, attempt };
            let name = names.name(tx);
            prop_assert!(name.len() < 200, "PostgreSQL takes 199 bytes");
            prop_assert_eq!(names.attempt(&name), Some(tx));
            let other = Names { cluster: cluster.wrapping_add(1), ..names };
            prop_assert_eq!(other.attempt(&name), None);
            let other = Names { me: NodeId(me.wrapping_add(1)), ..names };
            prop_assert_eq!(other.attempt(&name), None);
        }

        #[test]
        fn any_other_text_is_left_alone(rest in ".{0,40}") {
            let names = Names { cluster: 7, me: NodeId(3) };
            let name = format!("{}{rest}", names.prefix());
            if let Some(tx) = names.attempt(&name) {
                prop_assert_eq!(names.name(tx), name);
            }
            prop_assert_eq!(names.attempt(&rest), None);
        }
    }
}
