//! One SQLite connection: how it is set up, and how a statement runs on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;

use super::busy::Busy;
use super::checkpoint::Log;
use super::config::{Config, Location};
use super::guard::Guard;
use super::{decode, encode, error, fold};
use crate::engine::{Keep, Rows, Statement};
use crate::error::Result;
use crate::value::Value;

/// How long a statement may take on the caller's thread before it is moved off it, in steps of
/// SQLite's virtual machine; about a millisecond.
const INLINE_STEPS: u32 = 50_000;
const STEPS_PER_CHECK: u32 = 1_000;

/// A statement that took this long on the caller's thread is wide from then on; one that takes less
/// than half of it elsewhere is not.
pub const WIDE: Duration = Duration::from_millis(2);

/// Distinct statements kept prepared. Every shape of operation is one, and an application has a
/// few dozen.
const PREPARED_STATEMENTS: usize = 512;

pub struct Connection {
    raw: rusqlite::Connection,
    budget: Arc<Budget>,
    patience: Patience,
    busy_timeout: Duration,
    guard: Guard,
    // Declared after `raw`, whose hooks refer to them.
    busy: Arc<Busy>,
    _log: Arc<Log>,
}

/// What a statement does when it would have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Stop, to be run again where it may wait.
    None,
    /// Stop when a lock is held, but not when it takes long: a write that is interrupted inside
    /// a transaction would roll all of it back.
    ForWork,
    /// Wait for locks up to the busy timeout.
    ForLocks,
}

/// What running with little patience came to.
pub enum Ran {
    Rows(Rows),
    WouldWait,
}

/// What running several writes in one transaction came to.
pub enum RanTogether {
    /// They are committed, but for those that failed by themselves.
    Committed(Vec<Result<Rows>>),
    /// Nothing of them is there, as others keep the database locked.
    Locked,
    /// Nothing of them is there: one of them took too long or ended the transaction, or that could
    /// not be committed. Each has to run by itself, so that none fails for another.
    Apart,
}

/// When the running statement is interrupted.
struct Budget {
    /// Checks left before.
    checks: AtomicU32,
    /// A transaction is being committed, or has been. SQLite looks once more afterwards, and a
    /// statement that is interrupted then fails although its commit stands.
    committing: AtomicBool,
}

impl Budget {
    const UNLIMITED: u32 = u32::MAX;

    fn unlimited() -> Self {
        Self {
            checks: AtomicU32::new(Self::UNLIMITED),
            committing: AtomicBool::new(false),
        }
    }

    /// For the statements that follow.
    fn set(&self, checks: u32) {
        self.checks.store(checks, Ordering::Relaxed);
        self.committing.store(false, Ordering::Relaxed);
    }

    /// Whether the statement has to stop.
    fn is_spent(&self, interrupted: &AtomicBool) -> bool {
        if self.committing.load(Ordering::Relaxed) {
            return false;
        }
        let left = self.checks.load(Ordering::Relaxed);
        if left == 0 || interrupted.load(Ordering::Relaxed) {
            return true;
        }
        if left != Self::UNLIMITED {
            self.checks.store(left - 1, Ordering::Relaxed);
        }
        false
    }
}

impl Connection {
    /// Its statements stop when `interrupted` is set.
    pub fn open(config: &Config, log: &Arc<Log>, interrupted: &Arc<AtomicBool>) -> Result<Self> {
        let raw = open_raw(config).map_err(|error| error::from_open(&error, config, None))?;
        let budget = Arc::new(Budget::unlimited());
        prepare(&raw, config, &budget, interrupted)
            .map_err(|error| error::from_open(&error, config, Some(&raw)))?;
        let guard =
            Guard::install(&raw).map_err(|error| error::from_open(&error, config, Some(&raw)))?;
        // Nothing fails from here on: `raw` is closed before what its hooks refer to.
        let busy = Busy::watch(&raw, config.busy_timeout);
        let log = log.watch(&raw);
        Ok(Self {
            raw,
            guard,
            budget,
            patience: Patience::ForLocks,
            busy_timeout: config.busy_timeout,
            busy,
            _log: log,
        })
    }

    /// The driver's connection alone, to a file that is there.
    pub fn open_to_read(config: &Config) -> Result<rusqlite::Connection> {
        let open = || {
            // Reading takes the write-ahead log's index, which is written.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let raw = rusqlite::Connection::open_with_flags(config.name(), flags)?;
            raw.busy_timeout(config.busy_timeout)?;
            raw.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
            Ok(raw)
        };
        open().map_err(|error| error::from_open(&error, config, None))
    }

    /// A copy in memory.
    pub fn copied(&mut self) -> Result<rusqlite::Connection> {
        self.be(Patience::ForLocks);
        let copied = || {
            let mut copy = rusqlite::Connection::open_in_memory()?;
            Backup::new(&self.raw, &mut copy)?.step(-1)?;
            Ok(copy)
        };
        copied().map_err(|error| error::from_control(&error, "a backup", &self.raw))
    }

