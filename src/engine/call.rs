//! A call under way: since when, and how long it had to wait before its statement could run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub struct Call {
    begun: Instant,
    waited: AtomicU64,
}

impl Call {
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            waited: AtomicU64::new(0),
        }
    }

    /// It has the connection that it needs. Where it is tried again, the last time counts.
    pub fn stops_waiting(&self) {
        self.stopped_waiting(Instant::now());
    }

    /// As `stops_waiting`, at a moment that has passed.
    pub fn stopped_waiting(&self, then: Instant) {
        let waited = then.saturating_duration_since(self.begun);
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.waited.store(waited, Ordering::Relaxed);
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }
}
