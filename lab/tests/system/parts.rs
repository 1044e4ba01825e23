//! Two systems as parts of a whole.

use std::cell::Cell;
use std::path::PathBuf;

use lab::system::{Error, Options, Part, RoleConfig};

use crate::pair::PAIR;

/// The primary of the whole's own pair.
fn whole() -> RoleConfig {
    let layout = PAIR.layout(&Options::default()).unwrap();
    let role = layout.roles[0].clone();
    RoleConfig::new(role, (layout, Options::default()), 7, PathBuf::new())
}

/// Both have a node 1. Frames for the one are nothing to the other, whatever ports they get.
#[test]
fn two_parts_of_a_cluster_have_networks_of_their_own() {
    let network_of = |offset| {
        let part = Part { system: PAIR, options: Options::default(), offset };
        let network = Cell::new(0);
        let started = part.serve(&whole(), |own| {
            assert_eq!((own.cluster, own.role.id.0), (7, 1));
            network.set(own.network);
            Err(Error::Refused("it is not started".into()))
        });
        assert!(started.is_err());
        network.get()
    };
    let networks = [7, network_of(100), network_of(200)];
    assert!(networks[0] != networks[1] && networks[1] != networks[2] && networks[2] != networks[0]);
}
