use std::ffi::{CString, c_int};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::install;
use super::system::{self, FileId, is_open_elsewhere};

/// A folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locks-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Ours, in WAL mode and with its log's index open.
fn open(path: &Path) -> Connection {
    install();
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (v)")
        .unwrap();
    connection
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// A descriptor of somebody else in this process.
fn elsewhere(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

fn id(path: &Path) -> FileId {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    system::file_at(&path, 0).unwrap().unwrap()
}

/// Where SQLite locks, see `os_unix.c`: a byte of the database that readers share, and of the log's
/// index the lock to write and the one that every connection shares.
const SHARED: i64 = 0x4000_0002;
const TO_WRITE: i64 = 120;
const IN_USE: i64 = 128;

/// A POSIX lock, as another copy of SQLite takes it.
fn posix_lock(file: &File, kind: c_int, start: i64) -> std::io::Result<()> {
    // SAFETY: a `flock` is numbers, for which all zeros is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = start;
    lock.l_len = 1;
    // SAFETY: the command reads a `flock`.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &lock) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn is_locked(file: &File, start: i64) -> bool {
    match posix_lock(file, libc::F_WRLCK, start) {
        Ok(()) => {
            posix_lock(file, libc::F_UNLCK, start).unwrap();
            false
        }
        Err(error) => {
            assert!(matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::EACCES)
            ));
            true
        }
    }
}

fn is_open(path: &Path) -> bool {
    is_open_elsewhere(id(path), |_| false)
}

#[test]
fn others_in_this_process_are_kept_out_whatever_they_close() {
    let folder = Folder::new("kept-out");
    let path = folder.path("a.db");
    let index = with_ending(&path, "-shm");
    let ours = open(&path);
    ours.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
        .unwrap();
    let (database, log_index) = (elsewhere(&path), elsewhere(&index));
    for _ in 0..2 {
        assert!(is_locked(&database, SHARED));
        assert!(is_locked(&log_index, TO_WRITE));
        assert!(is_locked(&log_index, IN_USE));
        drop((elsewhere(&path), elsewhere(&index)));
    }
    ours.execute_batch("COMMIT").unwrap();
    assert!(!is_locked(&log_index, TO_WRITE));
    assert!(is_locked(&log_index, IN_USE));
}

#[test]
fn one_of_several_connections_may_close() {
    let folder = Folder::new("several");
    let path = folder.path("a.db");
    let (first, second) = (open(&path), open(&path));
    drop(first);
    let database = elsewhere(&path);
    assert!(is_locked(&database, SHARED));
    let third = open(&path);
    drop((second, third));
    assert!(!is_locked(&database, SHARED));
}

#[test]
fn closing_drops_nobody_elses_locks() {
    let folder = Folder::new("closing");
    let path = folder.path("a.db");
    drop(open(&path));
    let theirs = elsewhere(&path);
    posix_lock(&theirs, libc::F_RDLCK, SHARED).unwrap();
    let ours = open(&path);
    drop(open(&path));
    drop(ours);
    // A description of its own sees who has a lock.
    let witness = elsewhere(&path);
    assert!(!system::is_unlocked(witness.as_raw_fd()).unwrap());
    // A close of anybody's drops it, also that of the witness.
    drop(witness);
    assert!(system::is_unlocked(theirs.as_raw_fd()).unwrap());
}

#[test]
fn what_is_parked_is_used_again_and_closed_when_others_let_go() {
    let folder = Folder::new("parked");
    let path = folder.path("a.db");
    drop(open(&path));
    let theirs = elsewhere(&path);
    posix_lock(&theirs, libc::F_RDLCK, SHARED).unwrap();
    let ours_are_open = || {
        let their_number = theirs.as_raw_fd();
        is_open_elsewhere(id(&path), |number| number == their_number)
    };
    for _ in 0..3 {
        drop(open(&path));
        assert!(ours_are_open());
    }
    posix_lock(&theirs, libc::F_UNLCK, SHARED).unwrap();
    // Any file that is opened or closed is an occasion.
    drop(open(&folder.path("b.db")));
    assert!(!ours_are_open());
}

#[test]
fn nothing_is_left_open_of_a_file_that_nobody_else_has() {
    let folder = Folder::new("nothing-left");
    let path = folder.path("a.db");
    let connections: Vec<_> = (0..5).map(|_| open(&path)).collect();
    drop(connections);
    assert!(!is_open(&path));
    assert!(!with_ending(&path, "-shm").exists());
}

#[test]
fn a_file_that_took_the_place_of_another_is_opened_itself() {
    let folder = Folder::new("replaced");
    let path = folder.path("a.db");
    drop(open(&path));
    let theirs = elsewhere(&path);
    posix_lock(&theirs, libc::F_RDLCK, SHARED).unwrap();
    let ours = open(&path);
    ours.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    drop(ours);
    fs::remove_file(&path).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_ending(&path, ending));
    }
    let count = "SELECT count(*) FROM t";
    let rows: i64 = open(&path).query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}