    /// Runs where it may not wait. Whoever calls it sees how long that takes, and so whether the
    /// statement is one to keep off this thread: looking at the clock here too would cost a
    /// hundredth of a short call.
    pub fn run_now(
        &mut self,
        statement: &Statement,
        values: &[Value],
        patience: Patience,
    ) -> Result<Ran> {
        self.be(patience);
        match self.execute(statement, values) {
            Ok(rows) => Ok(Ran::Rows(rows)),
            Err(Failure::Sqlite(error)) if error::would_wait(&error) => Ok(Ran::WouldWait),
            Err(failure) => Err(failure.explain(statement, &self.raw)),
        }
    }

    /// Runs where it may wait.
    pub fn run(&mut self, statement: &Statement, values: &[Value]) -> Result<Rows> {
        self.be(Patience::ForLocks);
        let started = Instant::now();
        let rows = self
            .execute(statement, values)
            .map_err(|failure| failure.explain(statement, &self.raw))?;
        if started.elapsed() < WIDE / 2 {
            statement.set_wide(false);
        }
        Ok(rows)
    }

    /// Runs writes in one transaction. SQLite undoes what a failed statement did and nothing else, so
    /// none needs a savepoint of its own. With little patience, all of them together may take as long
    /// as one.
    /// Where this fails, the connection is to be closed: it is still in the transaction.
    pub fn run_together<'w>(
        &mut self,
        writes: impl ExactSizeIterator<Item = (&'w Statement, &'w [Value])>,
        patience: Patience,
    ) -> Result<RanTogether> {
        self.be(patience);
        let ran = self.in_one_commit(writes);
        if self.in_transaction() {
            self.control("ROLLBACK", "roll back", Patience::ForWork)?;
        }
        Ok(match ran {
            Ok(results) => RanTogether::Committed(results),
            Err(error) if error::is_locked(&error) => RanTogether::Locked,
            Err(_) => RanTogether::Apart,
        })
    }

    fn in_one_commit<'w>(
        &self,
        writes: impl ExactSizeIterator<Item = (&'w Statement, &'w [Value])>,
    ) -> rusqlite::Result<Vec<Result<Rows>>> {
        let control = |sql| self.raw.prepare_cached(sql)?.execute([]);
        control("BEGIN IMMEDIATE")?;
        let mut results = Vec::with_capacity(writes.len());
        for (statement, values) in writes {
            let result = self.execute(statement, values);
            if let Err(Failure::Sqlite(error)) = result {
                if error::is_interrupted(&error) {
                    statement.set_wide(true);
                }
                if self.raw.is_autocommit() || !error::is_of_the_statement(&error) {
                    return Err(error);
                }
                results.push(Err(error::from_sqlite(error, statement, &self.raw)));
            } else {
                results.push(result.map_err(|failure| failure.explain(statement, &self.raw)));
            }
        }
        control("COMMIT")?;
        Ok(results)
    }

    /// Runs a statement without values or rows; `false` means it would have to wait.
    pub fn control(&mut self, sql: &str, attempt: &str, patience: Patience) -> Result<bool> {
        self.be(patience);
        match self
            .raw
            .prepare_cached(sql)
            .and_then(|mut prepared| prepared.execute([]))
        {
            Ok(_) => Ok(true),
            Err(error) if patience != Patience::ForLocks && error::would_wait(&error) => Ok(false),
            Err(error) => Err(error::from_control(&error, attempt, &self.raw)),
        }
    }

    /// The driver's connection, for reading the schema and for check-points.
    pub fn raw(&self) -> &rusqlite::Connection {
        &self.raw
    }

    /// Runs `work` in one transaction, without foreign keys acting while tables change.
    pub fn change_schema<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.control(
            "PRAGMA foreign_keys = OFF",
            "suspend foreign keys",
            Patience::ForLocks,
        )?;
        let result = self.in_one_transaction(work);
        self.control(
            "PRAGMA foreign_keys = ON",
            "resume foreign keys",
            Patience::ForLocks,
        )?;
        result
    }

    /// Runs `work` in a transaction that only reads.
    pub fn at_one_moment<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.control("BEGIN", "begin a transaction", Patience::ForLocks)?;
        let result = work(self);
        // A failure may have ended it.
        if self.in_transaction() {
            self.control("ROLLBACK", "roll back", Patience::ForLocks)?;
        }
        result
    }

    /// What tells of a statement of the application's what it does.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Statements wait for locks from now on.
    pub fn be_patient(&mut self) {
        self.be(Patience::ForLocks);
    }

    /// Rolls back what is open; false where that does not succeed.
    pub fn leave_transaction(&mut self) -> bool {
        let rolled_back = self.control("ROLLBACK", "roll back", Patience::ForLocks);
        rolled_back.is_ok() && !self.in_transaction()
    }

    fn in_one_transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.control("BEGIN IMMEDIATE", "begin a transaction", Patience::ForLocks)?;
        let result = work(self).and_then(|value| {
            self.control("COMMIT", "commit", Patience::ForLocks)?;
            Ok(value)
        });
        if self.in_transaction() {
            self.control("ROLLBACK", "roll back", Patience::ForLocks)?;
        }
        result
    }

    pub fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }

    fn be(&mut self, patience: Patience) {
        let steps = match patience {
            Patience::None => INLINE_STEPS / STEPS_PER_CHECK,
            Patience::ForWork | Patience::ForLocks => Budget::UNLIMITED,
        };
        self.budget.set(steps);
        let waits = patience == Patience::ForLocks;
        if waits != (self.patience == Patience::ForLocks) {
            self.busy.set_timeout(if waits {
                self.busy_timeout
            } else {
                Duration::ZERO
            });
        }
        self.patience = patience;
    }

    /// Steps to the end even when only the first row is kept: a statement that is left early
    /// commits unseen, and with it a late error is lost.
    fn execute(&self, statement: &Statement, values: &[Value]) -> Result<Rows, Failure> {
        let mut prepared = self.raw.prepare_cached(&statement.sql)?;
        encode::bind(&mut prepared, statement, values, &self.raw)?;
        if statement.keep == Keep::Changes {
            let changes = prepared.raw_execute()?;
            return Ok(vec![Value::Integer(changes as i64)]);
        }
        let mut cells = Rows::new();
        let mut undecodable = None;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            if statement.keep == Keep::First && !cells.is_empty() {
                continue;
            }
            for (index, column) in statement.columns.iter().enumerate() {
                match decode::decode(column, row.get_ref(index)?, statement) {
                    Ok(cell) => cells.push(cell),
                    Err(error) => {
                        undecodable.get_or_insert(error);
                    }
                }
            }
        }
        match undecodable {
            Some(error) => Err(Failure::Told(error)),
            None => Ok(cells),
        }
    }
}

