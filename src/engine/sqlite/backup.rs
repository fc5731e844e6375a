//! A copy of the database while it is in use, made page by page on a thread of its own.
//!
//! The copy is of one moment: its reading transaction lasts from the first page to the last, beside
//! which others go on writing; without it every commit of theirs would begin the copy anew. What is
//! not finished has another name, and is removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::backup::{Backup as Pages, StepResult};
use tokio::sync::oneshot;

use super::config::{Config, Location};
use super::error::{from_control, from_copying};
use super::reason::in_words;
use crate::engine::InFlight;
use crate::error::{Code, Error, Result};

/// Pages per step: a mebibyte, in SQLite's own size of page.
const STEP: i32 = 256;

const PAUSE_WHILE_LOCKED: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pages.
    pub copied: u32,
    pub total: u32,
    /// Whether the copy is in its place.
    pub done: bool,
}

type Answer = oneshot::Sender<Result<Progress>>;

/// A copy that is under way; when it is dropped, what there is of it is removed.
pub struct Backup {
    /// None after `cancel`.
    steps: Mutex<Option<mpsc::Sender<Answer>>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Backup {
    /// Takes the next step: opens, copies some pages, or at last verifies and renames.
    pub async fn step(&self) -> Result<Progress> {
        let (answer, step) = oneshot::channel();
        let ended = || Error::new(Code::Closed, "the backup has ended");
        let sent = self.steps.lock().as_ref().map(|steps| steps.send(answer));
        sent.and_then(Result::ok).ok_or_else(ended)?;
        step.await.map_err(|_| ended())?
    }

    /// Resolves when nothing is left of a copy that was not finished.
    pub async fn cancel(&self) {
        self.steps.lock().take();
        let ended = self.ended.lock().take();
        if let Some(ended) = ended {
            // It ends by being dropped.
            let _ = ended.await;
        }
    }
}

/// Where a copy goes, and what may be there.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    overwrite: bool,
}

impl Target {
    pub fn new(path: &Path, overwrite: bool, config: &Config) -> Result<Self> {
        let target = Self {
            path: config.resolve(path)?,
            overwrite,
        };
        target.check(config)?;
        Ok(target)
    }

    fn check(&self, config: &Config) -> Result<()> {
        let name = self.path.display();
        if self.path.file_name().is_none() || self.path.is_dir() {
            return Err(Error::invalid_input(format!(
                "backup() takes the path of a file, and {name} is none"
            )));
        }
        if let Location::File(source) = &config.location
            && is_same(source, &self.path)
        {
            return Err(Error::invalid_input(format!(
                "{name} is the database itself: a backup takes another file"
            )));
        }
        if !self.overwrite && self.path.symlink_metadata().is_ok() {
            return Err(Error::invalid_input(format!(
                "{name} exists: choose another path, or pass {{ overwrite: true }}"
            )));
        }
        for ending in ["-wal", "-journal"] {
            let log = with_ending(&self.path, ending);
            if log.exists() {
                return Err(Error::invalid_input(format!(
                    "{} exists: {name} is a database in use, or one that was not closed",
                    log.display()
                )));
            }
        }
        Ok(())
    }

