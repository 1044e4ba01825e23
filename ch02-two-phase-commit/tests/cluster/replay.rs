//! A recorded run can be executed again.

use ch02_two_phase_commit::system::{Role, replay};
use lab::event::{Kind, Log};

use crate::kit::TestCluster;

#[test]
fn a_recorded_run_with_a_kill_in_it_does_the_same_again() {
    let keep = tempfile::tempdir().unwrap();
    let events = keep.path().join("events");
    let mut test = TestCluster::with(|config| config.events = Some(events.clone()));
    assert_eq!(test.checkout("k1", "umbrella", 1, "alice").status, 200);
    test.settled();
    test.cluster.kill(Role::Pay).unwrap();
    test.cluster.restart(Role::Pay, None).unwrap();
    assert_eq!(test.checkout("k2", "boots", 100, "alice").status, 409);
    test.settled();
    test.cluster.stop().unwrap();
    let text = std::fs::read_to_string(events.join("run.jsonl")).unwrap();
    let log = Log::from_json_lines(&text).unwrap();
    let boots = log.events.iter().filter(|event| event.kind == Kind::Boot).count();
    assert_eq!(boots, 4, "three roles, one of them twice");
    let again = replay(&log).unwrap();
    assert!(again.events.iter().any(|event| event.state.is_some()));
}