/// A failure before it is known whether anybody has to hear of it.
enum Failure {
    Sqlite(rusqlite::Error),
    Told(crate::error::Error),
}

impl Failure {
    fn explain(
        self,
        statement: &Statement,
        connection: &rusqlite::Connection,
    ) -> crate::error::Error {
        match self {
            Self::Sqlite(error) => error::from_sqlite(error, statement, connection),
            Self::Told(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        Self::Told(error)
    }
}

fn open_raw(config: &Config) -> rusqlite::Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match &config.location {
        Location::Memory => rusqlite::Connection::open_in_memory_with_flags(flags),
        Location::File(path) => rusqlite::Connection::open_with_flags(path, flags),
    }
}

fn prepare(
    raw: &rusqlite::Connection,
    config: &Config,
    budget: &Arc<Budget>,
    interrupted: &Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    raw.busy_timeout(config.busy_timeout)?;
    set_up(raw, config)?;
    let committing = budget.clone();
    raw.commit_hook(Some(move || {
        committing.committing.store(true, Ordering::Relaxed);
        // True would have it rolled back.
        false
    }))?;
    let (budget, interrupted) = (budget.clone(), interrupted.clone());
    let stops = move || budget.is_spent(&interrupted);
    raw.progress_handler(STEPS_PER_CHECK as i32, Some(stops))
}

fn set_up(raw: &rusqlite::Connection, config: &Config) -> rusqlite::Result<()> {
    let read_only = raw.is_readonly(rusqlite::MAIN_DB)?;
    if !config.is_memory() && !read_only {
        switch_to_wal(raw, config)?;
        // Check-points write the database file and sync it: not on the caller's thread.
        raw.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    }
    raw.pragma_update(
        None,
        "synchronous",
        if config.full_sync { "FULL" } else { "NORMAL" },
    )?;
    // Otherwise a quoted column that does not exist is a string, and found everywhere.
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // Otherwise a statement with LIMIT ? is prepared again for every value bound to it: findMany of
    // one row took 11.7 µs, and takes 5.0.
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    raw.pragma_update(None, "foreign_keys", true)?;
    raw.pragma_update(None, "trusted_schema", false)?;
    raw.pragma_update(None, "temp_store", "MEMORY")?;
    // In KiB where negative; filled as needed.
    raw.pragma_update(None, "cache_size", -i64::from(config.cache_size_kib))?;
    raw.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    rusqlite::vtab::array::load_module(raw)?;
    fold::register(raw)
}

/// Switching needs the database for itself, and SQLite does not wait for that: several who open a
/// new database at the same time would refuse each other. Asking first needs nothing.
fn switch_to_wal(raw: &rusqlite::Connection, config: &Config) -> rusqlite::Result<()> {
    let give_up = Instant::now() + config.busy_timeout;
    loop {
        let mode: String = raw.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if mode == "wal" {
            return Ok(());
        }
        match raw.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if error::would_wait(&error) && Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
