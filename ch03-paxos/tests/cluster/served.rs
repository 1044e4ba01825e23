//! What clients are told.

use lab::resp::{Client, Reply};

use crate::kit::{DEADLINE, TestCluster, bulk, options};

#[test]
fn every_replica_serves_what_any_of_them_was_told() {
    let cluster = TestCluster::new();
    assert_eq!(cluster.ask("replica-1", "SET umbrella alice"), Reply::Simple("OK".into()));
    assert_eq!(cluster.ask("replica-2", "GET umbrella"), bulk("alice"));
    assert_eq!(cluster.ask("replica-3", "CAS umbrella alice bob"), Reply::Integer(1));
    assert_eq!(cluster.ask("replica-1", "CAS umbrella alice carol"), Reply::Integer(0));
    assert_eq!(cluster.ask("replica-2", "APPEND umbrella !"), Reply::Integer(4));
    assert_eq!(cluster.ask("replica-3", "GET umbrella"), bulk("bob!"));
    assert_eq!(cluster.ask("replica-1", "DEL umbrella boots"), Reply::Integer(1));
    assert_eq!(cluster.ask("replica-2", "GET umbrella"), Reply::Nil);
}

#[test]
fn a_request_in_a_session_counts_once_whomever_it_is_sent_to() {
    let cluster = TestCluster::new();
    let Reply::Integer(session) = cluster.ask("replica-1", "SESSION") else { panic!("a session") };
    for replica in ["replica-1", "replica-2", "replica-3"] {
        assert_eq!(cluster.ask(replica, &format!("X {session} 1 INCR n")), Reply::Integer(1));
    }
    assert_eq!(cluster.ask("replica-2", &format!("X {session} 2 INCR n")), Reply::Integer(2));
    let Reply::Error(why) = cluster.ask("replica-3", &format!("X {session} 1 INCR n")) else {
        panic!("it is superseded")
    };
    assert!(why.starts_with("SUPERSEDED"), "{why}");
    let Reply::Error(why) = cluster.ask("replica-3", "X 999 1 INCR n") else {
        panic!("no session")
    };
    assert!(why.starts_with("EXPIRED"), "{why}");
    assert_eq!(cluster.ask("replica-1", "GET n"), bulk("2"));
}

#[test]
fn requests_are_answered_in_the_order_in_which_they_were_sent() {
    let cluster = TestCluster::new();
    for replica in ["replica-1", "replica-3"] {
        let redis = cluster.redis(replica);
        let mut requests: Vec<Vec<String>> = Vec::new();
        for n in 1..=300 {
            requests.push(vec!["APPEND".into(), replica.into(), "x".into()]);
            requests.push(vec!["PING".into(), n.to_string()]);
        }
        requests.push(vec!["INFO".into()]);
        let replies = cluster.runtime.block_on(async {
            Client::connect(redis, DEADLINE).await.unwrap().call_all(&requests).await.unwrap()
        });
        for (n, pair) in (1..=300).zip(replies.chunks(2)) {
            assert_eq!(pair, [Reply::Integer(n), bulk(&n.to_string())]);
        }
        assert!(matches!(replies.last(), Some(Reply::Bulk(_))));
    }
}

#[test]
fn a_read_beside_the_log_finds_what_was_written_and_takes_no_slot() {
    let cluster = TestCluster::new();
    cluster.ask("replica-1", "SET umbrella alice");
    let slots = |replica: &str| {
        let found = cluster.statuses().into_iter().find(|(name, _)| name == replica);
        found.unwrap().1.unwrap().own["open"].as_u64().unwrap()
    };
    let before = slots(&cluster.leader());
    for replica in ["replica-1", "replica-2", "replica-3"] {
        let requests = ["READMODE index", "GET umbrella", "READMODE", "GET boots"];
        let requests = requests.map(|request| request.split(' ').collect::<Vec<_>>());
        let redis = cluster.redis(replica);
        let replies = cluster.runtime.block_on(async {
            Client::connect(redis, DEADLINE).await.unwrap().call_all(&requests).await.unwrap()
        });
        let simple = |text: &'static str| Reply::Simple(text.into());
        assert_eq!(replies, [simple("OK"), bulk("alice"), simple("index"), Reply::Nil]);
    }
    assert_eq!(slots(&cluster.leader()), before);
}

#[test]
fn with_redirect_the_others_name_the_leader() {
    let cluster = TestCluster::with(options().with_flag("redirect"));
    let leader = cluster.leader();
    let leads = cluster.redis(&leader);
    let follower = cluster.replicas().into_iter().find(|(name, _)| *name != leader).unwrap().0;
    let moved = Reply::Error(format!("MOVED 0 {leads}").into());
    assert_eq!(cluster.ask(&follower, "SET umbrella alice"), moved);
    assert_eq!(cluster.ask(&leader, "GET umbrella"), Reply::Nil, "and it was not done");
    assert_eq!(cluster.ask(&leader, "SET umbrella alice"), Reply::Simple("OK".into()));
}

#[test]
fn one_of_three_alone_says_that_nothing_was_done() {
    let mut cluster = TestCluster::new();
    cluster.ask("replica-1", "SET umbrella alice");
    let leader = cluster.leader();
    let all: Vec<String> = cluster.replicas().into_iter().map(|(name, _)| name).collect();
    let left = all.iter().find(|name| **name != leader).unwrap().clone();
    for name in all.iter().filter(|name| **name != left) {
        cluster.cluster.kill(name).unwrap();
    }
    // As long as it takes the others for alive it passes requests on: then nothing is known of them.
    let not_done = || match cluster.ask(&left, "SET umbrella bob") {
        Reply::Error(why) if why.starts_with("TRYAGAIN") => Some(()),
        Reply::Error(why) if why.starts_with("UNKNOWN") => None,
        other => panic!("{other:?}"),
    };
    cluster.until("it learns that it is alone", not_done);
}

#[test]
fn members_are_listed_with_their_ports_and_what_they_do() {
    let mut cluster = TestCluster::new();
    let leader = cluster.leader();
    let Reply::Array(members) = cluster.ask(&leader, "MEMBERS") else { panic!("a list") };
    let member = |name: &str, role: &str| bulk(&format!("{name} {} {role}", cluster.redis(name)));
    let role = |name: &str| if *name == *leader { "leads" } else { "follows" };
    let names = ["replica-1", "replica-2", "replica-3"];
    assert_eq!(members, names.map(|name| member(name, role(name))));
    let down = names.into_iter().find(|name| *name != leader).unwrap();
    cluster.cluster.kill(down).unwrap();
    let Reply::Array(members) = cluster.ask(&leader, "MEMBERS") else { panic!("a list") };
    assert!(members.contains(&bulk(&format!("{down} - down"))), "{members:?}");
}
