//! What a session store has to do, whichever it is: the node that a cluster runs as `store`, one that has CAS, as
//! chapter 3's, one that does the same with a script, as a Redis, and with the feature `engines` a real Redis.

mod suite;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ch01_sticky_sessions::shop::{Input, Shop};
use ch01_sticky_sessions::store::Store;
use ch01_sticky_sessions::system::sessions::{NoAnswer, Sessions};
use ch01_sticky_sessions::types::{Kept, Msg, Session, SessionId, User, Version};
use ch01_sticky_sessions::worlds::{STORE, WEBS};
use lab::node::{Effect, react};
use lab::resp::{Reply, Servers};
use lab::testing::Rows;
use suite::{Own, SessionStore};

const OWN: Own = Own(0);
const ALICE: SessionId = SessionId(7);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let in_time =
        async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("in time") };
    runtime.unwrap().block_on(in_time)
}

async fn at(servers: &[Rows]) -> Sessions {
    let mut names = Vec::new();
    for server in servers {
        names.push(server.clone().serve().await.to_string());
    }
    let address = format!("redis://{}", names.join(","));
    Sessions::new(Servers::at(&address, Duration::from_secs(5)).unwrap())
}

/// A session store of one of these kinds.
enum AnyStore {
    /// One that serves RESP.
    Elsewhere(Sessions),
    /// The chapter's own, in memory.
    Own(Mutex<Store>),
}

impl SessionStore for AnyStore {
    async fn load(&self, id: SessionId) -> Result<Kept, NoAnswer> {
        match self {
            Self::Elsewhere(sessions) => sessions.load(id).await,
            Self::Own(store) => match ask(store, Msg::Load { number: 1, id }) {
                Msg::Loaded { kept, .. } => Ok(kept),
                other => panic!("a question is not answered by {other}"),
            },
        }
    }

    async fn save(
        &self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
    ) -> Result<Result<Version, Kept>, NoAnswer> {
        match self {
            Self::Elsewhere(sessions) => sessions.save(id, session, expected).await,
            Self::Own(store) => match ask(store, Msg::Save { number: 1, id, session, expected }) {
                Msg::Saved { result, .. } => Ok(result),
                other => panic!("a save is not answered by {other}"),
            },
        }
    }

    async fn revoke(&self, id: SessionId) -> Result<Option<User>, NoAnswer> {
        match self {
            Self::Elsewhere(sessions) => sessions.revoke(id).await,
            Self::Own(store) => match ask(store, Msg::Revoke { number: 1, id }) {
                Msg::Revoked { user, .. } => Ok(user),
                other => panic!("an end is not answered by {other}"),
            },
        }
    }
}

/// What the node answers; its disk is not what these tests are about.
fn ask(store: &Mutex<Store>, msg: Msg) -> Msg {
    let input = Input::Message { from: WEBS[0], msg };
    let effects = react(&mut *store.lock().unwrap(), STORE, Duration::ZERO, input);
    let sent = effects.into_iter().find_map(|effect| match effect {
        Effect::<Shop>::Send { msg, .. } => Some(msg),
        _ => None,
    });
    sent.expect("an answer")
}

/// All kinds of store that need no server, and two that serve RESP.
async fn simple() -> Vec<AnyStore> {
    let own = AnyStore::Own(Mutex::new(Store::default()));
    let [cas, script] = [Rows::default(), Rows::default().as_redis()];
    vec![own, AnyStore::Elsewhere(at(&[cas]).await), AnyStore::Elsewhere(at(&[script]).await)]
}

/// All kinds of store, and what has to run as long as they are asked.
#[cfg(not(feature = "engines"))]
async fn stores() -> (Vec<AnyStore>, ()) {
    (simple().await, ())
}

