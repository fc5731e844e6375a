//! Waiting for a lock that another process, or another copy of SQLite, holds.
//!
//! SQLite's own handler looks again later and later, at last every 100 ms. Beside somebody who writes
//! without a pause, it then finds the lock free by luck only: four writes in two seconds. This one
//! looks again every few milliseconds.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::ffi;

const LONGEST_PAUSE_MS: u64 = 5;

/// How long a connection waits for locks.
pub struct Busy {
    /// In milliseconds; 0: not at all.
    timeout: AtomicU64,
    /// Since when it waits, while it does.
    since: Mutex<Instant>,
}

impl Busy {
    /// Has `connection` wait, which the result has to outlive.
    pub fn watch(connection: &rusqlite::Connection, timeout: Duration) -> Arc<Self> {
        let busy = Arc::new(Self {
            timeout: AtomicU64::new(0),
            since: Mutex::new(Instant::now()),
        });
        busy.set_timeout(timeout);
        // SAFETY: the handle is an open connection's. The handler is called only within calls on
        // that connection, which ends before the caller's share of `busy`, so the pointer is valid
        // whenever it is called.
        unsafe {
            ffi::sqlite3_busy_handler(
                connection.handle(),
                Some(on_busy),
                Arc::as_ptr(&busy).cast_mut().cast::<c_void>(),
            );
        }
        busy
    }

    pub fn set_timeout(&self, timeout: Duration) {
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.timeout.store(milliseconds, Ordering::Relaxed);
    }

    /// Waits a little; `false` where it has waited for long enough. `times` counts from 0 for each
    /// lock.
    fn wait(&self, times: u64) -> bool {
        let timeout = Duration::from_millis(self.timeout.load(Ordering::Relaxed));
        let mut since = self.since.lock();
        if times == 0 {
            *since = Instant::now();
        }
        let left = timeout.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        let pause = Duration::from_millis((times + 1).min(LONGEST_PAUSE_MS));
        sleep(pause.min(left));
        true
    }
}

unsafe extern "C" fn on_busy(busy: *mut c_void, times: c_int) -> c_int {
    // SAFETY: `busy` is what `watch` registered, alive as explained there.
    let busy = unsafe { &*busy.cast::<Busy>() };
    c_int::from(busy.wait(times.unsigned_abs().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_timeout_it_does_not_wait_and_with_one_it_ends() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let busy = Busy::watch(&connection, Duration::ZERO);
        assert!(!busy.wait(0));
        busy.set_timeout(Duration::from_millis(3));
        let begun = Instant::now();
        let mut times = 0;
        while busy.wait(times) {
            times += 1;
        }
        assert!(times > 0 && begun.elapsed() >= Duration::from_millis(3));
    }
}