    /// Beside the target, so that renaming does not copy.
    fn unfinished(&self) -> Result<PathBuf> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(Code::Internal, "the operating system gave no random bytes")
                .with_cause(error)
        })?;
        let random = u32::from_ne_bytes(random);
        Ok(with_ending(&self.path, &format!(".{random:08x}.partial")))
    }

    /// Gives the finished copy its name, all at once.
    fn take(&self, unfinished: &Path) -> io::Result<()> {
        if !self.overwrite {
            // A link, unlike a name, is not given where there is one already.
            match fs::hard_link(unfinished, &self.path) {
                Ok(()) => return fs::remove_file(unfinished),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                // A file system without links.
                Err(_) if self.path.symlink_metadata().is_ok() => {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Err(_) => {}
            }
        }
        fs::rename(unfinished, &self.path)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Begins a copy of what `source` opens. Nothing is done before the first step.
pub fn begin(
    source: impl FnOnce() -> Result<rusqlite::Connection> + Send + 'static,
    target: Target,
    in_flight: InFlight,
) -> Result<Backup> {
    let (steps, asked) = mpsc::channel();
    let (end, ended) = oneshot::channel::<()>();
    let run = move || {
        let _end = (end, in_flight);
        let mut answers = Answers {
            asked,
            current: None,
        };
        let done = answers.next().then(|| copy(source, &target, &mut answers));
        if let (Some(Some(result)), Some(answer)) = (done, answers.current.take()) {
            let _ = answer.send(result);
        }
    };
    let thread = thread::Builder::new().name("better-auth-native backup".to_owned());
    thread.spawn(run).map_err(|error| {
        Error::new(
            Code::Internal,
            "the operating system has no thread for a backup",
        )
        .with_cause(error)
    })?;
    Ok(Backup {
        steps: Mutex::new(Some(steps)),
        ended: Mutex::new(Some(ended)),
    })
}

/// Those who wait for steps, one after the other.
struct Answers {
    asked: mpsc::Receiver<Answer>,
    current: Option<Answer>,
}

impl Answers {
    /// Waits for the next one; `false` where nobody will ask again.
    fn next(&mut self) -> bool {
        self.current = self.asked.recv().ok();
        self.current.is_some()
    }

    fn give(&mut self, progress: Progress) -> bool {
        if let Some(answer) = self.current.take() {
            let _ = answer.send(Ok(progress));
        }
        self.next()
    }
}

/// Copies; none where nobody waits for it any more.
fn copy(
    source: impl FnOnce() -> Result<rusqlite::Connection>,
    target: &Target,
    answers: &mut Answers,
) -> Option<Result<Progress>> {
    let unfinished = match target.unfinished() {
        Ok(path) => Unfinished(path),
        Err(error) => return Some(Err(error)),
    };
    let copied = match pages(source, target, &unfinished.0, answers) {
        Ok(copied) => copied?,
        Err(error) => return Some(Err(error)),
    };
    let placed = sync(&unfinished.0).and_then(|()| target.take(&unfinished.0));
    Some(placed.map_err(|error| target.failed(error)).map(|()| {
        // Nothing more can be done about the folder's own entry.
        let _ = target.path.parent().map(sync);
        Progress {
            done: true,
            ..copied
        }
    }))
}

/// All pages, verified, in a file that no connection has open.
fn pages(
    source: impl FnOnce() -> Result<rusqlite::Connection>,
    target: &Target,
    path: &Path,
    answers: &mut Answers,
) -> Result<Option<Progress>> {
    let attempt = format!("the backup to {}", target.path.display());
    let source = source()?;
    let of_source = |error| from_control(&error, &attempt, &source);
    create(path).map_err(|error| target.failed(error))?;
    let mut copy = rusqlite::Connection::open(path).map_err(of_source)?;
    source
        .execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
        .map_err(of_source)?;
    let progress = {
        // Either of the two files may be what fails.
        let failed = |error| from_copying(&error, &attempt);
        let pages = Pages::new(&source, &mut copy).map_err(failed)?;
        loop {
            let step = pages.step(STEP).map_err(failed)?;
            let counted = pages.progress();
            let total = u32::try_from(counted.pagecount).unwrap_or(0);
            let left = u32::try_from(counted.remaining).unwrap_or(0);
            let progress = Progress {
                copied: total.saturating_sub(left),
                total,
                done: false,
            };
            match step {
                StepResult::Done => break progress,
                StepResult::Busy | StepResult::Locked => thread::sleep(PAUSE_WHILE_LOCKED),
                _ => {}
            }
            if !answers.give(progress) {
                return Ok(None);
            }
        }
    };
    drop(source);
    let of_copy = |error| from_control(&error, &attempt, &copy);
    // As one file, which is read without writing beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(of_copy)?;
    verify(&copy).map_err(of_copy)?.map_or(Ok(()), |found| {
        let message = format!(
            "the backup to {} is damaged, and so is the database: restore it from an older backup",
            target.path.display()
        );
        Err(Error::new(Code::StorageFailed, message).with_cause(found))
    })?;
    copy.close()
        .map_err(|(copy, error)| from_control(&error, &attempt, &copy))?;
    Ok(Some(progress))
}

/// For nobody else to read: whoever may read a folder need not know who its users are.
fn create(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// What is wrong with the copy.
fn verify(copy: &rusqlite::Connection) -> rusqlite::Result<Option<String>> {
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

impl Target {
    fn failed(&self, error: io::Error) -> Error {
        let name = self.path.display();
        let (code, message) = match error.kind() {
            io::ErrorKind::AlreadyExists => (
                Code::InvalidInput,
                format!("{name} exists: choose another path, or pass {{ overwrite: true }}"),
            ),
            _ => (
                Code::StorageFailed,
                format!(
                    "the backup to {name} cannot be written: {}",
                    in_words(&error)
                ),
            ),
        };
        Error::new(code, message).with_cause(error)
    }
}

fn sync(path: &Path) -> io::Result<()> {
    // A folder cannot be opened everywhere.
    if cfg!(windows) && path.is_dir() {
        return Ok(());
    }
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    // Windows syncs only what may be written.
    let file = if path.is_dir() {
        File::open(path)?
    } else {
        File::options().write(true).open(path)?
    };
    file.sync_all()
}

/// Removed when it is dropped, unless it has its name by then.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for ending in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(with_ending(&self.0, ending));
        }
    }
}
