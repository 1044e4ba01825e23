//! Links between replicas that are cut under load, in one direction or in both: the store goes on with a
//! leader that reaches a majority, and what clients saw is linearizable.

use lab::NodeId;
use lab::rng::Rng;
use lab::system::Links;

use crate::history::Bench;
use crate::kit::{TestCluster, options};

const CLIENTS: u64 = 6;
/// Rounds of cuts, and how many operations are answered before, in and after each.
const ROUNDS: u64 = if cfg!(feature = "slow") { 24 } else { 4 };
const BETWEEN: u64 = 60;
const GROUP: [NodeId; 3] = [NodeId(11), NodeId(12), NodeId(13)];

/// Which of what two replicas send each other is lost.
#[derive(Clone, Copy)]
enum Cut {
    /// All that one of them sends, and all that it is sent.
    Away,
    /// All that it sends: it still hears the others.
    Mute,
    /// All that it is sent: the others still hear it.
    Deaf,
    /// Both directions between two of them: the third one reaches both.
    Pair,
}

const CUTS: [Cut; 4] = [Cut::Away, Cut::Mute, Cut::Deaf, Cut::Pair];

fn cut(links: &Links, cut: Cut, replica: NodeId) {
    let mut others = GROUP.into_iter().filter(|other| *other != replica);
    let (one, two) = (others.next().unwrap(), others.next().unwrap());
    let others = match cut {
        Cut::Pair => vec![one],
        Cut::Away | Cut::Mute | Cut::Deaf => vec![one, two],
    };
    for other in others {
        if !matches!(cut, Cut::Deaf) {
            links.cut(replica, other);
        }
        if !matches!(cut, Cut::Mute) {
            links.cut(other, replica);
        }
    }
}

/// Clients work, and in each round links of a replica, mostly of the leader, are cut for a while.
#[test]
fn what_clients_see_while_links_are_cut_is_linearizable() {
    let (cluster, links) = TestCluster::with_links(options().with_value("log-size", "4096"));
    let recorded = Bench::begin(&cluster, 300..300 + CLIENTS);
    let bench = &recorded.bench;
    let mut rng = Rng::new(3);
    for round in 0..ROUNDS {
        cluster.runtime.block_on(bench.goes_on(BETWEEN));
        let leader = cluster.leader();
        let at = GROUP.iter().position(|id| leader == format!("replica-{}", id.0 - 10)).unwrap();
        let at = at + usize::from(rng.pick(0..4) == 0);
        cut(&links, CUTS[usize::try_from(round).unwrap() % CUTS.len()], GROUP[at % GROUP.len()]);
        cluster.runtime.block_on(bench.goes_on(BETWEEN));
        links.heal();
    }
    cluster.runtime.block_on(bench.goes_on(BETWEEN));
    recorded.assert_linearizable(&cluster, (2 * ROUNDS + 1) * BETWEEN);
}

/// A leader that nobody hears is not asked twice: the others elect one, and it hears of that.
#[test]
fn a_leader_that_can_send_nothing_is_replaced_and_follows_once_the_link_is_whole() {
    let (cluster, links) = TestCluster::with_links(options());
    let first = cluster.leader();
    let at = GROUP.iter().position(|id| first == format!("replica-{}", id.0 - 10)).unwrap();
    cut(&links, Cut::Mute, GROUP[at]);
    let others = |name: &String| *name != first;
    let second = cluster.until("another replica leads", || {
        let up = cluster.statuses().into_iter();
        let mut leads = up.filter(|(_, status)| {
            status.as_ref().is_some_and(|status| status.own["role"] == "leads")
        });
        leads.find(|(name, _)| others(name)).map(|(name, _)| name)
    });
    cluster.ask(&second, "SET umbrella alice");
    links.heal();
    cluster.until("the first one follows", || {
        let mut up = cluster.statuses().into_iter();
        let (_, status) = up.find(|(name, _)| *name == first)?;
        (status?.own["role"] == "follows").then_some(())
    });
    assert_eq!(cluster.ask(&first, "GET umbrella"), crate::kit::bulk("alice"));
}