/// All kinds of store, and what has to run as long as they are asked.
#[cfg(feature = "engines")]
async fn stores() -> (Vec<AnyStore>, lab::engines::Engine) {
    let redis = lab::engines::redis().unwrap();
    let address = format!("redis://{}", redis.addr());
    let real = Sessions::new(Servers::at(&address, Duration::from_secs(5)).unwrap());
    let mut all = simple().await;
    all.push(AnyStore::Elsewhere(real));
    (all, redis)
}

#[test]
fn a_session_that_never_was_has_version_0_and_each_save_counts_one() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::counts_versions(&store, OWN).await;
        }
    });
}

#[test]
fn a_save_on_top_of_another_version_saves_nothing_and_is_told_what_is_there() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::refuses_another_version(&store, OWN).await;
        }
    });
}

#[test]
fn a_session_that_has_ended_keeps_its_version_and_is_not_brought_back() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::keeps_an_end(&store, OWN).await;
        }
    });
}

#[test]
fn of_many_that_add_something_at_once_none_is_lost() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::loses_no_addition(&Arc::new(store), OWN).await;
        }
    });
}

#[test]
fn a_user_who_signs_out_everywhere_ends_all_sessions_begun_before_and_no_other() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::ends_what_began_before(&store, OWN).await;
        }
    });
}

#[test]
fn of_many_who_sign_out_everywhere_at_once_each_ends_what_was_there() {
    run(async {
        let (stores, _running) = stores().await;
        for store in stores {
            suite::ends_one_epoch(&Arc::new(store), OWN).await;
        }
    });
}

#[test]
fn an_epoch_that_cannot_be_read_lets_nobody_in() {
    run(async {
        let rows = Rows::default();
        let store = at(std::slice::from_ref(&rows)).await;
        store.save(ALICE, Some(OWN.session(&[])), Some(0)).await.unwrap().unwrap();
        let server = rows.serve().await;
        let other = Servers::at(&format!("redis://{server}"), Duration::from_secs(5)).unwrap();
        for bad in [&b"-1"[..], b"", b"one", b"18446744073709551615"] {
            let old = other.call(&[b"GET", b"epoch/alice-0"]).await.unwrap();
            match old {
                Reply::Bulk(old) => other.call(&[b"CAS", b"epoch/alice-0", &old, bad]).await,
                _ => other.call(&[b"SET", b"epoch/alice-0", bad, b"NX"]).await,
            }
            .unwrap();
            let why = store.load(ALICE).await.unwrap_err().to_string();
            assert!(why.contains("in the place of an epoch"), "{why}");
            assert!(store.revoke(ALICE).await.is_err());
        }
    });
}

#[test]
fn a_save_whose_answer_is_lost_is_found_by_the_next_server() {
    run(async {
        let rows = Rows::default();
        let store = at(&[rows.dropping_replies(), rows]).await;
        let saved = store.save(ALICE, Some(OWN.session(&["boots"])), Some(0)).await;
        let there = Kept { version: 1, session: Some(OWN.session(&["boots"])) };
        assert_eq!(saved, Ok(Err(there)), "it is there, and only that is known");
    });
}

#[test]
fn a_store_that_does_not_answer_or_has_something_else_there_is_no_session_that_never_was() {
    run(async {
        let rows = Rows::default();
        let refusing = at(&[rows.refusing("TRYAGAIN no leader")]).await;
        let why = refusing.load(ALICE).await.unwrap_err().to_string();
        assert!(why.contains("no leader"), "{why}");
        let server = rows.clone().serve().await;
        let other = Servers::at(&format!("redis://{server}"), Duration::from_secs(5)).unwrap();
        let key = format!("session/{}", String::from(ALICE));
        other.call(&[b"SET", key.as_bytes(), b"a list", b"NX"]).await.unwrap();
        let why = at(&[rows]).await.load(ALICE).await.unwrap_err().to_string();
        assert!(why.contains("in the place of a session"), "{why}");
        assert!(!why.contains(&String::from(ALICE)), "a session id is a secret: {why}");
    });
}
