//! Edge: makes it survive the real world. The lesson is in the steps.
//!
//! The web processes that a cluster may have: more than the small worlds, whose four are the first of these.

use lab::NodeId;

/// All of them.
pub const WEBS: [NodeId; 8] = [
    NodeId(11),
    NodeId(12),
    NodeId(13),
    NodeId(14),
    NodeId(15),
    NodeId(16),
    NodeId(17),
    NodeId(18),
];
/// Their names.
pub const WEB_NAMES: [&str; 8] =
    ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8"];

/// The node of this name; `None` if no web process is called so.
pub(super) fn node(name: &str) -> Option<NodeId> {
    let place = WEB_NAMES.iter().position(|known| *known == name)?;
    Some(WEBS[place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds;

    #[test]
    fn the_small_worlds_have_the_first_of_them_and_no_other_node_has_their_numbers() {
        assert_eq!(WEBS[..4], worlds::WEBS);
        assert_eq!(WEB_NAMES[..4], worlds::WEB_NAMES);
        let others = worlds::LBS.into_iter().chain([worlds::STORE]);
        assert!(others.into_iter().all(|id| !WEBS.contains(&id)));
        assert_eq!(node("web-8"), Some(WEBS[7]));
        assert_eq!(node("web-9"), None);
    }
}
