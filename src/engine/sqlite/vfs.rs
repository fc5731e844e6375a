//! Files as SQLite opens them by itself, but that a commit goes to the write-ahead log at once.
//!
//! SQLite writes every page of a commit in two pieces, a frame's header and the page: creating a
//! session is eight to ten writes, which take twice as long as one write of the same bytes (11.7
//! and 5.3 µs of some 50).
//!
//! Frames wait for the last one of their commit, which says of itself that it is (see
//! <https://www.sqlite.org/fileformat2.html#walformat>), under two conditions:
//! - What SQLite does next does not begin before all is written: a commit's last write returns
//!   when the commit is in the file, with its error where there is one, and only then does SQLite
//!   tell other connections of it. Whatever else is done with the file comes after what waits.
//! - Nothing is written without the lock to write. Frames of a transaction that was given up are
//!   written before that lock is let go, as they would have been without this.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

use rusqlite::ffi;

const NAME: &CStr = c"better-auth-native";

/// The VFS that SQLite has chosen for the platform.
struct Platform {
    vfs: *mut ffi::sqlite3_vfs,
    /// How many bytes of an open file are its; what is `Own` comes after them.
    file_size: usize,
}

// SAFETY: SQLite registers what `vfs` points to for the life of the process, and uses it from every
// thread itself.
unsafe impl Send for Platform {}
// SAFETY: as above.
unsafe impl Sync for Platform {}

static PLATFORM: OnceLock<Option<Platform>> = OnceLock::new();

/// What to open a database by. SQLite knows it from the first call on.
pub fn name() -> &'static CStr {
    PLATFORM.get_or_init(register);
    NAME
}

/// Where it fails, SQLite does not know the name, and opening says so.
fn register() -> Option<Platform> {
    // SAFETY: null asks for the default; the answer is null or registered for good.
    let (vfs, mut own) = unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        (vfs, *vfs.as_ref()?)
    };
    let file_size = usize::try_from(own.szOsFile)
        .ok()?
        .next_multiple_of(align_of::<Own>());
    own.szOsFile = c_int::try_from(file_size + size_of::<Own>()).ok()?;
    own.zName = NAME.as_ptr();
    own.pNext = null_mut();
    own.xOpen = Some(open);
    // SAFETY: what is registered is never freed. Its other methods are the platform's, which take
    // nothing from it but `pAppData`, and that was copied.
    let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 0) };
    (registered == ffi::SQLITE_OK).then_some(Platform { vfs, file_size })
}

/// What a database file and a log have beside what the platform's VFS keeps of them: the methods that
/// differ. The others are called with the same file, and find theirs where they expect it.
struct Own {
    methods: ffi::sqlite3_io_methods,
    platform: *const ffi::sqlite3_io_methods,
    /// The log of a database file while one is open, and the database file of a log.
    other: *mut ffi::sqlite3_file,
    frames: Frames,
}

/// # Safety
///
/// `file` was opened by `open` as a database or a log, and is open.
unsafe fn own_of(file: *mut ffi::sqlite3_file) -> *mut Own {
    // It was opened by what is registered.
    let file_size = PLATFORM
        .get()
        .and_then(Option::as_ref)
        .map_or(0, |platform| platform.file_size);
    // SAFETY: SQLite gave room for `szOsFile` bytes, aligned for what it keeps there itself.
    unsafe { file.byte_add(file_size).cast() }
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    opened_as: *mut c_int,
) -> c_int {
    let Some(platform) = PLATFORM.get().and_then(Option::as_ref) else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: the arguments are SQLite's own, for a file that has more room than it takes.
    let opened = unsafe {
        (*platform.vfs)
            .xOpen
            .map(|open| open(platform.vfs, name, file, flags, opened_as))
    };
    let is_log = flags & ffi::SQLITE_OPEN_WAL != 0;
    if opened != Some(ffi::SQLITE_OK) || !(is_log || flags & ffi::SQLITE_OPEN_MAIN_DB != 0) {
        return opened.unwrap_or(ffi::SQLITE_CANTOPEN);
    }
    // SAFETY: the file is open, so that its methods are there; `own` is the rest of its room, and
    // nobody's yet. A log's name is the one that SQLite made of its database's, which has been
    // opened before and by this function.
    unsafe {
        let methods = (*file).pMethods;
        let mut own_methods = *methods;
        let mut database = null_mut();
        if is_log {
            own_methods.xClose = Some(close_log);
            own_methods.xRead = Some(read_log);
            own_methods.xWrite = Some(write_log);
            own_methods.xTruncate = Some(truncate_log);
            own_methods.xSync = Some(sync_log);
            own_methods.xFileSize = Some(log_size);
            database = ffi::sqlite3_database_file_object(name);
            (*own_of(database)).other = file;
        } else {
            // Absent where there can be no log.
            own_methods.xShmLock = own_methods.xShmLock.map(|_| lock as _);
        }
        let own = own_of(file);
        own.write(Own {
            methods: own_methods,
            platform: methods,
            other: database,
            frames: Frames::default(),
        });
        (*file).pMethods = &raw const (*own).methods;
    }
    ffi::SQLITE_OK
}

