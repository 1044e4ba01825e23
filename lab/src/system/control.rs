//! A cluster until Ctrl-C, and the page through which other terminals kill and restart its roles.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::cluster::Cluster;
use super::config::Config;
use super::error::Error;
use super::handle::{Killed, Order, Report, Restarted, RoleReport, report};
use super::interface::System;
use crate::http::{Limits, Object, answer, finish, of_cluster, refuse, serve};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long requests that are under way have to end, once the cluster has to.
const GRACE: Duration = Duration::from_millis(500);

/// What happens to a cluster, for the program that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A role is up.
    Up {
        /// Which.
        role: String,
        /// Where it serves HTTP.
        http: SocketAddr,
        /// Its process.
        pid: u32,
    },
    /// All roles reach each other: users can come.
    Ready {
        /// Where.
        front: SocketAddr,
        /// What the system says then.
        greeting: Vec<String>,
    },
    /// An operator killed a role.
    Killed(Killed),
    /// An operator restarted a role.
    Restarted(Restarted),
    /// A role ended by itself.
    Died {
        /// Which.
        role: String,
        /// How.
        how: String,
    },
    /// Ctrl-C: the roles are asked to end.
    Closing,
    /// A role did not end by itself, and was killed.
    Forced {
        /// Which.
        role: String,
    },
}

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

#[derive(Clone)]
struct Control {
    /// Which cluster it is.
    id: u64,
    /// Taken out when it ends; a request may outlive it.
    cluster: Arc<Mutex<Option<Cluster>>>,
    observer: Observer,
}

/// Runs a cluster until Ctrl-C (or SIGTERM). `observer` is told what happens to it.
///
/// # Errors
/// It cannot be started, or does not end in order.
pub fn run_cluster(
    config: Config,
    observer: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::io("start the runtime"))?;
    runtime.block_on(run(config, Arc::new(observer)))
}

async fn run(config: Config, observer: Observer) -> Result<(), Error> {
    let mut ending = std::pin::pin!(asked_to_end()?);
    let system = config.system;
    let mut cluster = blocking(move || Cluster::start(config)).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::io("listen"))?;
    cluster.set_control(listener.local_addr().map_err(Error::io("read the own address"))?)?;
    let id = cluster.id();
    for (role, http) in cluster.endpoints() {
        let pid = cluster.pid(&role);
        observer(&Event::Up { role, http, pid });
    }
    let greeting = greeting(system, &mut cluster).await;
    observer(&Event::Ready { front: cluster.front(), greeting });
    let control = Control { id, cluster: Arc::new(Mutex::new(Some(cluster))), observer };
    let pages = Router::new()
        .route("/kill", post(kill))
        .route("/restart", post(restart))
        .route("/status", get(status))
        .with_state(control.clone());
    let pages = of_cluster(pages, id);
    let (close, closing) = oneshot::channel::<()>();
    let limits = Limits::of_process().map_err(|few| Error::Refused(few.to_string()))?;
    let mut serving = tokio::spawn(serve(listener, finish(pages), limits, async {
        let _ = closing.await;
    }));
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = &mut ending => break,
            _ = look.tick() => control.look(),
        }
    }
    (control.observer)(&Event::Closing);
    drop(close);
    // A request that never ends must not keep the cluster.
    if tokio::time::timeout(GRACE, &mut serving).await.is_err() {
        serving.abort();
    }
    let (hurry, observer) = (Arc::new(AtomicBool::new(false)), control.observer.clone());
    let hurried = Arc::clone(&hurry);
    let mut stopping = std::pin::pin!(blocking(move || {
        let cluster = control.cluster.lock().expect("no thread panics with this lock held").take();
        cluster.map_or(Ok(Vec::new()), |cluster| cluster.stop_unless(&hurried))
    }));
    let mut again = std::pin::pin!(asked_to_end()?);
    let forced = tokio::select! {
        forced = &mut stopping => forced,
        () = &mut again => {
            hurry.store(true, Ordering::Relaxed);
            stopping.await
        }
    };
    forced?.into_iter().for_each(|role| observer(&Event::Forced { role }));
    Ok(())
}

/// What the system says once its roles are up.
async fn greeting(system: &dyn System, cluster: &mut Cluster) -> Vec<String> {
    let endpoints = cluster.endpoints();
    let statuses = report(&endpoints, Some(cluster.id())).await;
    let rows = statuses.into_iter().zip(endpoints);
    let row = |((role, status), (_, http))| {
        let pid = Some(cluster.pid(&role));
        RoleReport { role, pid, http, status }
    };
    system.greeting(&rows.map(row).collect::<Vec<_>>())
}

/// Resolves at Ctrl-C or SIGTERM. From the call on, neither ends this process by itself.
///
/// # Errors
/// The operating system does not let us listen for them.
pub fn asked_to_end() -> Result<impl Future<Output = ()>, Error> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::io("listen for signals"));
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
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.expect("it does not panic")
}

impl Control {
    fn look(&self) {
        // A request starts or kills a role right now: the next look will do.
        let Ok(mut cluster) = self.cluster.try_lock() else { return };
        for (role, how) in cluster.as_mut().map(Cluster::died).unwrap_or_default() {
            (self.observer)(&Event::Died { role, how: how.to_string() });
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Cluster) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || {
            match &mut *cluster.lock().expect("no thread panics with this lock held") {
                Some(cluster) => work(cluster),
                None => Err(Error::Refused("the cluster is ending".into())),
            }
        })
        .await
    }

    /// Does something to the cluster, tells the observer, and answers.
    async fn change<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Cluster) -> Result<T, Error> + Send + 'static,
        event: fn(T) -> Event,
    ) -> Response {
        match self.with(work).await {
            Ok(done) => {
                let answered = answer(StatusCode::OK, &json!(done));
                (self.observer)(&event(done));
                answered
            }
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
}

async fn kill(State(control): State<Control>, Object(order): Object<Order>) -> Response {
    control.change(move |cluster| cluster.kill(order.role), Event::Killed).await
}

async fn restart(State(control): State<Control>, Object(order): Object<Order>) -> Response {
    let Order { role, crash_after_effect: crash } = order;
    control.change(move |cluster| cluster.restart(role, crash), Event::Restarted).await
}

async fn status(State(control): State<Control>) -> Response {
    let read = |cluster: &mut Cluster| {
        let mut pids = Vec::new();
        for (role, _) in cluster.endpoints() {
            pids.push(cluster.is_up(&role).then(|| cluster.pid(&role)));
        }
        Ok((cluster.endpoints(), pids, cluster.power_cut()))
    };
    let Ok((endpoints, pids, power_cut)) = control.with(read).await else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the cluster cannot be read");
    };
    let statuses = report(&endpoints, Some(control.id)).await;
    let rows = statuses.into_iter().zip(endpoints).zip(pids);
    let row = |(((role, status), (_, http)), pid)| RoleReport { role, pid, http, status };
    answer(StatusCode::OK, &json!(Report { power_cut, roles: rows.map(row).collect() }))
}
