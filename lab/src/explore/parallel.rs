//! Work in slices, on several threads.

use std::ops::Range;

/// Below this many states a level is not worth a second thread.
pub(super) const WORTH_A_THREAD: usize = 512;

/// A level in slices, as many as are worth a thread.
pub(super) fn slices(count: usize, threads: usize) -> Vec<Range<usize>> {
    let threads = threads.min(count.div_ceil(WORTH_A_THREAD)).max(1);
    let size = count.div_ceil(threads).max(1);
    (0..count).step_by(size).map(|from| from..(from + size).min(count)).collect()
}

/// Does each job on a thread of its own, the only one on this.
pub(super) fn in_parallel<T: Send, R: Send>(jobs: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if jobs.len() <= 1 {
        return jobs.into_iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let workers: Vec<_> = jobs.into_iter().map(|job| scope.spawn(move || work(job))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).collect()
    })
}
