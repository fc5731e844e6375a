//! File locks that hold beside another copy of SQLite in this process.
//!
//! SQLite locks with POSIX record locks. They do not exclude within a process, and whenever anybody
//! in the process closes any descriptor of a file, all its locks on that file are gone. SQLite works
//! around both, but only for itself: an application that opens the same file with another driver
//! (better-sqlite3, node:sqlite, a second copy of this package) has two SQLites that overwrite each
//! other (<https://www.sqlite.org/howtocorrupt.html#multiple_copies_of_sqlite_linked_into_the_same_application>).
//!
//! So this copy takes *open-file-description locks* where the system has them. They conflict with
//! everybody's locks, also of this process, and end with the description, not with the next `close`.
//! SQLite's own VFS stays; three of its system calls (`open`, `close`, `fcntl`) go through here:
//! - SQLite keeps one lock state per file, and may lock by one descriptor and unlock by another. All
//!   locks of a file go through one of its descriptors.
//! - Our `close` would drop the POSIX locks of the others. A descriptor is closed only while nobody
//!   can hold a lock on its file; until then it is *parked*, and used again by the next `open`.
//!
//! Where the system or the file system refuses such locks, the locks are POSIX's, and opening a file
//! that somebody else in this process has open is refused (`EBUSY`).
//!
//! On Windows there is nothing to do: locks belong to a handle there.

#[cfg(unix)]
mod calls;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod system;
#[cfg(all(test, target_os = "linux"))]
mod tests;

#[cfg(unix)]
pub use calls::{install, is_refused};

/// Locks belong to a handle.
#[cfg(not(unix))]
pub fn install() {}

#[cfg(not(unix))]
pub fn is_refused(_path: &std::path::Path) -> bool {
    false
}
