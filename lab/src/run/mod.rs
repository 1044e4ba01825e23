//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Real drivers: a [`crate::Node`] as an operating system process, with TCP for a network, a log on
//! a real disk, and the real clock. A role is a few lines:
//!
//! ```ignore
//! let mut config = Config::new(cluster, me, Data::Dir(dir));
//! config.listen = listen;                     // 127.0.0.1, port 0 takes a free one
//! config.peers = addresses;                   // or later: driver.set_peers(addresses)
//! let driver = Arc::new(Driver::start(config, Coordinator::new(), ())?);
//! children::say_ready(driver.addr());
//! let stop = Arc::clone(&driver);
//! children::watch_stdin(|_line| {}, move || stop.stop());
//!
//! let mut client = driver.clients().connect()?;   // or from a ClientPool
//! client.send(Msg::Buy(order)).await?;
//! let answer = client.recv().await;               // None: the connection is over
//! driver.ended().await;
//! ```
//!
//! # Left out
//!
//! Whatever a node does not need to be shown right or wrong: TLS, names, several networks, metrics
//! beyond [`Counts`].

pub mod children;
mod clients;
mod config;
mod context;
mod counters;
mod descriptors;
pub mod disk;
mod driver;
mod effects;
mod event_loop;
mod external_node;
pub mod frame;
mod inbox;
mod log;
mod merge;
mod network;
mod peers;
mod pool;
mod postcards;
pub mod proxy;
mod recorder;
mod recover;
mod timers;
mod tracer;
pub mod wal;

pub use clients::{Client, Clients, MAX_SERVER, MAX_START, Refused, server_of};
pub use config::{Config, Data, EventFile, Fatal, Observer};
pub use context::{Context, ContextTooLong, MAX_CONTEXT};
pub use counters::Counts;
pub use descriptors::most_open_files;
pub use driver::Driver;
pub use external_node::{Deliveries, Delivery, ExternalNode, Place, attend};
pub use inbox::{Ended, Reply};
pub use merge::merge;
pub(crate) use network::Network;
pub(crate) use peers::checked;
pub use peers::is_self_connection;
pub use pool::{ClientPool, Pooled};
pub use tracer::{Done, Traced, Tracer, Work};
