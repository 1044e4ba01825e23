//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! Connections that are taken and given back, one for each transfer under way.
//!
//! # Left out
//!
//! Repairing one that broke: then the turn fails.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fixed number of things of one kind.
pub(super) struct Pool<T> {
    free: Mutex<Vec<T>>,
    places: Arc<Semaphore>,
    size: u32,
}

/// One of them, given back when it is dropped.
pub(super) struct Lent<T: Send + 'static> {
    thing: Option<T>,
    pool: Arc<Pool<T>>,
    _place: OwnedSemaphorePermit,
}

impl<T: Send + 'static> Pool<T> {
    pub(super) fn of(things: Vec<T>) -> Arc<Self> {
        let size = u32::try_from(things.len()).expect("a few connections");
        let places = Arc::new(Semaphore::new(things.len()));
        Arc::new(Self { free: Mutex::new(things), places, size })
    }

    pub(super) async fn take(self: &Arc<Self>) -> Lent<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("never closed");
        let thing = self.free.lock().expect("nobody panics with it").pop();
        Lent { thing, pool: Arc::clone(self), _place: place }
    }

    /// Waits until all are back.
    pub(super) async fn all_back(&self) {
        drop(self.places.acquire_many(self.size).await.expect("never closed"));
    }
}

impl<T: Send + 'static> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Lent<T> {
    fn drop(&mut self) {
        self.pool.free.lock().expect("nobody panics with it").extend(self.thing.take());
    }
}
