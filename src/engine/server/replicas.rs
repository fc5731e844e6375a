//! Servers that only read, and when reads go there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::driver::Driver;
use super::pool::Pool;
use crate::error::{Code, Error};

/// How long nobody asks a replica that could not be reached.
const AVOIDED: Duration = Duration::from_secs(2);

pub struct Replicas<D: Driver> {
    replicas: Vec<Replica<D>>,
    next: AtomicUsize,
    /// How long after a write reads go to the primary, where what was written is.
    primary_after_write: Duration,
    last_write: Mutex<Option<Instant>>,
}

pub struct Replica<D: Driver> {
    pool: Pool<D>,
    avoided_until: Mutex<Option<Instant>>,
}

impl<D: Driver> Replicas<D> {
    pub fn new(pools: Vec<Pool<D>>, primary_after_write: Duration) -> Self {
        let replicas = pools.into_iter().map(|pool| Replica {
            pool,
            avoided_until: Mutex::default(),
        });
        Self {
            replicas: replicas.collect(),
            next: AtomicUsize::new(0),
            primary_after_write,
            last_write: Mutex::default(),
        }
    }

    pub fn note_write(&self) {
        if !self.replicas.is_empty() {
            *self.last_write.lock() = Some(Instant::now());
        }
    }

    /// The next in turn; none where reads have to go to the primary.
    pub fn choose(&self) -> Option<&Replica<D>> {
        let count = self.replicas.len();
        if count == 0 || self.has_just_written() {
            return None;
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|offset| &self.replicas[first.wrapping_add(offset) % count])
            .find(|replica| !replica.is_avoided())
    }

    fn has_just_written(&self) -> bool {
        let last_write = *self.last_write.lock();
        last_write.is_some_and(|written| written.elapsed() < self.primary_after_write)
    }

    pub fn pools(&self) -> impl Iterator<Item = &Pool<D>> {
        self.replicas.iter().map(|replica| &replica.pool)
    }

    pub async fn close(&self) {
        for replica in &self.replicas {
            replica.pool.close().await;
        }
    }
}

impl<D: Driver> Replica<D> {
    pub fn pool(&self) -> &Pool<D> {
        &self.pool
    }

    /// Keeps callers away from a replica that cannot be reached.
    pub fn note_failure(&self, error: &Error) {
        let away = matches!(
            error.code,
            Code::ConnectFailed | Code::ConnectionLost | Code::StatementTimeout
        );
        if away {
            *self.avoided_until.lock() = Some(Instant::now() + AVOIDED);
        }
    }

    fn is_avoided(&self) -> bool {
        let until = *self.avoided_until.lock();
        until.is_some_and(|until| Instant::now() < until)
    }
}
