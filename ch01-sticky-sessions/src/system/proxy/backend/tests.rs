//! What a backend is given, and when it counts as down.

use super::*;

fn backend() -> Arc<Backend> {
    Arc::new(Backend::new("web-1".into(), ([127, 0, 0, 1], 9).into(), None))
}

#[test]
fn a_backend_that_is_gone_begins_no_request_and_one_that_hands_off_ends_those_it_has() {
    let backend = backend();
    let first = backend.begin().expect("it is active");
    backend.drain(Duration::ZERO);
    assert_eq!(backend.state(), State::HandingOff);
    let second = backend.begin().expect("chosen before, and counted in time");
    drop(first);
    assert_eq!(backend.state(), State::HandingOff, "one is on its way");
    drop(second);
    assert_eq!(backend.state(), State::Gone);
    assert!(backend.begin().is_none());
    assert_eq!((backend.in_flight(), backend.requests()), (0, 2));
}

#[test]
fn nobody_says_gone_while_a_request_is_on_its_way() {
    for _ in 0..500 {
        let backend = backend();
        std::thread::scope(|scope| {
            scope.spawn(|| backend.drain(Duration::ZERO));
            scope.spawn(|| {
                let begun = backend.begin();
                assert!(begun.is_none() || backend.state() != State::Gone);
            });
        });
        assert_eq!(backend.state(), State::Gone);
    }
}

#[test]
fn the_time_of_a_second_drain_takes_effect() {
    let (backend, long) = (backend(), Duration::from_secs(3_600));
    backend.report_sessions(2);
    backend.drain(long);
    assert_eq!(backend.state(), State::Draining);
    backend.drain(Duration::ZERO);
    assert_eq!(backend.state(), State::Gone);
    backend.drain(long);
    assert_eq!(backend.state(), State::Gone, "it is over");
}

#[test]
fn so_many_requests_in_a_row_without_an_answer_are_down_whatever_its_checks_say() {
    let backend = backend();
    for _ in 0..2 {
        backend.did_not_answer(3);
    }
    backend.answered();
    for _ in 0..2 {
        backend.is_well(2);
        backend.did_not_answer(3);
    }
    assert_eq!(backend.state(), State::Active, "two, an answer, and two");
    backend.did_not_answer(3);
    assert_eq!(backend.state(), State::Down);
    for _ in 0..2 {
        backend.did_not_answer(3);
    }
    backend.is_well(2);
    backend.is_well(2);
    assert_eq!(backend.state(), State::Active, "its checks bring it back");
    backend.did_not_answer(3);
    assert_eq!(backend.state(), State::Active, "and the count begins anew");
}
