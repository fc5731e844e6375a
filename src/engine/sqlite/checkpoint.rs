//! The write-ahead log: how long it is, and when it is moved into the database file.
//!
//! That is first tried beside the writers, by a thread that may take its time. The log starts
//! afresh only after all of it was moved, which needs a pause of theirs; a log that has become
//! long without one is moved by the next writer, in its own turn and off the caller's thread.
//! Whoever gives way to the others makes such a pause, and moves what is due before it writes.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::ffi;

use super::connection::Connection;

/// In pages.
struct Bounds {
    /// After which a check-point is due.
    due: u32,
    /// After which writers no longer go on beside it.
    long: u32,
}

/// `due` is SQLite's own default. The longer the log may become, the less often all writers wait
/// while it is moved; it is to stay below 32 MiB.
const USUAL: Bounds = Bounds {
    due: 1_000,
    long: 7_000,
};

/// While somebody writes much and gives way to the others. For each check-point the disk syncs two
/// files, and a third time when the log starts afresh, for which all writers wait some milliseconds:
/// with the usual bounds, a clean-up made the slowest percent of writes beside it 8 times as slow,
/// with these 1.6 to 1.9 times.
const GIVING_WAY: Bounds = Bounds {
    due: 8_000,
    long: 16_000,
};

/// How long they hold after such a write.
const AFTERWARDS: Duration = Duration::from_secs(1);

const TRIES: usize = 8;

/// The log of one database, as the connections of one adapter know it.
#[derive(Default)]
pub struct Log {
    /// As of the last commit.
    pages: AtomicU32,
    /// As of the last check-point's beginning.
    tried_at: AtomicU32,
    /// Whether a check-point beside the writers has been begun.
    begun: AtomicBool,
    /// SQLite refuses a second check-point at the same time.
    moving: Mutex<()>,
    /// When somebody last gave way.
    gave_way: Mutex<Option<Instant>>,
}

/// A check-point beside the writers, from its beginning until it is dropped.
pub struct Checkpoint(Arc<Log>);

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.0.begun.store(false, Ordering::Release);
    }
}

impl Log {
    /// Keeps the length up to date with the commits of `connection`, which the result has to
    /// outlive.
    pub fn watch(self: &Arc<Self>, connection: &rusqlite::Connection) -> Arc<Self> {
        // SAFETY: the handle is an open connection's. The hook is called only within calls on
        // that connection, and `Connection` drops its share of the log after the connection, so
        // the pointer is valid whenever it is called.
        unsafe {
            ffi::sqlite3_wal_hook(
                connection.handle(),
                Some(on_commit),
                Arc::as_ptr(self).cast_mut().cast::<c_void>(),
            );
        }
        self.clone()
    }

    /// Whether the next writer has to move the log first.
    pub fn is_in_the_way(&self) -> bool {
        self.is_due() && self.is_long()
    }

    /// A check-point beside the writers, where one is of use and none has been begun.
    pub fn begin_checkpoint(self: &Arc<Self>) -> Option<Checkpoint> {
        if !self.is_due() || self.is_long() || self.begun.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Checkpoint(self.clone()))
    }

    /// Moves the part of the log that nobody reads any more; tells whether that is all of it. A
    /// check-point that fails or is cut short is made up for by a later one.
    pub fn checkpoint(&self, connection: &Connection) -> bool {
        self.tried_at
            .store(self.pages.load(Ordering::Relaxed), Ordering::Relaxed);
        let _alone = self.moving.lock();
        let moved = connection
            .raw()
            .query_row("PRAGMA wal_checkpoint", [], |row| row.get::<_, u32>(2));
        // What SQLite calls the log's length is from when the check-point began.
        moved.is_ok_and(|moved| moved >= self.pages.load(Ordering::Relaxed))
    }

    /// As `checkpoint`, by whoever gives way: a log that has become long is moved again, with what
    /// was added meanwhile, until that was all.
    pub fn checkpoint_giving_way(&self, connection: &Connection) {
        let _ = (0..TRIES).find(|_| self.checkpoint(connection) || !self.is_long());
    }

    /// To be told before each write of somebody who gives way; tells whether that one had better
    /// see to a check-point first.
    pub fn give_way(&self) -> bool {
        *self.gave_way.lock() = Some(Instant::now());
        self.is_due()
    }

    fn is_long(&self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        // Most writes need not look at the clock.
        pages >= USUAL.long && pages >= self.bounds().long
    }

    fn is_due(&self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        // Shorter than it was: it has started afresh.
        let tried_at = self.tried_at.load(Ordering::Relaxed);
        let added = pages.checked_sub(tried_at).unwrap_or(pages);
        added >= USUAL.due && added >= self.bounds().due
    }

    fn bounds(&self) -> &'static Bounds {
        let gave_way = *self.gave_way.lock();
        match gave_way {
            Some(at) if at.elapsed() < AFTERWARDS => &GIVING_WAY,
            _ => &USUAL,
        }
    }
}

unsafe extern "C" fn on_commit(
    log: *mut c_void,
    _connection: *mut ffi::sqlite3,
    _database: *const c_char,
    in_log: c_int,
) -> c_int {
    // SAFETY: `log` is what `watch` registered, alive as explained there.
    let log = unsafe { &*log.cast::<Log>() };
    log.pages
        .store(u32::try_from(in_log).unwrap_or(0), Ordering::Relaxed);
    ffi::SQLITE_OK
}
