//! Which descriptors SQLite has of which file, by which of them the file is locked, and which are
//! parked.

use std::collections::HashMap;
use std::ffi::c_int;
use std::io::{Error, Result};

use super::system::{self, FileId, Locks};

/// SQLite closes descriptors below this at once and asks for another one.
const LOWEST: c_int = 3;

#[derive(Default)]
pub struct Descriptors {
    files: HashMap<FileId, File>,
    /// By descriptor.
    routes: Vec<Option<Route>>,
}

/// How a descriptor's file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    file: FileId,
    pub locks: Locks,
    /// The descriptor that all its locks go through.
    pub through: c_int,
}

struct File {
    locks: Locks,
    through: c_int,
    /// Those that SQLite has open.
    open: Vec<Descriptor>,
    /// Those that SQLite has closed.
    parked: Vec<Descriptor>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Descriptor {
    number: c_int,
    writes: bool,
}

impl Descriptors {
    pub fn route(&self, descriptor: c_int) -> Option<Route> {
        let index = usize::try_from(descriptor).ok()?;
        *self.routes.get(index)?
    }

    /// A parked descriptor of a file that SQLite wants to open.
    pub fn take_parked(&mut self, id: FileId, writes: bool) -> Result<Option<c_int>> {
        // SQLite opens a file to read that it could not open to write: it is refused once more.
        let again = !writes && self.files.get(&id).is_some_and(File::was_refused);
        self.close_idle();
        if again || self.is_refused(id) {
            return Err(Error::from_raw_os_error(libc::EBUSY));
        }
        let Some(file) = self.files.get_mut(&id) else {
            return Ok(None);
        };
        // A lock to write cannot go through a descriptor that only reads, and those that it holds
        // cannot be handed on. SQLite opens the file to read instead.
        if writes && !file.open.is_empty() && !file.writes() {
            return Err(Error::from_raw_os_error(libc::EACCES));
        }
        let fits = |parked: &Descriptor| parked.writes == writes && parked.number >= LOWEST;
        let Some(found) = file.parked.iter().position(fits) else {
            return Ok(None);
        };
        let descriptor = file.parked.swap_remove(found);
        self.open(id, descriptor);
        Ok(Some(descriptor.number))
    }

    /// A descriptor that SQLite has opened.
    pub fn add(&mut self, id: FileId, number: c_int, writes: bool) -> Result<()> {
        self.files.entry(id).or_insert_with(|| File {
            locks: system::locks_of(number),
            through: number,
            open: Vec::new(),
            parked: Vec::new(),
        });
        let descriptor = Descriptor { number, writes };
        self.open(id, descriptor);
        if self.is_refused(id) {
            // Not closed: that would drop the locks of who has it open.
            self.park(id, number);
            return Err(Error::from_raw_os_error(libc::EBUSY));
        }
        Ok(())
    }

    /// A descriptor that SQLite closes.
    pub fn close(&mut self, descriptor: c_int) -> Result<()> {
        let Some(route) = self.route(descriptor) else {
            return system::close(descriptor);
        };
        self.park(route.file, descriptor);
        let closed = self.close_parked(route.file);
        self.close_idle();
        closed
    }

    fn open(&mut self, id: FileId, descriptor: Descriptor) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        // Nothing is locked: it need not be the one from before.
        if file.open.is_empty() {
            file.through = descriptor.number;
        }
        file.open.push(descriptor);
        let route = Route {
            file: id,
            locks: file.locks,
            through: file.through,
        };
        let index = descriptor.number.unsigned_abs() as usize;
        if self.routes.len() <= index {
            self.routes.resize(index + 1, None);
        }
        self.routes[index] = Some(route);
    }

    fn park(&mut self, id: FileId, number: c_int) {
        if let Some(route) = self.routes.get_mut(number.unsigned_abs() as usize) {
            *route = None;
        }
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let is_it = |descriptor: &Descriptor| descriptor.number == number;
        if let Some(index) = file.open.iter().position(is_it) {
            let descriptor = file.open.swap_remove(index);
            file.parked.push(descriptor);
        }
    }

    /// Closes what is parked of files that others have let go of in the meantime.
    fn close_idle(&mut self) {
        let idle = |file: &File| file.open.is_empty();
        let idle: Vec<_> = self.files.iter().filter(|(_, file)| idle(file)).collect();
        let idle: Vec<_> = idle.into_iter().map(|(id, _)| *id).collect();
        for id in idle {
            // Where it fails they stay parked, and are tried again.
            let _ = self.close_parked(id);
        }
    }

