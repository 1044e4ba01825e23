//! Each crossing as programs have it.

use std::future::pending;
use std::sync::{Arc, Mutex};

use ch04_tracing::propagation::Crossing;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking, spawn_local, yield_now};
use tracing::{Dispatch, Span, dispatcher};

use super::{Parent, REQUESTS, Way, root, work};

/// Work for a worker, and where its answer goes.
type Job = (u64, Parent, oneshot::Sender<()>);
/// An entry of the log, with the context that was written beside it.
type Log = Arc<Mutex<Vec<(u64, Parent)>>>;

/// What all requests of a cell use.
#[derive(Clone)]
struct Shop {
    way: Way,
    worker: mpsc::Sender<Job>,
    log: Log,
}

pub(super) async fn run(crossing: Crossing, way: Way) {
    let (worker, jobs) = mpsc::channel(REQUESTS as usize);
    // Workers start with the process, before any request.
    let worker_task = match crossing {
        Crossing::BatchFlush => spawn_local(flush(way, jobs)),
        _ => spawn_local(serve(crossing, jobs)),
    };
    let shop = Shop { way, worker, log: Log::default() };
    requests(crossing, &shop, 1).await;
    if crossing == Crossing::LogReplay {
        // The new leader replays while it serves other requests.
        let replay = spawn_local(replay(shop.log.clone()));
        requests(Crossing::Await, &shop, 1 + REQUESTS).await;
        replay.await.expect("no panic");
    }
    drop(shop);
    worker_task.await.expect("no panic");
}

async fn requests(crossing: Crossing, shop: &Shop, first: u64) {
    let mut tasks = Vec::new();
    for r in first..first + REQUESTS {
        let (shop, request) = (shop.clone(), root(r));
        let way = shop.way;
        let work = cross(crossing, shop, r, request.clone());
        tasks.push(spawn_local(way.run(request, work)));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
}

/// Other tasks run before the work begins; a later request waits for longer.
async fn later(r: u64, parent: Parent) {
    for _ in 0..r {
        yield_now().await;
    }
    work(r, &parent);
}

async fn cross(crossing: Crossing, shop: Shop, r: u64, request: Span) {
    let way = shop.way;
    let parent = way.parent(&request);
    let dispatch = dispatcher::get_default(Dispatch::clone);
    let elsewhere =
        move |parent: Parent| move || dispatcher::with_default(&dispatch, || work(r, &parent));
    match crossing {
        Crossing::Await => later(r, parent).await,
        Crossing::Spawn => {
            let task = tokio::spawn(way.hand_over(&request, later(r, parent)));
            task.await.expect("no panic");
        }
        Crossing::JoinSet => {
            let mut tasks = JoinSet::new();
            tasks.spawn(way.hand_over(&request, later(r, parent)));
            while tasks.join_next().await.is_some() {}
        }
        Crossing::SelectCancel => {
            let enough = Notify::new();
            let dropped = async {
                later(r, parent).await;
                enough.notify_one();
                pending().await
            };
            tokio::select! { biased; () = dropped => (), () = enough.notified() => () }
        }
        Crossing::Worker | Crossing::BatchFlush => ask(&shop.worker, r, parent).await,
        Crossing::Oneshot => {
            ask(&shop.worker, r, parent.clone()).await;
            work(r, &parent);
        }
        Crossing::SpawnBlocking => spawn_blocking(elsewhere(parent)).await.expect("no panic"),
        Crossing::Thread => {
            let thread = std::thread::Builder::new().spawn(elsewhere(parent));
            thread.expect("a thread").join().expect("no panic");
        }
        Crossing::Retry => {
            later(r, parent.clone()).await;
            later(r, parent).await;
        }
        Crossing::Hedge => {
            let mut tasks = JoinSet::new();
            tasks.spawn(way.hand_over(&request, later(r, parent.clone())));
            yield_now().await;
            tasks.spawn(way.hand_over(&request, later(r, parent)));
            while tasks.join_next().await.is_some() {}
        }
        Crossing::LogReplay => shop.log.lock().expect("no panic").push((r, parent)),
    }
}

async fn ask(worker: &mpsc::Sender<Job>, r: u64, parent: Parent) {
    let (answer, answered) = oneshot::channel();
    worker.send((r, parent, answer)).await.expect("the worker is there");
    answered.await.expect("it answers");
}

async fn serve(crossing: Crossing, mut jobs: mpsc::Receiver<Job>) {
    while let Some((r, parent, answer)) = jobs.recv().await {
        if crossing == Crossing::Worker {
            work(r, &parent);
        }
        let _ = answer.send(());
    }
}

/// One flush for all that came.
async fn flush(way: Way, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while batch.len() < REQUESTS as usize {
        batch.push(jobs.recv().await.expect("one job of each request"));
    }
    let span = match way {
        Way::Message => tracing::info_span!(parent: None, "flush", r = 0_u64),
        Way::Guard | Way::Instrument => tracing::info_span!("flush", r = 0_u64),
    };
    for (_, parent, answer) in batch {
        link(&span, &parent);
        let _ = answer.send(());
    }
}

fn link(span: &Span, parent: &Parent) {
    if let Parent::Given(from) = parent {
        span.follows_from(from.clone());
    }
}

async fn replay(log: Log) {
    // The requests of the new leader are under way by now.
    yield_now().await;
    for (r, parent) in log.lock().expect("no panic").iter() {
        work(*r, parent);
    }
}
