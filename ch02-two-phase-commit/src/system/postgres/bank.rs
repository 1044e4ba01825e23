//! The tables of one participant in a schema of their own, and what makes a database unfit for them.
//! They belong to one cluster, and one process at a time: an advisory lock on a connection that is
//! kept says which.
//!
//! # Left out
//!
//! Changing tables that an older version made: there is one version.

use std::str::FromStr;
use std::time::Duration;

use lab::NodeId;
use lab::system::EffectCount;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Transaction};

use super::config::Config;
use super::gid::Names;
use super::pool::Pool;
use super::unfit::Unfit;
use crate::accounts::MOST;
use crate::system::catalog;

/// Goes before the participant's number in the lock: `ch02`.
const LOCK: i32 = 0x6368_3032;
/// A predecessor that was killed loses its lock as soon as PostgreSQL notices.
const PREDECESSOR: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// One participant's database.
pub(super) struct Bank {
    pub(super) names: Names,
    pub(super) pool: Pool,
    pub(super) effects: EffectCount,
    /// Which start of this participant it is.
    pub(super) start: u64,
    /// Holds the advisory lock, and looks around.
    keeper: Mutex<Client>,
}

impl Bank {
    /// Takes the database over, and makes what is not there.
    pub(super) async fn open(config: &Config) -> Result<Self, Unfit> {
        let mut address = tokio_postgres::Config::from_str(&config.url).map_err(Unfit::Address)?;
        if let (None, Some(password)) = (address.get_password(), &config.password) {
            address.password(password);
        }
        let schema = format!("ch02_{}", catalog::ledger(config.me));
        let pool = Pool::new(address, &schema);
        let mut keeper = pool.connect().await.map_err(Unfit::Unreachable)?;
        fit(&keeper).await?;
        take(&keeper, config.me, PREDECESSOR).await?;
        let start = prepare_tables(&mut keeper, &schema, config).await?;
        let names = Names { cluster: config.cluster, me: config.me };
        let effects = EffectCount::new(config.crash_after_effect);
        Ok(Self { names, pool, effects, start, keeper: Mutex::new(keeper) })
    }

    /// The connection that holds the lock; a new one with the lock if the last one broke.
    pub(super) async fn keeper(&self) -> Result<MutexGuard<'_, Client>, Unfit> {
        let mut keeper = self.keeper.lock().await;
        if keeper.is_closed() {
            let again = self.pool.connect().await.map_err(Unfit::Unreachable)?;
            take(&again, self.names.me, PREDECESSOR).await?;
            *keeper = again;
        }
        Ok(keeper)
    }
}

async fn fit(keeper: &Client) -> Result<(), Unfit> {
    let setting = async |name: &str| -> Result<String, Unfit> {
        let row = keeper.query_one(&format!("SHOW {name}"), &[]).await.map_err(Unfit::Refuses)?;
        row.try_get(0).map_err(Unfit::Refuses)
    };
    if setting("max_prepared_transactions").await? == "0" {
        return Err(Unfit::NoSlots);
    }
    if setting("fsync").await? == "off" {
        return Err(Unfit::NotDurable);
    }
    Ok(())
}

/// Takes the lock, and waits for it as long as a predecessor that died may still hold it.
async fn take(keeper: &Client, me: NodeId, patience: Duration) -> Result<(), Unfit> {
    let until = Instant::now() + patience;
    let own = i32::try_from(me.0).expect("a participant's number is small");
    loop {
        let question = "SELECT pg_try_advisory_lock($1, $2)";
        let types: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&LOCK, Type::INT4), (&own, Type::INT4)];
        let row = keeper.query_typed_one(question, &types).await.map_err(Unfit::Refuses)?;
        if row.try_get(0).map_err(Unfit::Refuses)? {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Unfit::Taken(me));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes the tables and opens the accounts, if that was not done before; counts this start.
async fn prepare_tables(keeper: &mut Client, schema: &str, config: &Config) -> Result<u64, Unfit> {
    let work = keeper.transaction().await.map_err(Unfit::Refuses)?;
    let tables = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema};
         CREATE TABLE IF NOT EXISTS account (
             name text PRIMARY KEY,
             balance bigint NOT NULL CHECK (balance BETWEEN 0 AND {MOST}));
         CREATE TABLE IF NOT EXISTS dtx_outcome (
             gtrid text PRIMARY KEY,
             outcome text NOT NULL CHECK (outcome IN ('committed', 'aborted')));
         CREATE TABLE IF NOT EXISTS dtx_told (gtrid text PRIMARY KEY);
         CREATE TABLE IF NOT EXISTS dtx_damage (
             gtrid text PRIMARY KEY,
             did text NOT NULL CHECK (did IN ('committed', 'aborted')));
         CREATE TABLE IF NOT EXISTS dtx_owner (
             only_one bool PRIMARY KEY DEFAULT true CHECK (only_one),
             cluster text NOT NULL,
             starts bigint NOT NULL);"
    );
    work.batch_execute(&tables).await.map_err(Unfit::Refuses)?;
    let ours = format!("{:x}", config.cluster);
    let owner = "INSERT INTO dtx_owner (cluster, starts) VALUES ($1, 1)
                 ON CONFLICT (only_one) DO UPDATE SET starts = dtx_owner.starts + 1
                 RETURNING cluster, starts";
    let row = work.query_one(owner, &[&ours]).await.map_err(Unfit::Refuses)?;
    let theirs: String = row.try_get(0).map_err(Unfit::Refuses)?;
    if theirs != ours {
        return Err(Unfit::NotOurs { theirs, ours });
    }
    let starts: i64 = row.try_get(1).map_err(Unfit::Refuses)?;
    // Later it would wait for a transaction that has an account prepared, and that may be for ever.
    if starts == 1 {
        open_accounts(&work, config.me).await.map_err(Unfit::Refuses)?;
    }
    work.commit().await.map_err(Unfit::Refuses)?;
    Ok(starts.unsigned_abs())
}

async fn open_accounts(work: &Transaction<'_>, me: NodeId) -> Result<(), Error> {
    let opening = catalog::accounts(catalog::ledger(me));
    let (names, amounts): (Vec<_>, Vec<_>) =
        opening.into_iter().map(|(name, amount)| (name, amount.cast_signed())).unzip();
    let accounts = "INSERT INTO account SELECT * FROM unnest($1::text[], $2::bigint[])";
    work.execute(accounts, &[&names, &amounts]).await.map(drop)
}

/// What PostgreSQL has forced and written since it counts, all its databases together.
pub(super) async fn wal_counts(client: &Client) -> Result<(u64, u64), Error> {
    let row = client.query_one("SELECT wal_sync, wal_bytes::bigint FROM pg_stat_wal", &[]).await?;
    let (syncs, bytes): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok((syncs.unsigned_abs(), bytes.unsigned_abs()))
}
