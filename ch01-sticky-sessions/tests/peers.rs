//! The exhibit: what the session stores of a widely used crate do in the cases that this chapter's stores have to
//! pass. They keep a whole session under its name, without a version; one has a cache before it.

use serde_json::json;
use tower_sessions::session::{Id, Record};
use tower_sessions::{CachingSessionStore, MemoryStore, SessionStore};

/// A session in a store, with a thing in its cart.
async fn begun(store: &impl SessionStore) -> Id {
    // In the year 3000.
    let expiry_date = time::OffsetDateTime::from_unix_timestamp(32_503_680_000).unwrap();
    let mut record = Record { id: Id::default(), data: [].into(), expiry_date };
    add(&mut record, "umbrella");
    store.create(&mut record).await.unwrap();
    record.id
}

async fn load(store: &impl SessionStore, id: Id) -> Option<Record> {
    store.load(&id).await.unwrap()
}

fn add(record: &mut Record, item: &str) {
    record.data.insert(item.into(), json!(true));
}

/// A session that never was is none, and one that was saved is found.
async fn what_is_saved_is_found(store: &impl SessionStore) -> bool {
    let id = begun(store).await;
    load(store, Id::default()).await.is_none()
        && load(store, id).await.is_some_and(|record| record.data.contains_key("umbrella"))
}

/// Two sign-ins never get one session.
async fn a_name_is_given_once(store: &impl SessionStore) -> bool {
    let id = begun(store).await;
    let mut other = load(store, id).await.unwrap();
    store.create(&mut other).await.unwrap();
    other.id != id
}

/// Two requests load a session, and each saves it with one more thing.
async fn no_update_is_lost(store: &impl SessionStore) -> bool {
    let id = begun(store).await;
    let mut tabs = [load(store, id).await.unwrap(), load(store, id).await.unwrap()];
    for (tab, item) in tabs.iter_mut().zip(["boots", "candle"]) {
        add(tab, item);
    }
    for tab in &tabs {
        // A refusal would be an answer as well: the request could be done again.
        if store.save(tab).await.is_err() {
            return true;
        }
    }
    load(store, id).await.unwrap().data.len() == 3
}

/// A request is under way while its user signs out, and saves what it has loaded.
async fn what_has_ended_is_not_brought_back(store: &impl SessionStore) -> bool {
    let id = begun(store).await;
    let late = load(store, id).await.unwrap();
    store.delete(&id).await.unwrap();
    let _ = store.save(&late).await;
    load(store, id).await.is_none()
}

/// Another process has the session in its cache when its user signs out here.
async fn what_has_ended_here_has_ended_there(
    here: &impl SessionStore,
    there: &impl SessionStore,
) -> bool {
    let id = begun(here).await;
    assert!(load(there, id).await.is_some(), "it is in the cache there from now on");
    here.delete(&id).await.unwrap();
    load(there, id).await.is_none()
}

/// The cache of a process, in front of a store.
fn cached(store: &MemoryStore) -> impl SessionStore {
    CachingSessionStore::new(MemoryStore::default(), store.clone())
}

#[tokio::test]
async fn the_memory_store_of_tower_sessions_loses_updates_and_brings_back_what_has_ended() {
    let store = MemoryStore::default();
    assert!(what_is_saved_is_found(&store).await);
    assert!(a_name_is_given_once(&store).await);
    assert!(!no_update_is_lost(&store).await, "it has versions now: tell the book");
    assert!(
        !what_has_ended_is_not_brought_back(&store).await,
        "it has tombstones now: tell the book"
    );
    assert!(what_has_ended_here_has_ended_there(&store, &store).await, "there is no copy of it");
}

/// Its documentation has a cache of Moka in each process and a database behind them. Two of its memory stores do
/// the same here: the cache is asked first, and nothing tells it that a session has ended elsewhere.
#[tokio::test]
async fn the_caching_store_of_tower_sessions_shows_what_has_ended_for_as_long_as_it_is_cached() {
    let store = MemoryStore::default();
    let (here, there) = (cached(&store), cached(&store));
    assert!(what_is_saved_is_found(&here).await);
    assert!(a_name_is_given_once(&here).await);
    assert!(!no_update_is_lost(&here).await, "it has versions now: tell the book");
    assert!(
        !what_has_ended_is_not_brought_back(&here).await,
        "it has tombstones now: tell the book"
    );
    let is_ended = what_has_ended_here_has_ended_there(&here, &there).await;
    assert!(!is_ended, "it asks its store now whether a session has ended: tell the book");
}