/// Calls a method of the platform's VFS.
macro_rules! platform {
    ($file:ident.$method:ident($($argument:expr),*)) => {
        // SAFETY: the file is open, and the other arguments are SQLite's own or as good.
        unsafe {
            (*(*own_of($file)).platform)
                .$method
                .map_or(ffi::SQLITE_IOERR, |method| method($file, $($argument),*))
        }
    };
}

/// Calls a method of the platform's VFS on a log, once that is as SQLite takes it to be.
macro_rules! after_frames {
    ($file:ident.$method:ident($($argument:expr),*)) => {
        match write_out($file) {
            ffi::SQLITE_OK => platform!($file.$method($($argument),*)),
            failed => failed,
        }
    };
}

/// A lock on the log's index, of a database file.
unsafe extern "C" fn lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    /// `WAL_WRITE_LOCK`, see <https://www.sqlite.org/walformat.html#locks>.
    const TO_WRITE: c_int = 0;
    let lets_go = flags & ffi::SQLITE_SHM_UNLOCK != 0;
    // SAFETY: the file is open; its log, where there is one, sets this to null when it closes.
    let log = unsafe { (*own_of(file)).other };
    if lets_go && offset == TO_WRITE && !log.is_null() {
        // Not of a commit: that one has been written, or has failed.
        let _ = write_out(log);
    }
    platform!(file.xShmLock(offset, count, flags))
}

unsafe extern "C" fn write_log(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    let Ok(size) = usize::try_from(length) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite has as many bytes there for the length of this call.
    let given = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), size) };
    if !frames_of(file).end_at(offset) {
        let written = write_out(file);
        if written != ffi::SQLITE_OK {
            return written;
        }
    }
    match frames_of(file).add(given, offset) {
        Added::Waits => ffi::SQLITE_OK,
        Added::Completes => write_out(file),
        Added::Not => after_frames!(file.xWrite(bytes, length, offset)),
    }
}

/// To be let go before it is asked for again.
fn frames_of<'f>(log: *mut ffi::sqlite3_file) -> &'f mut Frames {
    // SAFETY: all callers have an open log, whose connection is used by one thread at a time.
    unsafe { &mut (*own_of(log)).frames }
}

/// Writes the frames that wait. However that goes, they wait no longer: SQLite gives up the
/// transaction of a write that failed.
fn write_out(log: *mut ffi::sqlite3_file) -> c_int {
    let frames = frames_of(log);
    if frames.bytes.is_empty() {
        return ffi::SQLITE_OK;
    }
    // No more than `Frames::MOST`.
    let (bytes, length) = (frames.bytes.as_ptr().cast(), frames.bytes.len() as c_int);
    let written = platform!(log.xWrite(bytes, length, frames.start));
    frames.clear();
    written
}

unsafe extern "C" fn read_log(
    file: *mut ffi::sqlite3_file,
    bytes: *mut c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    after_frames!(file.xRead(bytes, length, offset))
}

unsafe extern "C" fn truncate_log(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    after_frames!(file.xTruncate(size))
}

