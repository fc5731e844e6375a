//! Why the operating system refuses a file, in its words, and what to do about it.
//!
//! SQLite says of a file that it could not create only that it is not there: it tries to open it
//! once more without creating it, and that attempt's error is the last one. So the reason is looked
//! for, without opening the file itself: closing it would drop the locks that others in this
//! process have on it.

use std::ffi::{CString, c_int};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::ptr;

use rusqlite::ffi;

/// Longer paths SQLite refuses, which has a buffer of 512 bytes for one and its endings.
const LONGEST_PATH: usize = 504;

/// "permission denied; let the user of this process ..."
pub fn in_words(error: &io::Error) -> String {
    let told = error.to_string();
    let told = told.split(" (os error").next().unwrap_or(&told);
    let mut letters = told.chars();
    let first = letters.next().map(|first| first.to_lowercase());
    let words: String = first.into_iter().flatten().chain(letters).collect();
    match to_do(error) {
        Some(to_do) => format!("{words}; {to_do}"),
        None => words,
    }
}

fn to_do(error: &io::Error) -> Option<&'static str> {
    // Those that have no kind of their own.
    #[cfg(unix)]
    match error.raw_os_error() {
        Some(5) => return Some("the disk or its file system fails: see the system's log"),
        Some(23 | 24) => return Some("raise the limit of open files (ulimit -n)"),
        _ => {}
    }
    Some(match error.kind() {
        ErrorKind::PermissionDenied => {
            "let the user of this process read and write the file, its folder, and the -wal and \
             -shm files beside it"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room and try again",
        ErrorKind::ReadOnlyFilesystem => {
            "SQLite writes a log beside the file: put it in a folder that may be written"
        }
        ErrorKind::NotADirectory => "a part of its path is a file",
        ErrorKind::IsADirectory => "a directory has the name of its -wal file: move it away",
        ErrorKind::InvalidFilename => "choose a shorter name",
        ErrorKind::FileTooLarge => "raise the limit of a file's size (ulimit -f)",
        _ => return None,
    })
}

/// What the system said at the last failure to open, read or write on this connection.
pub fn last_of(connection: &rusqlite::Connection) -> Option<io::Error> {
    // SAFETY: the handle is an open connection's, and this only reads a number of it.
    let error = unsafe { ffi::sqlite3_system_errno(connection.handle()) };
    (error != 0).then(|| io::Error::from_raw_os_error(error))
}

/// Why SQLite cannot open the file at `path`, or the log beside it; none where there is nothing to
/// be seen.
pub fn not_opened(path: &Path) -> Option<String> {
    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return not_created(path),
        Err(error) => return Some(in_words(&error)),
    };
    if there.is_dir() {
        return Some("it is a directory; name a file in it".to_owned());
    }
    if let Some(error) = tried_again(path) {
        return Some(in_words(&error));
    }
    tried_beside(path).err().map(|error| in_words(&error))
}

fn not_created(path: &Path) -> Option<String> {
    // A link to a file that SQLite would create where the link points to.
    if let Ok(target) = fs::read_link(path) {
        return not_created(&folder_of(path).join(target));
    }
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some(format!(
                "its folder {} does not exist; create it",
                folder.display()
            ));
        }
        Err(error) => return Some(in_words(&error)),
        Ok(_) => {}
    }
    if let Err(error) = tried_beside(path) {
        return Some(in_words(&error));
    }
    (cfg!(unix) && path.as_os_str().len() > LONGEST_PATH)
        .then(|| format!("its path is longer than {LONGEST_PATH} bytes; choose a shorter one"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Creates a file in the same folder, and removes it.
fn tried_beside(path: &Path) -> io::Result<()> {
    let name = format!(".better-auth-native-{}.tried", std::process::id());
    let beside: PathBuf = folder_of(path).join(name);
    match File::options().write(true).create_new(true).open(&beside) {
        Ok(_) => fs::remove_file(&beside),
        // Somebody else tries at this moment.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// What the system says when SQLite opens a file that is there; none where it can.
fn tried_again(path: &Path) -> Option<io::Error> {
    let name = CString::new(path.to_str()?).ok()?;
    let flags: c_int = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_NOMUTEX;
    let mut handle = ptr::null_mut();
    // SAFETY: the name ends with NUL and outlives the call. The handle, which SQLite makes also
    // where it cannot open (or leaves null, which both of the calls after it take), is used by
    // nobody else and not after it is closed.
    let error = unsafe {
        let opened = ffi::sqlite3_open_v2(name.as_ptr(), &mut handle, flags, ptr::null());
        let error = ffi::sqlite3_system_errno(handle);
        ffi::sqlite3_close(handle);
        if opened == ffi::SQLITE_OK { 0 } else { error }
    };
    (error != 0).then(|| io::Error::from_raw_os_error(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_systems_words_come_with_what_to_do() {
        let told = |error| in_words(&io::Error::from_raw_os_error(error));
        assert!(told(28).starts_with("no space left on device; make room"));
        assert!(told(24).contains("ulimit -n"));
        assert!(told(30).starts_with("read-only file system; "));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let told = not_opened(Path::new("/no/such/folder/auth.db")).unwrap();
        assert!(told.contains("/no/such/folder does not exist"), "{told}");
    }
}
