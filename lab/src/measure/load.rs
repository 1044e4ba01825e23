//! Clients that ask, wait for the answer, and ask again; and requests that come at a fixed rate.
//!
//! # Left out
//!
//! Correction for coordinated omission: see the parent module.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// One client's request, from the question to the answer.
pub trait Operation: Send + 'static {
    /// Does it once; `n` counts from 0 in each client.
    fn run(&mut self, n: u64) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// An operation did not get its answer. It is counted, and its time is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed;

/// When to stop asking.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this many operations of each client.
    Count(u64),
    /// After this time; what is under way is finished.
    Time(Duration),
}

/// What a run took.
#[derive(Clone, Debug)]
pub struct Measured {
    times: Histogram<u64>,
    failed: u64,
    elapsed: Duration,
}

impl Measured {
    pub(super) fn empty() -> Self {
        // Grows as needed; three digits are finer than any two runs agree.
        let times = Histogram::new(3).expect("3 is a valid number of digits");
        Self { times, failed: 0, elapsed: Duration::ZERO }
    }

    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.times.record(nanos).expect("histograms grow");
    }

    /// Counts one that has ended; gives its client back with the number of its next operation.
    fn add_done<O>(&mut self, done: (O, u64, Result<Duration, Failed>)) -> (O, u64) {
        let (client, next, took) = done;
        match took {
            Ok(took) => self.add(took),
            Err(Failed) => self.failed += 1,
        }
        (client, next)
    }

    pub(super) fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// How many operations succeeded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.times.len()
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// From the first question to the last answer.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The time that this part of all operations, 0 to 1, stayed within.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_nanos(self.times.value_at_quantile(part))
    }

    /// The time that half of the operations stayed within.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// Operations per second, all clients together.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |part| self.quantile(part).as_nanos() as f64 / 1000.0;
        let (rate, half, most) = (self.rate(), micros(0.5), micros(0.99));
        write!(f, "{rate:.0}/s, half within {half:.0} µs, 99 % within {most:.0} µs")?;
        if self.failed > 0 { write!(f, ", {} failed", self.failed) } else { Ok(()) }
    }
}

/// Lets all clients ask at once, each as fast as it is answered. Needs a tokio runtime around it.
///
/// # Panics
/// If an operation panics.
pub async fn closed_loop<O: Operation>(clients: Vec<O>, until: Until) -> Measured {
    let mut running = JoinSet::new();
    let began = Instant::now();
    for mut client in clients {
        running.spawn(async move {
            let mut measured = Measured::empty();
            for n in 0.. {
                let over = match until {
                    Until::Count(count) => n >= count,
                    Until::Time(time) => began.elapsed() >= time,
                };
                if over {
                    break;
                }
                let asked = Instant::now();
                match client.run(n).await {
                    Ok(()) => measured.add(asked.elapsed()),
                    Err(Failed) => measured.failed += 1,
                }
            }
            measured
        });
    }
    let mut all = Measured::empty();
    while let Some(one) = running.join_next().await {
        let one = one.expect("an operation panicked");
        all.times.add(one.times).expect("histograms grow");
        all.failed += one.failed;
    }
    all.took(began.elapsed())
}

/// Lets requests come at a fixed rate, whether or not the earlier ones are answered; a request waits
/// from the moment it is due. Each takes the client that has been idle longest, and fails if there is none. What
/// is under way at the end is finished. Needs a tokio runtime around it.
///
/// # Panics
/// If an operation panics, or `per_second` is 0.
pub async fn open_loop<O: Operation>(clients: Vec<O>, per_second: u32, time: Duration) -> Measured {
    let mut idle: VecDeque<(O, u64)> = clients.into_iter().map(|client| (client, 0)).collect();
    let (mut busy, mut all) = (JoinSet::new(), Measured::empty());
    let began = Instant::now();
    let mut due = due(began, per_second, time);
    while let Some(at) = due.recv().await {
        while let Some(done) = busy.try_join_next() {
            idle.push_back(all.add_done(done.expect("an operation panicked")));
        }
        let Some((mut client, n)) = idle.pop_front() else {
            all.failed += 1;
            continue;
        };
        busy.spawn(async move {
            let answered = client.run(n).await;
            (client, n + 1, answered.map(|()| began.elapsed().saturating_sub(at)))
        });
    }
    while let Some(done) = busy.join_next().await {
        all.add_done(done.expect("an operation panicked"));
    }
    all.took(began.elapsed())
}

/// When each request is due, told when it is. A thread of its own waits for that: timers of the runtime are
/// right to a millisecond, and requests take less. It ends with what it is for.
fn due(began: Instant, per_second: u32, time: Duration) -> mpsc::UnboundedReceiver<Duration> {
    let (tell, due) = mpsc::unbounded_channel();
    let all = (0..).map(move |n: u32| Duration::from_secs(1) * n / per_second);
    std::thread::spawn(move || {
        for at in all.take_while(|at| *at < time) {
            std::thread::sleep(at.saturating_sub(began.elapsed()));
            if tell.send(at).is_err() {
                break;
            }
        }
    });
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_whatever_becomes_of_earlier_requests() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (time, ten) = (Duration::from_millis(20), 500);
        let clients = vec![EveryThirdFails, EveryThirdFails];
        let measured = runtime.block_on(open_loop(clients, ten, time));
        assert_eq!(measured.count() + measured.failed(), 10, "one each 2 ms");
        let no_clients = runtime.block_on(open_loop(Vec::<EveryThirdFails>::new(), ten, time));
        assert_eq!((no_clients.count(), no_clients.failed()), (0, 10));
    }

    #[test]
    fn clients_take_turns() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clients = (0..12).map(|_| OnlyOnce).collect();
        let measured = runtime.block_on(open_loop(clients, 1_000, Duration::from_millis(12)));
        assert_eq!((measured.count(), measured.failed()), (12, 0), "one each");
    }

    struct OnlyOnce;

    impl Operation for OnlyOnce {
        async fn run(&mut self, n: u64) -> Result<(), Failed> {
            if n == 0 { Ok(()) } else { Err(Failed) }
        }
    }

    struct EveryThirdFails;

    impl Operation for EveryThirdFails {
        async fn run(&mut self, n: u64) -> Result<(), Failed> {
            if n % 3 == 2 { Err(Failed) } else { Ok(()) }
        }
    }

    #[test]
    fn all_operations_of_all_clients_are_counted_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clients = (0..4).map(|_| EveryThirdFails).collect();
        let measured = runtime.block_on(closed_loop(clients, Until::Count(30)));
        assert_eq!((measured.count(), measured.failed()), (80, 40));
        let nothing = runtime.block_on(closed_loop(vec![EveryThirdFails], Until::Count(0)));
        assert_eq!((nothing.count(), nothing.median()), (0, Duration::ZERO));
    }
}
