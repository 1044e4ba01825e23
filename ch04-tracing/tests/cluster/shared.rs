//! What several requests share, and what one request asks twice, as their traces show it.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use lab::http::Caller;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{TestShop, text};

impl TestShop {
    fn collected(&self, path: &str) -> Option<Value> {
        let mut collector = Caller::new(self.cluster.endpoint("collector"));
        let page = self.runtime.block_on(collector.get(path)).ok()?;
        (page.status == 200).then_some(page.body)
    }

    fn spans_of(&self, trace: &str) -> Option<Vec<Value>> {
        let page = self.collected(&format!("/api/traces/{trace}"))?;
        page["spans"].as_array().cloned()
    }

    /// Some orders at once; some may be declined, because others have their accounts.
    fn buys_at_once(&self, round: u32) {
        let front = self.cluster.front();
        self.runtime.block_on(async {
            let mut orders = JoinSet::new();
            for order in 0..8 {
                let customer = ["alice", "bob"][order % 2];
                let item = ["boots", "candle", "umbrella"][order % 3];
                let key = format!("round-{round}-{order}");
                let body = json!({ "key": key, "item": item, "quantity": 1, "customer": customer });
                orders.spawn(async move { Caller::new(front).post("/checkout", &body).await });
            }
            // What becomes of each order is not what is looked at.
            drop(orders.join_all().await);
        });
    }

    /// A trace and the one that it shares work with, the span that says so, and the work; once all of it is there.
    fn shared_in(&self, own: &str) -> Option<((String, String), Value, Value)> {
        let spans = self.spans_of(own)?;
        let shared = spans.iter().find(|span| text(span, "name") == "answered with others")?;
        let [trace, id] = [0, 1].map(|part| shared["links"][0][part].as_str().map(str::to_owned));
        let other = self.spans_of(trace.as_ref()?)?;
        let by = other.into_iter().find(|span| span["id"] == json!(id))?;
        spans.iter().find(|span| span["id"] == shared["parent"])?;
        Some(((own.to_owned(), trace?), shared.clone(), by))
    }

    /// The trace of the request that has this in it, once all causes are there.
    fn whole_trace_with(&self, words: &str) -> Vec<Value> {
        self.until(words, || {
            let list = self.collected("/api/traces?operation=POST+/buy&limit=100")?;
            let whole = list["traces"].as_array()?.iter().filter(|trace| trace["missing"] == 0);
            let mut all = whole.filter_map(|trace| self.spans_of(&text(trace, "traceId")));
            all.find(|spans| json!(spans).to_string().contains(words))
        })
    }
}

/// A coordinator learns several decisions at once, and replicas agree on several commands at once. So one step
/// answers several requests: that is one piece of work, and each request has to lead to it.
#[test]
fn work_that_is_done_for_several_requests_is_linked_from_each_of_their_traces() {
    let shop = TestShop::whole();
    let mut round = 0;
    let (own, shared, by) = shop.until("an answer to several requests", || {
        round += 1;
        shop.buys_at_once(round);
        let list = shop.collected("/api/traces?operation=answered+with+others&limit=100")?;
        list["traces"].as_array()?.iter().find_map(|trace| shop.shared_in(&text(trace, "traceId")))
    });
    assert_ne!(own.0, own.1, "it is the work of another trace");
    assert_eq!(by["service"], shared["service"], "{by} did the work for {shared}");
}

/// Without a leader a replica does not answer in time, and the next one is asked the same.
#[test]
fn a_question_that_is_asked_again_is_in_the_trace_of_the_first_one() {
    let mut shop = TestShop::whole();
    let mut alice = shop.alice();
    // A new leader may be there before the question is.
    let again = (1..=20).find_map(|attempt| {
        let leader = shop.until("a leader of the replicas", || shop.leader());
        shop.cluster.kill(&leader).unwrap();
        let key = format!("attempt-{attempt}-");
        shop.page(&mut alice, &Method::POST, &format!("/buy?item=candle&key={key}"));
        shop.cluster.restart(&leader, None).unwrap();
        let spans = shop.whole_trace_with(&key);
        let questions = spans.iter().filter(|span| text(span, "name") == "set");
        // One question has one cause and one text. To it: the replicas that were asked.
        let mut asked_for: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for question in questions {
            let same = json!([question["parent"], question["attributes"][0]]).to_string();
            asked_for.entry(same).or_default().insert(text(question, "service"));
        }
        asked_for.into_values().find(|replicas| replicas.len() > 1)
    });
    assert!(again.is_some(), "in none of 20 attempts did a question come before the new leader");
}
