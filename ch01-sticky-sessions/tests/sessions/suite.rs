//! What a session store has to do, whichever it is. Chapter 4 asks chapter 3's replicas the same.

use std::sync::Arc;

use ch01_sticky_sessions::system::sessions::{NoAnswer, Sessions};
use ch01_sticky_sessions::types::{Item, Kept, Session, SessionId, User, Version};

/// A session store, as a web node asks it.
pub(crate) trait SessionStore: Send + Sync + 'static {
    fn load(&self, id: SessionId) -> impl Future<Output = Result<Kept, NoAnswer>> + Send;

    fn save(
        &self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
    ) -> impl Future<Output = Result<Result<Version, Kept>, NoAnswer>> + Send;

    fn revoke(&self, id: SessionId) -> impl Future<Output = Result<Option<User>, NoAnswer>> + Send;
}

impl SessionStore for Sessions {
    async fn load(&self, id: SessionId) -> Result<Kept, NoAnswer> {
        Self::load(self, id).await
    }

    async fn save(
        &self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
    ) -> Result<Result<Version, Kept>, NoAnswer> {
        Self::save(self, id, session, expected).await
    }

    async fn revoke(&self, id: SessionId) -> Result<Option<User>, NoAnswer> {
        Self::revoke(self, id).await
    }
}

/// Sessions and users of one check: another check of the same store has others.
#[derive(Clone, Copy)]
pub(crate) struct Own(pub(crate) u8);

impl Own {
    pub(crate) fn id(self, number: u8) -> SessionId {
        SessionId(u128::from(self.0) << 8 | u128::from(number))
    }

    fn user(self, name: &str) -> User {
        User::new(&format!("{name}-{}", self.0))
    }

    pub(crate) fn session(self, items: &[&str]) -> Session {
        let mut session = Session::new(self.user("alice"));
        assert!(items.iter().all(|item| session.add(Item::new(item))));
        session
    }
}

/// A session that never was has version 0, and each save counts one.
pub(crate) async fn counts_versions(store: &impl SessionStore, own: Own) {
    let id = own.id(7);
    assert_eq!(store.load(id).await, Ok(Kept::default()));
    assert_eq!(store.save(id, Some(own.session(&[])), Some(0)).await, Ok(Ok(1)));
    assert_eq!(store.save(id, Some(own.session(&["umbrella"])), Some(1)).await, Ok(Ok(2)));
    let kept = Kept { version: 2, session: Some(own.session(&["umbrella"])) };
    assert_eq!(store.load(id).await, Ok(kept));
    assert_eq!(store.load(own.id(8)).await, Ok(Kept::default()), "another session");
}

/// A save on top of another version saves nothing, and is told what is there.
pub(crate) async fn refuses_another_version(store: &impl SessionStore, own: Own) {
    let id = own.id(7);
    store.save(id, Some(own.session(&["boots"])), Some(0)).await.unwrap().unwrap();
    let there = Kept { version: 1, session: Some(own.session(&["boots"])) };
    for expected in [0, 2] {
        let saved = store.save(id, Some(own.session(&["candle"])), Some(expected)).await;
        assert_eq!(saved, Ok(Err(there.clone())), "expected {expected}");
    }
    assert_eq!(store.load(id).await, Ok(there));
}

/// A session that has ended keeps its version, and is not brought back.
pub(crate) async fn keeps_an_end(store: &impl SessionStore, own: Own) {
    let id = own.id(7);
    store.save(id, Some(own.session(&["boots"])), Some(0)).await.unwrap().unwrap();
    assert_eq!(store.save(id, None, None).await, Ok(Ok(2)), "ended without a version");
    let late = store.save(id, Some(own.session(&["boots", "candle"])), Some(1)).await;
    assert_eq!(late, Ok(Err(Kept { version: 2, session: None })));
}

/// Of many that add something at once, none is lost.
pub(crate) async fn loses_no_addition(store: &Arc<impl SessionStore>, own: Own) {
    let id = own.id(7);
    store.save(id, Some(own.session(&[])), Some(0)).await.unwrap().unwrap();
    let adding = (0..8).map(|i| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            loop {
                let Kept { version, session } = store.load(id).await.unwrap();
                let mut session = session.unwrap();
                assert!(session.add(Item::new(&format!("item-{i}"))));
                if store.save(id, Some(session), Some(version)).await.unwrap().is_ok() {
                    return;
                }
            }
        })
    });
    for added in adding.collect::<Vec<_>>() {
        added.await.unwrap();
    }
    let Kept { version, session } = store.load(id).await.unwrap();
    assert_eq!((version, session.unwrap().cart.len()), (9, 8));
}

/// A user who signs out everywhere ends all sessions begun before, and no other.
pub(crate) async fn ends_what_began_before(store: &impl SessionStore, own: Own) {
    let of = |user: &str| Some(Session::new(own.user(user)));
    for (number, user) in [(1, "alice"), (2, "alice"), (3, "bob")] {
        store.save(own.id(number), of(user), Some(0)).await.unwrap().unwrap();
    }
    let alice = own.user("alice");
    assert_eq!(store.revoke(own.id(1)).await, Ok(Some(alice.clone())));
    assert_eq!(store.revoke(own.id(1)).await, Ok(None), "asked once more");
    let late = store.save(own.id(2), of("alice"), Some(1)).await;
    let ended = Kept { version: 1, session: None };
    assert_eq!(late, Ok(Err(ended)), "its version is the one that was expected");
    store.save(own.id(4), of("alice"), Some(0)).await.unwrap().unwrap();
    let mut open = Vec::new();
    for number in 1..=4 {
        open.push(store.load(own.id(number)).await.unwrap().session.is_some());
    }
    assert_eq!(open, [false, false, true, true]);
    // A change keeps the epoch of the session.
    let Kept { version, session } = store.load(own.id(4)).await.unwrap();
    store.save(own.id(4), session, Some(version)).await.unwrap().unwrap();
    assert_eq!(store.revoke(own.id(4)).await, Ok(Some(alice)));
    assert_eq!(store.load(own.id(4)).await.unwrap().session, None);
}

/// Of many who sign out everywhere at once, each ends what was there.
pub(crate) async fn ends_one_epoch(store: &Arc<impl SessionStore>, own: Own) {
    for number in 0..8 {
        store.save(own.id(number), Some(own.session(&[])), Some(0)).await.unwrap().unwrap();
    }
    let asked = (0..8).map(|number| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.revoke(own.id(number)).await.unwrap() })
    });
    let mut ended = 0;
    for asked in asked.collect::<Vec<_>>() {
        ended += usize::from(asked.await.unwrap().is_some());
    }
    assert!(ended > 0);
    // One epoch is over, however many asked: what begins now belongs to the next one.
    let fresh = own.id(9);
    store.save(fresh, Some(own.session(&[])), Some(0)).await.unwrap().unwrap();
    assert_eq!(store.load(fresh).await.unwrap().session.unwrap().epoch, 1);
    assert_eq!(store.load(own.id(0)).await.unwrap().session, None);
}