unsafe extern "C" fn sync_log(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    after_frames!(file.xSync(flags))
}

unsafe extern "C" fn log_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    after_frames!(file.xFileSize(size))
}

unsafe extern "C" fn close_log(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the file is open until the end of this function; SQLite closes a log before its
    // database file. Nothing waits: the lock to write has been let go.
    unsafe {
        let own = own_of(file);
        (*own_of((*own).other)).other = null_mut();
        (*own).frames = Frames::default();
    }
    platform!(file.xClose())
}

/// Frames that follow each other in a log and have not been written to it.
#[derive(Default)]
struct Frames {
    /// Where the first one belongs.
    start: i64,
    bytes: Vec<u8>,
    next: Next,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Header,
    Page,
    /// That of a commit's last frame.
    LastPage,
}

#[derive(Debug, PartialEq, Eq)]
enum Added {
    Waits,
    /// What waits is to be written now.
    Completes,
    /// Nothing that would wait.
    Not,
}

impl Frames {
    /// In bytes: more is not written at once on Unix, and twice as much not at all. A longer commit
    /// is written in parts.
    const MOST: usize = 0x1_ffff;
    const LOG_HEADER: i64 = 32;
    const HEADER: usize = 24;
    /// Of a frame's header: the size of the database after a commit, in the last frame of it.
    const COMMITS: std::ops::Range<usize> = 4..8;

    /// Whether what is written there follows what waits.
    fn end_at(&self, offset: i64) -> bool {
        self.bytes.is_empty() || offset == self.start + self.bytes.len() as i64
    }

    /// `offset` is where they end.
    fn add(&mut self, bytes: &[u8], offset: i64) -> Added {
        let (next, added) = match self.next {
            Next::Header if bytes.len() != Self::HEADER || offset < Self::LOG_HEADER => {
                return Added::Not;
            }
            Next::Header if bytes[Self::COMMITS] == [0; 4] => (Next::Page, Added::Waits),
            Next::Header => (Next::LastPage, Added::Waits),
            Next::Page if self.has_room_after(bytes) => (Next::Header, Added::Waits),
            Next::Page | Next::LastPage => (Next::Header, Added::Completes),
        };
        if self.bytes.is_empty() {
            self.start = offset;
        }
        self.bytes.extend_from_slice(bytes);
        self.next = next;
        added
    }

    /// For the frame that follows the one of this page.
    fn has_room_after(&self, page: &[u8]) -> bool {
        self.bytes.len() + page.len() + Self::HEADER + page.len() <= Self::MOST
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.next = Next::Header;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use rusqlite::{Connection, OpenFlags, params};

    use super::*;

    fn frame(commits: bool) -> [Vec<u8>; 2] {
        let mut header = vec![7; Frames::HEADER];
        header[Frames::COMMITS].fill(u8::from(commits));
        [header, vec![9; 4096]]
    }

    #[test]
    fn frames_wait_for_the_last_one_of_their_commit() {
        let mut frames = Frames::default();
        let mut added = Vec::new();
        for piece in [frame(false), frame(false), frame(true)].concat() {
            let end = frames.bytes.len() as i64;
            added.push(frames.add(&piece, Frames::LOG_HEADER + end));
        }
        assert_eq!(added.pop(), Some(Added::Completes));
        assert!(added.iter().all(|added| *added == Added::Waits));
        assert_eq!(frames.start, Frames::LOG_HEADER);
        assert_eq!(
            frames.bytes,
            [frame(false), frame(false), frame(true)].concat().concat()
        );
    }

    #[test]
    fn what_is_no_frame_does_not_wait() {
        let mut frames = Frames::default();
        assert_eq!(frames.add(&[1; 32], 0), Added::Not);
        assert_eq!(frames.add(&[1; 24], 0), Added::Not);
        assert_eq!(frames.add(&[1; 4096], 56), Added::Not);
        assert!(frames.bytes.is_empty());
    }

    #[test]
    fn a_long_commit_is_written_in_parts() {
        let mut frames = Frames::default();
        let mut pieces = std::iter::repeat_with(|| frame(false)).flatten();
        while frames.add(&pieces.next().unwrap(), 1_000 + frames.bytes.len() as i64) == Added::Waits
        {
        }
        assert!((Frames::MOST - 4_120..=Frames::MOST).contains(&frames.bytes.len()));
        frames.clear();
        assert_eq!(frames.add(&frame(false)[0], 5_000), Added::Waits);
        assert_eq!(frames.start, 5_000);
    }

    /// The same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    type Content = BTreeMap<i64, Vec<u8>>;

    struct Database {
        directory: PathBuf,
        ours: Connection,
        theirs: Connection,
        reader: Connection,
        content: Content,
    }

    impl Database {
        fn new() -> Self {
            let directory = std::env::temp_dir().join(format!("vfs-{}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            let path = directory.join("a.db");
            let ours =
                Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), super::name())
                    .unwrap();
            ours.execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)",
            )
            .unwrap();
            let theirs = Connection::open(&path).unwrap();
            let reader = Connection::open(&path).unwrap();
            for connection in [&ours, &theirs] {
                // So small that transactions have pages written before they commit, and again.
                connection
                    .execute_batch("PRAGMA cache_size = 4; PRAGMA wal_autocheckpoint = 0")
                    .unwrap();
            }
            Self {
                directory,
                ours,
                theirs,
                reader,
                content: Content::new(),
            }
        }

