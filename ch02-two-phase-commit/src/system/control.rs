//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! A cluster until Ctrl-C, and the page through which other terminals kill and restart its roles.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use super::cluster::{Cluster, Config, Killed, Restarted, report};
use super::operator::{answer, finish, say};
use super::role::Role;
use super::trouble::Trouble;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What happens to a cluster, for whoever shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A role is up.
    Up {
        /// Which.
        role: Role,
        /// Where it serves HTTP.
        http: SocketAddr,
        /// Its process.
        pid: u32,
    },
    /// All roles reach each other: the shop is open.
    Open {
        /// Where.
        shop: SocketAddr,
    },
    /// Somebody killed a role.
    Killed(Killed),
    /// Somebody restarted a role.
    Restarted(Restarted),
    /// A role ended by itself.
    Died {
        /// Which.
        role: Role,
        /// How.
        how: String,
    },
    /// Ctrl-C: the roles are asked to end.
    Closing,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crash_after_effect: Option<u64>,
}

#[derive(Clone)]
struct Control {
    cluster: Arc<Mutex<Cluster>>,
    tell: Tell,
}

type Tell = Arc<dyn Fn(&Happening) + Send + Sync>;

/// Runs a cluster until Ctrl-C (or SIGTERM). `observer` hears what happens to it.
///
/// # Errors
/// It cannot be started, or does not end in order.
pub fn run(
    config: Config,
    observer: impl Fn(&Happening) + Send + Sync + 'static,
) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Trouble::io("start the runtime"))?;
    runtime.block_on(live(config, Arc::new(observer)))
}

async fn live(config: Config, tell: Tell) -> Result<(), Trouble> {
    let mut ending = std::pin::pin!(asked_to_end()?);
    let mut cluster = blocking(move || Cluster::start(config)).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Trouble::io("listen"))?;
    let address = listener.local_addr().map_err(Trouble::io("read the own address"))?;
    cluster.remember_control(address)?;
    for (role, http) in cluster.edges() {
        tell(&Happening::Up { role, http, pid: cluster.pid(role) });
    }
    tell(&Happening::Open { shop: cluster.shop() });
    let control = Control { cluster: Arc::new(Mutex::new(cluster)), tell: Arc::clone(&tell) };
    let pages = Router::new()
        .route("/kill", post(kill))
        .route("/restart", post(restart))
        .route("/status", get(status))
        .with_state(control.clone());
    let serving = tokio::spawn(async { axum::serve(listener, finish(pages)).await });
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = &mut ending => break,
            _ = look.tick() => control.look(),
        }
    }
    tell(&Happening::Closing);
    serving.abort();
    // With the pages gone, the last who knows the cluster is here.
    let _ = serving.await;
    let mut shared = control.cluster;
    let cluster = loop {
        match Arc::try_unwrap(shared) {
            Ok(cluster) => break cluster.into_inner().expect("nobody panics with it"),
            Err(again) => shared = again,
        }
        tokio::task::yield_now().await;
    };
    blocking(move || cluster.stop()).await
}

/// Resolves at Ctrl-C or SIGTERM. From the call on, neither ends this process by itself.
fn asked_to_end() -> Result<impl Future<Output = ()>, Trouble> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Trouble::io("listen for signals"));
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Starting and killing processes waits for them: not on a thread that serves others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

impl Control {
    fn look(&self) {
        // Somebody starts or kills a role right now: the next look will do.
        let Ok(mut cluster) = self.cluster.try_lock() else { return };
        for (role, how) in cluster.died() {
            (self.tell)(&Happening::Died { role, how: how.to_string() });
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Cluster) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || work(&mut cluster.lock().expect("nobody panics with it"))).await
    }
}

type Asked = Result<Json<Order>, JsonRejection>;

async fn kill(State(control): State<Control>, order: Asked) -> Response {
    let order = match order {
        Ok(Json(order)) => order,
        Err(bad) => return say(bad.status(), "error", &bad.body_text()),
    };
    match control.with(move |cluster| cluster.kill(order.role)).await {
        Ok(killed) => {
            (control.tell)(&Happening::Killed(killed.clone()));
            answer(StatusCode::OK, &json!(killed))
        }
        Err(trouble) => say(StatusCode::INTERNAL_SERVER_ERROR, "error", &trouble.to_string()),
    }
}

async fn restart(State(control): State<Control>, order: Asked) -> Response {
    let Order { role, crash_after_effect } = match order {
        Ok(Json(order)) => order,
        Err(bad) => return say(bad.status(), "error", &bad.body_text()),
    };
    match control.with(move |cluster| cluster.restart(role, crash_after_effect)).await {
        Ok(restarted) => {
            (control.tell)(&Happening::Restarted(restarted.clone()));
            answer(StatusCode::OK, &json!(restarted))
        }
        Err(trouble) => say(StatusCode::INTERNAL_SERVER_ERROR, "error", &trouble.to_string()),
    }
}

async fn status(State(control): State<Control>) -> Response {
    let read = |cluster: &mut Cluster| {
        let edges = cluster.edges();
        let roles = cluster.roles().iter();
        let pids = roles.map(|&role| (role, cluster.is_up(role).then(|| cluster.pid(role))));
        let pids: Vec<_> = pids.collect();
        Ok((edges, pids, cluster.power_cut()))
    };
    let Ok((edges, pids, power_cut)) = control.with(read).await else {
        return say(StatusCode::INTERNAL_SERVER_ERROR, "error", "the cluster cannot be read");
    };
    let report = report(&edges).await;
    let roles = pids.into_iter().map(|(role, pid)| {
        let row = json!({ "role": role, "pid": pid, "http": edges[&role], "says": report[&role] });
        row
    });
    answer(StatusCode::OK, &json!({ "power_cut": power_cut, "roles": roles.collect::<Vec<_>>() }))
}
