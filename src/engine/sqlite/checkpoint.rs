//! How large the write-ahead log is, so that it is moved into the database file in time, and by a
//! thread that may take its time.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::ffi;

/// Pages after which a check-point is due; SQLite's own default.
pub const DUE: u32 = 1_000;

/// The size of the log as a connection's commits report it.
pub struct WalSize(Box<AtomicU32>);

impl WalSize {
    /// The result has to outlive `connection`.
    pub fn watch(connection: &rusqlite::Connection) -> Self {
        let pages = Box::new(AtomicU32::new(0));
        // SAFETY: the handle is an open connection's. The hook is called only within calls on
        // that connection, and the counter it gets lives in a box that `Connection` drops after
        // the connection, so the pointer is valid whenever it is called.
        unsafe {
            ffi::sqlite3_wal_hook(
                connection.handle(),
                Some(on_commit),
                std::ptr::from_ref::<AtomicU32>(&pages)
                    .cast_mut()
                    .cast::<c_void>(),
            );
        }
        Self(pages)
    }

    pub fn pages(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

unsafe extern "C" fn on_commit(
    pages: *mut c_void,
    _connection: *mut ffi::sqlite3,
    _database: *const c_char,
    in_log: c_int,
) -> c_int {
    // SAFETY: `pages` is the counter `watch` registered, alive as explained there.
    let pages = unsafe { &*pages.cast::<AtomicU32>() };
    pages.store(u32::try_from(in_log).unwrap_or(0), Ordering::Relaxed);
    ffi::SQLITE_OK
}
