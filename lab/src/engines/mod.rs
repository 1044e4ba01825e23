//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! The programs that do in production what our nodes do for learning. Each one is found, started on
//! a free port of loopback in a directory of its own, awaited until it answers, and gone with its
//! directory when the value is dropped. Nothing that the machine runs already is touched.
//!
//! ```ignore
//! let mut postgres = Postgres::start(&postgres::Options::default())?;
//! connect(&postgres.url());
//! postgres.restart_after_crash()?;             // as after a power cut: recovers from its log
//! ```
//!
//! Of etcd there may be several members ([`EtcdCluster`]), and a client that asks as its own do
//! ([`EtcdClient`]); Redis is asked with [`crate::resp`].
//!
//! A program that is missing is an error with the line that installs it, never a skipped test.
//! Durability stays as the programs ship it, or stronger: nothing here turns a fsync off.
//!
//! # Left out
//!
//! TLS, passwords, Windows. A program in a container: it would be another
//! network.

mod program;

#[cfg(all(feature = "engines", unix))]
mod error;
#[cfg(all(feature = "engines", unix))]
mod etcd;
#[cfg(feature = "engines")]
mod etcd_client;
#[cfg(all(feature = "engines", unix))]
mod ping;
#[cfg(all(feature = "engines", unix))]
pub mod postgres;
#[cfg(all(feature = "engines", unix))]
mod process;
#[cfg(all(feature = "engines", unix))]
mod proxies;
#[cfg(all(feature = "engines", unix))]
mod redis;
#[cfg(all(feature = "engines", unix))]
mod rotel;
#[cfg(all(feature = "engines", unix))]
mod server;

pub use program::{ETCD, HAPROXY, Missing, NGINX, POSTGRES, PROGRAMS, Program, REDIS, ROTEL};

#[cfg(feature = "engines")]
pub use etcd_client::{EtcdClient, Found, Leads, NoAnswer};
#[cfg(all(feature = "engines", unix))]
pub use {
    error::EngineError,
    etcd::{Etcd, EtcdCluster, EtcdOptions},
    postgres::Postgres,
    proxies::{haproxy, nginx},
    redis::{redis, redis_in},
    rotel::rotel,
    server::Engine,
};