        fn change(&mut self, random: &mut Random) {
            let connection = if random.below(3) == 0 {
                &self.theirs
            } else {
                &self.ours
            };
            let mut content = self.content.clone();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            let most = if random.below(4) == 0 { 60 } else { 4 };
            for _ in 0..=random.below(most) {
                let id = random.below(200) as i64;
                let value = vec![random.below(256) as u8; random.below(6_000) as usize];
                if random.below(5) == 0 {
                    connection
                        .execute("DELETE FROM t WHERE id = ?", [id])
                        .unwrap();
                    content.remove(&id);
                } else {
                    connection
                        .execute("INSERT OR REPLACE INTO t VALUES (?, ?)", params![id, value])
                        .unwrap();
                    content.insert(id, value);
                }
            }
            if random.below(4) == 0 {
                connection.execute_batch("ROLLBACK").unwrap();
            } else {
                connection.execute_batch("COMMIT").unwrap();
                self.content = content;
            }
        }

        fn checkpoint(&self, random: &mut Random) {
            let connection = if random.below(2) == 0 {
                &self.theirs
            } else {
                &self.ours
            };
            let mode = ["PASSIVE", "RESTART", "TRUNCATE"][random.below(3) as usize];
            let moved =
                connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
            moved.unwrap();
        }

        /// What a process would find that opened the files after this one had been killed.
        fn after_a_crash(&self) -> Content {
            let copy = self.directory.join("copy.db");
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(beside(&copy, ending));
            }
            for ending in ["", "-wal"] {
                std::fs::copy(
                    beside(&self.directory.join("a.db"), ending),
                    beside(&copy, ending),
                )
                .unwrap();
            }
            let copy = Connection::open(copy).unwrap();
            let sound: String = copy
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(sound, "ok");
            content_of(&copy)
        }
    }

    fn beside(path: &Path, ending: &str) -> PathBuf {
        let mut path = path.as_os_str().to_owned();
        path.push(ending);
        path.into()
    }

    fn content_of(connection: &Connection) -> Content {
        let mut statement = connection.prepare("SELECT id, v FROM t").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn all_that_was_committed_is_in_the_files_and_nothing_else() {
        let mut database = Database::new();
        let mut random = Random(1);
        for step in 0..400 {
            database.change(&mut random);
            if random.below(10) == 0 {
                database.checkpoint(&mut random);
            }
            assert!(
                content_of(&database.reader) == database.content,
                "a reader, after step {step}"
            );
            assert!(
                content_of(&database.ours) == database.content,
                "the writer, after step {step}"
            );
            assert!(
                database.after_a_crash() == database.content,
                "after a crash at step {step}"
            );
        }
        std::fs::remove_dir_all(&database.directory).unwrap();
    }
}