    /// Closes the descriptors of a file that SQLite has none open of any more, unless somebody
    /// could have a lock on it.
    fn close_parked(&mut self, id: FileId) -> Result<()> {
        let is_idle = |file: &&File| file.open.is_empty();
        let Some(file) = self.files.get(&id).filter(is_idle) else {
            return Ok(());
        };
        let can_close = match file.locks {
            Locks::OfDescription => lock_against_all(file.through)?,
            Locks::OfProcess => !self.is_open_elsewhere(id),
        };
        if !can_close {
            return Ok(());
        }
        let Some(file) = self.files.remove(&id) else {
            return Ok(());
        };
        let others = file.parked.iter().map(|descriptor| descriptor.number);
        let others = others.filter(|number| *number != file.through);
        // The lock against all others ends with the last one.
        let closed = others.map(system::close).fold(Ok(()), Result::and);
        closed.and(system::close(file.through))
    }

    /// Whether nothing would keep SQLite from overwriting what somebody else in this process writes.
    pub fn is_refused(&self, id: FileId) -> bool {
        let file = self.files.get(&id);
        file.is_some_and(|file| file.locks == Locks::OfProcess) && self.is_open_elsewhere(id)
    }

    fn is_open_elsewhere(&self, id: FileId) -> bool {
        let file = self.files.get(&id);
        let ours = |number| file.is_some_and(|file| file.has(number));
        system::is_open_elsewhere(id, ours)
    }
}

impl File {
    fn writes(&self) -> bool {
        let through = self.all().find(|one| one.number == self.through);
        through.is_some_and(|descriptor| descriptor.writes)
    }

    fn all(&self) -> impl Iterator<Item = &Descriptor> {
        self.open.iter().chain(&self.parked)
    }

    fn was_refused(&self) -> bool {
        let is_parked = self.parked.iter().any(|parked| parked.writes);
        self.locks == Locks::OfProcess && self.open.is_empty() && is_parked
    }

    fn has(&self, number: c_int) -> bool {
        self.all().any(|descriptor| descriptor.number == number)
    }
}

/// Locks the file against everybody, until the descriptor is closed; `false` where somebody else
/// has a lock, and then none is left of ours.
///
/// Between this and the closing nobody can get a lock that the closing would drop.
fn lock_against_all(descriptor: c_int) -> Result<bool> {
    let locked = match system::lock_whole(descriptor) {
        Ok(locked) => locked,
        // A descriptor that only reads cannot lock others out: who locks at this very moment is
        // not seen.
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => system::is_unlocked(descriptor)?,
        Err(error) => return Err(error),
    };
    if !locked {
        // SQLite leaves a lock on the log's index, which it takes to end with the descriptor.
        system::unlock_whole(descriptor)?;
    }
    Ok(locked)
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, IntoRawFd};

    use super::*;

    /// A file of a system without locks of descriptions, which SQLite has open.
    fn on_an_older_system(file: std::fs::File) -> (Descriptors, FileId, c_int) {
        let number = file.into_raw_fd();
        let id = system::file_of(number).unwrap().unwrap();
        let mut descriptors = Descriptors::default();
        let file = File {
            locks: Locks::OfProcess,
            through: number,
            open: Vec::new(),
            parked: Vec::new(),
        };
        descriptors.files.insert(id, file);
        (descriptors, id, number)
    }

    #[test]
    fn without_such_locks_a_file_that_is_open_elsewhere_is_refused_and_not_closed() {
        let path = std::env::temp_dir().join(format!("refused-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let open = || std::fs::File::open(&path).unwrap();
        let (mut descriptors, id, number) = on_an_older_system(open());
        descriptors.add(id, number, true).unwrap();
        let theirs = open();
        let refused = descriptors.take_parked(id, true).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBUSY));
        descriptors.close(number).unwrap();
        assert!(
            system::file_of(number).is_ok(),
            "it was closed beside {}",
            theirs.as_raw_fd()
        );
        drop(theirs);
        descriptors.close_idle();
        assert!(system::file_of(number).is_err());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_open_to_be_read_is_not_opened_to_be_written() {
        let path = std::env::temp_dir().join(format!("read-only-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let number = std::fs::File::open(&path).unwrap().into_raw_fd();
        let id = system::file_of(number).unwrap().unwrap();
        let mut descriptors = Descriptors::default();
        descriptors.add(id, number, false).unwrap();
        let refused = descriptors.take_parked(id, true).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EACCES));
        assert_eq!(descriptors.take_parked(id, false).unwrap(), None);
        descriptors.close(number).unwrap();
        assert!(system::file_of(number).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
