//! What tracing costs the shop: `guide measure ch04 shop`.
//!
//! Three shops of all chapters stand side by side, and record no request, one of 1,024, and all. The same users
//! buy in each of them in turn, again and again; all contexts travel in all three.
//!
//! # Left out
//!
//! A shop without contexts. Machines of their own for the users and for the collector.

use std::io::Write;

use lab::measure::{Contender, Error, Outcome, Plan, Setup, Terms, compare, runtime};
use lab::system::{ClusterContender, Options};

use super::shop::{SAMPLE, SYSTEM};

/// The shops: what they are called, and which share of the requests they record.
const SHOPS: [(&str, &str); 3] = [("none", "0"), ("1 of 1024", "1/1024"), ("all", "1")];
const DAPPER: &str = "Who: how many requests are recorded. Dapper's authors measured the same on a web search \
    cluster (Sigelman and others, Dapper, Google Technical Report dapper-2010-1, 2010, Table 2): with 1 of 1024 \
    recorded, latency changed by −0.20 % and throughput by −0.06 %; with 1 of 16 by +2.12 % and −0.08 %; with all by \
    +16.3 % and −1.48 %. Their errors were 2.5 % and 0.15 %";

/// Lets users buy in all of them.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    let start = |(name, share)| -> Result<Box<dyn Contender>, Error> {
        let options = Options::default().with_value("shop-port", "0").with_value(SAMPLE, share);
        let on = runtime.handle().clone();
        let shop = ClusterContender::start_with(name, (SYSTEM, options), setup, on)?;
        Ok(Box::new(shop))
    };
    let mut shops = SHOPS.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan::under(vec![1, 8], &setup.dir, setup.seconds, shops.len());
    let compared = compare(&plan, &mut shops, out)?;
    let mut table = compared.table(Terms { unit: "purchase", reference: Some(SHOPS[0].0) });
    table.spread = format!("{}. {DAPPER}", table.spread);
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok: compared.is_ok() })
}
