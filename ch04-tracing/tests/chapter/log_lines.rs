//! Step 1: right for one request at a time, and not for several.

use ch04_tracing::experiments::{CLIENTS, MANY, SKEW, certain, log_lines, puzzle};
use ch04_tracing::workload::judge::Tally;
use ch04_tracing::workload::{Config, Run};

#[test]
fn one_request_at_a_time_is_put_together_right() {
    let run = Run::of(Config::serial(1));
    let judged = log_lines(&run);
    assert_eq!((judged.edges.missing, judged.edges.wrong), (0, 0));
    assert_eq!(judged.whole, run.requests());
}

#[test]
fn each_doubling_of_requests_at_a_time_makes_it_worse() {
    let judged = CLIENTS.map(|clients| log_lines(&Run::of(Config::shop(clients))));
    for pair in judged.windows(2) {
        assert!(pair[0].edges.shares()[0] > pair[1].edges.shares()[0] + 250, "{pair:?}");
    }
    // One right guess is more likely than 1/c; thirty right guesses in a row are much less likely.
    for (judged, clients) in judged.iter().zip(CLIENTS).skip(1) {
        assert!(judged.edges.shares()[0] > 10_000 / clients, "{clients}");
        assert!(judged.whole * clients < 1024 / 2, "{clients}: {}", judged.whole);
    }
}

#[test]
fn clocks_that_are_off_cost_a_third_even_with_one_request_at_a_time() {
    let run = Run::of(Config { skew: SKEW, ..Config::shop(1) });
    let judged = log_lines(&run);
    assert!(judged.edges.shares()[0] < 6_700, "{judged:?}");
    assert_eq!(judged.whole, 0);
}

#[test]
fn slow_payments_are_put_down_to_other_customers() {
    let judged = log_lines(&Run::of(Config::shop(MANY)));
    let Tally { right, missing, wrong } = judged.customers;
    assert!(wrong * 4 > right + missing + wrong, "{judged:?}");
    let busy = log_lines(&Run::of(Config::shop(64)));
    assert!(busy.customers.wrong > 2 * busy.customers.right, "{busy:?}");
}

#[test]
fn a_careful_search_finds_less_and_accuses_nobody() {
    let run = Run::of(Config::shop(MANY));
    let (likeliest, certain) = (log_lines(&run), certain(&run));
    assert!(certain.edges.right * 3 < likeliest.edges.right * 2);
    assert!(certain.edges.wrong * 10 < likeliest.edges.wrong);
    assert_eq!((certain.customers.right, certain.customers.wrong), (0, 0));
}

#[test]
fn nothing_in_four_lines_says_whose_payment_was_slow() {
    let puzzle = puzzle(&Run::of(Config::shop(MANY))).expect("there is one in this run");
    assert_eq!(puzzle.lines[0], puzzle.order, "it is the first order");
    assert_eq!(puzzle.lines[1], puzzle.nearest, "the second one is nearer");
    assert_eq!(puzzle.lines[2], puzzle.slow);
    for order in [puzzle.order, puzzle.nearest] {
        assert!(order.start < puzzle.slow.start && puzzle.slow.end < order.end);
    }
}
