//! The system calls that SQLite makes through here.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Result;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{LazyLock, Once};

use parking_lot::RwLock;
use rusqlite::ffi;

use super::descriptors::Descriptors;
use super::system::{self, Locks};

static DESCRIPTORS: LazyLock<RwLock<Descriptors>> = LazyLock::new(RwLock::default);

type SystemCall = unsafe extern "C" fn();
type Open = unsafe extern "C" fn(*const c_char, c_int, c_int) -> c_int;
type Close = unsafe extern "C" fn(c_int) -> c_int;

unsafe extern "C" {
    /// See variadic.c.
    fn better_auth_native_variadic_fcntl(
        handler: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int,
    ) -> SystemCall;
}

/// Has SQLite make these calls through here; to be called before it opens a file.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: SQLite casts each of the functions back to the type that its system call has,
        // which is the type that it has here, and calls it so.
        unsafe {
            replace(c"open", std::mem::transmute::<Open, SystemCall>(open));
            replace(c"close", std::mem::transmute::<Close, SystemCall>(close));
            replace(c"fcntl", better_auth_native_variadic_fcntl(fcntl));
        }
    });
}

/// Whether opening that file was refused because somebody else in this process has it open.
pub fn is_refused(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return false;
    };
    let file = system::file_at(&path, 0).ok().flatten();
    file.is_some_and(|file| DESCRIPTORS.read().is_refused(file))
}

/// # Safety
/// `call` has the type of the system call.
unsafe fn replace(name: &CStr, call: SystemCall) {
    // SAFETY: null asks for the default VFS, which is registered for good; on Unix it has the
    // method, and these are names that it knows.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        if let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) {
            set(vfs, name.as_ptr(), Some(call));
        }
    }
}

unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: SQLite passes a C string.
    let path = unsafe { CStr::from_ptr(path) };
    open_file(path, flags, mode).unwrap_or_else(|error| system::set_errno(&error))
}

fn open_file(path: &CStr, flags: c_int, mode: c_int) -> Result<c_int> {
    // What it makes for itself alone is not locked.
    if flags & libc::O_EXCL != 0 {
        return system::open(path, flags, mode);
    }
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY;
    // Held until the descriptor is known as ours: others would take it for a stranger's.
    let mut descriptors = DESCRIPTORS.write();
    // A file that cannot be looked at is opened, and the error is of that.
    if let Ok(Some(file)) = system::file_at(path, flags)
        && let Some(parked) = descriptors.take_parked(file, writes)?
    {
        return Ok(parked);
    }
    let descriptor = system::open(path, flags, mode)?;
    if let Some(file) = system::file_of(descriptor)? {
        descriptors.add(file, descriptor, writes)?;
    }
    Ok(descriptor)
}

unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    match DESCRIPTORS.write().close(descriptor) {
        Ok(()) => 0,
        Err(error) => system::set_errno(&error),
    }
}

unsafe extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    let is_lock = matches!(command, libc::F_SETLK | libc::F_SETLKW | libc::F_GETLK);
    let route = is_lock
        .then(|| DESCRIPTORS.read().route(descriptor))
        .flatten();
    let result = match route {
        Some(route) if route.locks == Locks::OfDescription => {
            // SAFETY: these commands take a `flock`, which is SQLite's for the length of the call.
            let lock = unsafe { &mut *argument.cast::<libc::flock>() };
            system::description_lock(route.through, command, lock).map(|()| 0)
        }
        // SAFETY: SQLite passes what the command takes.
        _ => unsafe { system::fcntl(descriptor, command, argument) },
    };
    result.unwrap_or_else(|error| system::set_errno(&error))
}
