//! The exhibit: what a session store of a widely used crate does in the cases that this chapter's stores have to
//! pass. It keeps a whole session under its name, without a version.

use serde_json::json;
use tower_sessions::session::{Id, Record};
use tower_sessions::{MemoryStore, SessionStore};

/// A session in a store, with a thing in its cart.
async fn begun(store: &MemoryStore) -> Id {
    // In the year 3000.
    let expiry_date = time::OffsetDateTime::from_unix_timestamp(32_503_680_000).unwrap();
    let mut record = Record { id: Id::default(), data: [].into(), expiry_date };
    add(&mut record, "umbrella");
    store.create(&mut record).await.unwrap();
    record.id
}

async fn load(store: &MemoryStore, id: Id) -> Option<Record> {
    store.load(&id).await.unwrap()
}

fn add(record: &mut Record, item: &str) {
    record.data.insert(item.into(), json!(true));
}

/// A session that never was is none, and one that was saved is found.
async fn what_is_saved_is_found() -> bool {
    let store = MemoryStore::default();
    let id = begun(&store).await;
    load(&store, Id::default()).await.is_none()
        && load(&store, id).await.is_some_and(|record| record.data.contains_key("umbrella"))
}

/// Two sign-ins never get one session.
async fn a_name_is_given_once() -> bool {
    let store = MemoryStore::default();
    let id = begun(&store).await;
    let mut other = load(&store, id).await.unwrap();
    store.create(&mut other).await.unwrap();
    other.id != id
}

/// Two requests load a session, and each saves it with one more thing.
async fn no_update_is_lost() -> bool {
    let store = MemoryStore::default();
    let id = begun(&store).await;
    let mut tabs = [load(&store, id).await.unwrap(), load(&store, id).await.unwrap()];
    for (tab, item) in tabs.iter_mut().zip(["boots", "candle"]) {
        add(tab, item);
    }
    for tab in &tabs {
        // A refusal would be an answer as well: the request could be done again.
        if store.save(tab).await.is_err() {
            return true;
        }
    }
    load(&store, id).await.unwrap().data.len() == 3
}

/// A request is under way while its user signs out, and saves what it has loaded.
async fn what_has_ended_is_not_brought_back() -> bool {
    let store = MemoryStore::default();
    let id = begun(&store).await;
    let late = load(&store, id).await.unwrap();
    store.delete(&id).await.unwrap();
    let _ = store.save(&late).await;
    load(&store, id).await.is_none()
}

#[tokio::test]
async fn the_memory_store_of_tower_sessions_loses_updates_and_brings_back_what_has_ended() {
    assert!(what_is_saved_is_found().await);
    assert!(a_name_is_given_once().await);
    assert!(!no_update_is_lost().await, "it has versions now: tell the book");
    assert!(!what_has_ended_is_not_brought_back().await, "it has tombstones now: tell the book");
}
