//! What our store does beside etcd and Redis: same values, same disk, same clients, one run. Three
//! contenders:
//!
//! - **ours**: three replicas as three processes, asked over RESP. A put is answered once a majority has
//!   it on disk; a read goes beside the log, once a majority has confirmed that the leader leads;
//! - **etcd**: three members, asked over gRPC as its own clients do. The same two guarantees;
//! - **Redis**: one process that forces every write before it answers. Nothing is replicated: the price
//!   of one machine less to trust.
//!
//! All clients ask the one that leads. Beside puts and reads stand pings, what a protocol costs when
//! nothing is decided: `PING`, and for etcd, which has none, a read from what the member has.
//!
//! | file | what it is |
//! |---|---|
//! | `stores.rs` | the three, running |
//! | `connection.rs` | one client's connection to any of them |
//! | `jobs.rs` | puts, reads, pings, and what is wrong with their answers |
//! | `failover.rs` | the leader is killed: for how long is no client answered? |
//! | `target.rs`, `seen.rs` | `load --target`: any etcd or Redis, and whether what clients saw is linearizable |

mod connection;
pub mod failover;
mod jobs;
mod seen;
mod stores;
pub mod target;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lab::measure::{Comparison, Contender, Error, Outcome, Plan, Setup, Terms, compare, runtime};

use jobs::{AtWork, Job, fill};
use stores::Store;

const ETCD: &str = "etcd, three members";
const REDIS: &str = "one Redis, unreplicated";
/// How the comparison is put into words.
pub const TERMS: Terms = Terms { unit: "operation", reference: Some(ETCD) };
/// Numbers of clients.
const CLIENTS: [usize; 3] = [1, 64, 256];
/// So many stores have so many jobs.
const CONTENDERS: usize = 9;
/// As etcd is shipped: between two signs of a leader, and without one until an election.
const SHIPPED: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What a reader of the table has to know.
const NOTE: &str = ". Values have 256 bytes; puts go to 40 keys a client, reads to 1000 keys. All clients ask \
                    the leader: over RESP, each on a connection of its own, or over gRPC, 32 on each. A ping is \
                    what the protocol costs without a decision; etcd has none, and reads what the member has. \
                    etcd's fsyncs are those of its logs and the commits of its databases, and it does more than \
                    the others: it keeps all versions of a key, tells watchers, and ends leases. Redis does not \
                    count its fsyncs. All processes share the cores with the clients";

/// All three in about the time of the setup.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let plan = Plan::under(CLIENTS.into(), &setup.dir, setup.seconds, CONTENDERS);
    let compared = contend(setup, &plan, out)?;
    let mut table = compared.table(TERMS);
    table.spread += NOTE;
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok: compared.is_ok() })
}

/// All three at their jobs in turn, as planned.
///
/// # Errors
/// etcd or Redis is missing, or something does not run.
pub fn contend(setup: &Setup, plan: &Plan, out: &mut dyn Write) -> Result<Comparison, Error> {
    let runtime = runtime()?;
    let on = runtime.handle();
    let what = "Puts and linearizable reads of 256 bytes, each until it is answered.\n";
    writeln!(out, "{what}").map_err(Error::io("print"))?;
    let stores = [
        ("ours, three replicas", Store::ours(setup, on.clone())?),
        (ETCD, Store::etcd(setup, on.clone(), SHIPPED)?),
        (REDIS, Store::redis(setup)?),
    ];
    let mut running = Vec::new();
    for (name, store) in stores {
        fill(&store, on)?;
        running.push((name, Rc::new(RefCell::new(store))));
    }
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    for job in [Job::Put, Job::Read, Job::Ping] {
        for (name, store) in &running {
            contenders.push(Box::new(AtWork {
                name,
                job,
                store: Rc::clone(store),
                runtime: on.clone(),
                putters: Vec::new(),
                wrong: Arc::default(),
                loads: 0,
            }));
        }
    }
    compare(plan, &mut contenders, out)
}
