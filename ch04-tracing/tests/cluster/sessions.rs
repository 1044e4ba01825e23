//! What chapter 1 asks of every session store, asked of chapter 3's replicas as the shop runs them.

use std::sync::Arc;
use std::time::Duration;

use ch01_sticky_sessions::system::sessions::Sessions;
use lab::http::Caller;
use lab::resp::Servers;

use crate::TestShop;

#[path = "../../../ch01-sticky-sessions/tests/sessions/suite.rs"]
mod suite;

use suite::Own;

const PATIENCE: Duration = Duration::from_secs(5);

impl TestShop {
    /// Sessions in the replicas, once they choose commands.
    fn sessions(&self) -> Sessions {
        let redis = |replica: &str| {
            let mut caller = Caller::new(self.cluster.endpoint(replica));
            let status = self.runtime.block_on(caller.get("/status")).ok()?;
            Some(status.field("redis").to_owned())
        };
        let all = ["replica-1", "replica-2", "replica-3"];
        let addresses = self.until("three servers", || {
            let addresses: Option<Vec<String>> = all.into_iter().map(redis).collect();
            addresses.filter(|addresses| addresses.iter().all(|address| !address.is_empty()))
        });
        let servers = Servers::at(&format!("redis://{}", addresses.join(",")), PATIENCE);
        Sessions::new(servers.unwrap())
    }
}

#[test]
fn chapter_3s_replicas_do_all_that_chapter_1_asks_of_a_session_store() {
    let shop = TestShop::whole();
    let sessions = Arc::new(shop.sessions());
    shop.until("a leader", || shop.runtime.block_on(sessions.load(Own(0).id(0))).ok());
    shop.runtime.block_on(async {
        suite::counts_versions(&*sessions, Own(1)).await;
        suite::refuses_another_version(&*sessions, Own(2)).await;
        suite::keeps_an_end(&*sessions, Own(3)).await;
        suite::loses_no_addition(&sessions, Own(4)).await;
        suite::ends_what_began_before(&*sessions, Own(5)).await;
        suite::ends_one_epoch(&sessions, Own(6)).await;
    });
}
