//! What questions to the store cost, beside a scan of everything.

use lab::chapter::Table;
use lab::view::thousands;

use super::MANY;
use crate::step3_context as step3;
use crate::store::Query;
use crate::store::reads::{Counted, Reads};
use crate::types::Span;
use crate::workload::{Config, Run};

/// As many traces are asked for.
const LIMIT: usize = 20;

/// The spans of the shop.
#[must_use]
pub fn spans() -> Vec<Span> {
    step3::spans(&Run::of(Config::shop(MANY)))
}

/// Questions: what is asked, how many traces are found, what is read.
#[must_use]
pub fn questions(spans: &[Span]) -> Vec<(&'static str, usize, Reads)> {
    let counted = Counted::new(spans);
    let any = Query { limit: LIMIT, ..Query::default() };
    let of = |service: &str| Query { service: Some(service.into()), ..any.clone() };
    let peer = |peer: &str| Query { tags: vec![("peer".into(), peer.into())], ..any.clone() };
    let asked = |what, query: &Query| {
        let (found, reads) = counted.search(query);
        (what, found, reads)
    };
    vec![
        ("one trace, by its id", 1, counted.trace(spans[spans.len() / 2].trace)),
        asked("the newest 20 traces with a span of pay", &of("pay")),
        asked("... that took 20 ms or more", &Query { min: Some(20_000_000), ..of("pay") }),
        asked("the newest 20 with the attribute peer = pay", &peer("pay")),
        asked("the newest 20 with peer = cache, which no span has", &peer("cache")),
        ("any of them, without an index", 0, counted.all()),
    ]
}

pub(super) fn table() -> Table {
    let spans = spans();
    let rows = questions(&spans).into_iter().map(|(what, found, reads)| {
        let found = if found == 0 { "–".into() } else { found.to_string() };
        let bytes = thousands(usize::try_from(reads.bytes).expect("they are in memory"));
        vec![what.to_owned(), found, thousands(reads.spans), bytes]
    });
    let columns = ["asked for", "traces found", "spans read from disk", "bytes"];
    Table { columns: columns.map(Into::into).into(), rows: rows.collect() }
}
