//! What the operating system is asked about files and their locks.

use std::ffi::{CStr, c_int, c_short, c_void};
use std::io::{Error, Result};
use std::mem::MaybeUninit;

/// The commands for open-file-description locks. The libc crate does not name those of Apple's
/// systems; see <https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/fcntl.h>.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod command {
    pub use libc::{F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
}
#[cfg(target_vendor = "apple")]
mod command {
    pub const F_OFD_SETLK: super::c_int = 90;
    pub const F_OFD_SETLKW: super::c_int = 91;
    pub const F_OFD_GETLK: super::c_int = 92;
}
/// Elsewhere no command has these numbers, so that the system refuses them.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod command {
    pub const F_OFD_SETLK: super::c_int = -1;
    pub const F_OFD_SETLKW: super::c_int = -1;
    pub const F_OFD_GETLK: super::c_int = -1;
}

/// A file, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: libc::dev_t,
    inode: libc::ino_t,
}

/// Whose locks a file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    OfDescription,
    OfProcess,
}

/// The file behind a descriptor; none where that is a folder, a device or the like.
pub fn file_of(descriptor: c_int) -> Result<Option<FileId>> {
    // SAFETY: the place has room for what is written.
    regular_file(|found| unsafe { libc::fstat(descriptor, found) })
}

/// The file of that name, as `open` with these flags finds it.
pub fn file_at(path: &CStr, flags: c_int) -> Result<Option<FileId>> {
    let stat = if flags & libc::O_NOFOLLOW == 0 {
        libc::stat
    } else {
        libc::lstat
    };
    // SAFETY: the place has room for what is written, and the path is a C string.
    regular_file(|found| unsafe { stat(path.as_ptr(), found) })
}

fn regular_file(ask: impl FnOnce(*mut libc::stat) -> c_int) -> Result<Option<FileId>> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    check(ask(found.as_mut_ptr()))?;
    // SAFETY: it has been written, because the call succeeded.
    let found = unsafe { found.assume_init() };
    let is_regular = found.st_mode & libc::S_IFMT == libc::S_IFREG;
    Ok(is_regular.then_some(FileId {
        device: found.st_dev,
        inode: found.st_ino,
    }))
}

/// Whether the file has such locks: takes one, on a byte that SQLite never locks.
pub fn locks_of(descriptor: c_int) -> Locks {
    /// SQLite locks 512 bytes from 2^30 on, and the log's index at 120 to 128.
    const UNUSED: libc::off_t = 0x4000_0000 + 4_096;
    let lock = |kind| lock_of(kind, UNUSED, 1);
    let taken = description_lock(descriptor, libc::F_SETLK, &mut lock(libc::F_RDLCK));
    match taken {
        Ok(()) => {
            // What cannot be given back is given back with the description.
            let _ = description_lock(descriptor, libc::F_SETLK, &mut lock(libc::F_UNLCK));
            Locks::OfDescription
        }
        Err(error) if is_conflict(&error) => Locks::OfDescription,
        Err(_) => Locks::OfProcess,
    }
}

/// Carries out one of POSIX's lock commands with a lock of the open file description instead.
pub fn description_lock(descriptor: c_int, posix: c_int, lock: &mut libc::flock) -> Result<()> {
    let command = match posix {
        libc::F_SETLK => command::F_OFD_SETLK,
        libc::F_SETLKW => command::F_OFD_SETLKW,
        _ => command::F_OFD_GETLK,
    };
    // Demanded by the system; SQLite leaves it unset.
    lock.l_pid = 0;
    // SAFETY: the commands read and write a `flock`, which is borrowed for the call.
    check(unsafe { libc::fcntl(descriptor, command, std::ptr::from_mut(lock)) })
}

/// Locks the whole file for nobody else; `false` where somebody has a lock on a part of it.
pub fn lock_whole(descriptor: c_int) -> Result<bool> {
    let whole = &mut lock_of(libc::F_WRLCK, 0, 0);
    match description_lock(descriptor, libc::F_SETLK, whole) {
        Ok(()) => Ok(true),
        Err(error) if is_conflict(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn unlock_whole(descriptor: c_int) -> Result<()> {
    let whole = &mut lock_of(libc::F_UNLCK, 0, 0);
    description_lock(descriptor, libc::F_SETLK, whole)
}

/// Whether nobody but this description has a lock on the file, at this moment.
pub fn is_unlocked(descriptor: c_int) -> Result<bool> {
    let whole = &mut lock_of(libc::F_WRLCK, 0, 0);
    description_lock(descriptor, libc::F_GETLK, whole)?;
    Ok(whole.l_type == libc::F_UNLCK as c_short)
}

/// A length of 0 reaches to the end of the file, wherever that will be.
fn lock_of(kind: c_int, start: libc::off_t, length: libc::off_t) -> libc::flock {
    // SAFETY: a `flock` is numbers, for which all zeros is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as c_short;
    lock.l_whence = libc::SEEK_SET as c_short;
    lock.l_start = start;
    lock.l_len = length;
    lock
}

fn is_conflict(error: &Error) -> bool {
    // EACCES is what some systems say instead of EAGAIN.
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

/// Whether this process has a descriptor of the file that is none of `ours`.
pub fn is_open_elsewhere(file: FileId, ours: impl Fn(c_int) -> bool) -> bool {
    let is_it = |descriptor| {
        !ours(descriptor) && matches!(file_of(descriptor), Ok(Some(found)) if found == file)
    };
    match listed_descriptors() {
        Ok(mut listed) => listed.any(is_it),
        Err(_) => (0..=highest_descriptor()).any(is_it),
    }
}

/// Linux and Apple's systems list a process's descriptors in a folder.
fn listed_descriptors() -> Result<impl Iterator<Item = c_int>> {
    let entries = std::fs::read_dir("/dev/fd")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

fn highest_descriptor() -> c_int {
    /// More than a process has, where the limit is out of reach.
    const ENOUGH: libc::c_long = 65_536;
    // SAFETY: it takes a number and gives a number.
    let limit = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
    // -1 means that there is no limit.
    let limit = if limit < 0 { ENOUGH } else { limit.min(ENOUGH) };
    c_int::try_from(limit).unwrap_or(c_int::MAX)
}

pub fn close(descriptor: c_int) -> Result<()> {
    // SAFETY: the caller gives up the descriptor.
    check(unsafe { libc::close(descriptor) })
}

fn check(result: c_int) -> Result<()> {
    if result == -1 {
        return Err(Error::last_os_error());
    }
    Ok(())
}

pub fn open(path: &CStr, flags: c_int, mode: c_int) -> Result<c_int> {
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags, mode) };
    check(descriptor).map(|()| descriptor)
}

/// Any of POSIX's commands.
///
/// # Safety
/// `argument` is what the command takes.
pub unsafe fn fcntl(descriptor: c_int, command: c_int, argument: *mut c_void) -> Result<c_int> {
    // SAFETY: as this function demands.
    let result = unsafe { libc::fcntl(descriptor, command, argument) };
    check(result).map(|()| result)
}

/// Leaves the error where C callers look for it; gives what they take for a failure.
pub fn set_errno(error: &Error) -> c_int {
    let number = error.raw_os_error().unwrap_or(libc::EIO);
    // SAFETY: it points to this thread's own errno.
    unsafe {
        #[cfg(target_vendor = "apple")]
        libc::__error().write(number);
        #[cfg(target_os = "linux")]
        libc::__errno_location().write(number);
    }
    -1
}
