//! Step 3: right, whatever happens in the shop, and each request pays its share of a batch.

use std::collections::BTreeSet;

use ch04_tracing::experiments::{CLIENTS, MANY, SKEW, contexts};
use ch04_tracing::step3_context::{paid, shares, spans};
use ch04_tracing::workload::{Arrival, Config, Run};
use proptest::prelude::*;

#[test]
fn every_cause_is_right_however_many_requests_and_whatever_the_clocks_say() {
    for clients in CLIENTS {
        for skew in [0, SKEW] {
            let run = Run::of(Config { skew, ..Config::shop(clients) });
            let judged = contexts(&run);
            assert_eq!((judged.edges.missing, judged.edges.wrong), (0, 0));
            assert_eq!(judged.whole, run.requests());
            assert_eq!((judged.customers.missing, judged.customers.wrong), (0, 0));
        }
    }
}

#[test]
fn a_batch_is_a_trace_of_its_own_with_a_link_to_each_request() {
    let run = Run::of(Config::shop(MANY));
    let spans = spans(&run);
    assert_eq!(spans.iter().map(|span| span.id).collect::<BTreeSet<_>>().len(), spans.len());
    for (work, span) in run.works.iter().zip(&spans) {
        match &work.arrival {
            Arrival::Edge => assert!(span.parent.is_none() && span.links.is_empty()),
            Arrival::Call(cause) => {
                assert_eq!(span.trace, spans[*cause].trace);
                assert!(span.links.is_empty());
            }
            Arrival::Batch(causes) | Arrival::Log(causes) => {
                assert_eq!((span.parent, span.links.len()), (None, causes.len()));
                assert!(span.links.iter().all(|link| link.trace != span.trace));
            }
        }
    }
}

#[test]
fn what_requests_pay_for_batches_is_what_the_batches_took() {
    let spans = spans(&Run::of(Config::shop(MANY)));
    let batches = spans.iter().filter(|span| !span.links.is_empty());
    let took: u64 = batches.map(|span| span.end - span.start).sum();
    let paid = paid(&spans);
    assert_eq!(paid.len(), 1024, "every request is in a batch");
    assert_eq!(paid.values().sum::<u64>(), took);
}

proptest! {
    #[test]
    fn shares_add_up_and_differ_by_a_nanosecond_at_most(whole: u64, k in 1u64..200) {
        let shares: Vec<u64> = shares(whole, k).collect();
        prop_assert_eq!(shares.len() as u64, k);
        prop_assert_eq!(shares.iter().map(|share| u128::from(*share)).sum::<u128>(), whole.into());
        prop_assert!(shares[0] - shares[shares.len() - 1] <= 1);
    }
}

#[test]
fn shares_of_nothing_are_none() {
    assert_eq!(shares(7, 0).count(), 0);
}
