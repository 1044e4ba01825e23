//! All cases of the probe, against our proxy.

use std::collections::BTreeSet;

use ch01_sticky_sessions::system::probe::{Recorder, cases, run};
use ch01_sticky_sessions::system::proxy::{Config, Health};
use tokio::io::AsyncWriteExt as _;

use crate::kit::{Running, Wire};

#[tokio::test]
async fn every_case_is_answered_as_the_rfcs_have_it() {
    let recorder = Recorder::start().await.expect("a free port");
    // Broken answers are what the cases are about.
    let health = Health { fall: u32::MAX, unanswered: u32::MAX, ..Health::default() };
    let config = Config { health, ..Config::default() };
    let proxy = Running::start(config, &[recorder.address()]).await;
    let mut wrong = Vec::new();
    for case in cases() {
        let verdict = run(&case, proxy.address, &recorder).await.expect(case.name);
        let complaints = case.judge(&verdict);
        if !complaints.is_empty() {
            wrong.push(format!("{} ({}): {complaints:?}\n{verdict:?}", case.name, case.section));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn there_are_over_a_hundred_cases_and_no_two_are_the_same() {
    let all = cases();
    let sent: BTreeSet<_> =
        all.iter().map(|case| (&case.sent, case.answered, &case.shown)).collect();
    assert!(all.len() >= 100 && sent.len() == all.len(), "{} of {}", sent.len(), all.len());
}

#[tokio::test]
async fn a_recorder_sets_no_space_aside_for_what_is_only_announced() {
    let recorder = Recorder::start().await.expect("a free port");
    let mut wire = Wire::dial(recorder.address()).await;
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nabc").await;
    wire.0.shutdown().await.expect("it is open");
    assert_eq!(wire.read_all().await, "");
}
