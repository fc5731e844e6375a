//! The open connections of one adapter and who may use which; see the engine's description.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::config::{Config, Location};
use super::connection::{Connection, Patience, Ran};
use super::turn::{Permit, Turn};
use super::{checkpoint, off_thread};
use crate::engine::{Access, Rows, Statement};
use crate::error::{Code, Error, Result};
use crate::value::Value;

/// Scans that may run at the same time.
const READERS: usize = 4;

pub struct Lanes {
    config: Config,
    main: Lane,
    writer: Lane,
    /// Idle connections; `reader_slots` bounds how many are out.
    readers: Mutex<Vec<Connection>>,
    reader_slots: Semaphore,
    turn: Arc<Turn>,
    checkpointing: AtomicBool,
    runtime: Handle,
}

/// A connection's place: empty before it is first needed, and after `close`.
pub type Lane = Mutex<Option<Connection>>;

impl Lanes {
    /// Blocks; runs on a thread of the runtime.
    pub fn open(config: Config) -> Result<Self> {
        let main = Connection::open(&config)?;
        let turn = match &config.location {
            Location::Memory => Turn::new(),
            Location::File(path) => Turn::of_file(path),
        };
        Ok(Self {
            config,
            main: Mutex::new(Some(main)),
            writer: Mutex::default(),
            readers: Mutex::default(),
            reader_slots: Semaphore::new(READERS),
            turn,
            checkpointing: AtomicBool::new(false),
            runtime: Handle::current(),
        })
    }

    pub fn run_now(
        self: &Arc<Self>,
        statement: &Statement,
        values: &[Value],
    ) -> Option<Result<Rows>> {
        let writes = statement.access == Access::Write;
        // A full sync waits for the disk.
        if writes && self.config.full_sync {
            return None;
        }
        let _permit = if writes || self.config.is_memory() {
            Some(self.turn.take_now(statement.operation)?)
        } else {
            None
        };
        let mut lane = self.main.try_lock()?;
        let connection = lane.as_mut()?;
        let result = connection.run_now(statement, values, Patience::None);
        if writes {
            self.checkpoint_if_due(connection);
        }
        match result {
            Ok(Ran::Rows(rows)) => Some(Ok(rows)),
            Ok(Ran::WouldWait) => None,
            Err(error) => Some(Err(error)),
        }
    }

    pub async fn read(
        self: &Arc<Self>,
        statement: Arc<Statement>,
        values: Vec<Value>,
    ) -> Result<Rows> {
        if self.config.is_memory() {
            return self.write(statement, values).await;
        }
        let _slot = self.reader_slots.acquire().await.map_err(|_| closed())?;
        let lanes = self.clone();
        off_thread(move || {
            let mut connection = lanes.take_reader()?;
            let result = connection.run(&statement, &values);
            lanes.readers.lock().push(connection);
            result
        })
        .await
    }

    pub async fn write(
        self: &Arc<Self>,
        statement: Arc<Statement>,
        values: Vec<Value>,
    ) -> Result<Rows> {
        self.with_writer(statement.operation, move |connection| {
            connection.run(&statement, &values)
        })
        .await
    }

    /// Lends the writing connection to `work`, off this thread.
    pub async fn with_writer<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.turn(what).await?;
        let lanes = self.clone();
        off_thread(move || {
            let _permit = permit;
            let mut lane = lanes.writing()?;
            let connection = lane.as_mut().ok_or_else(closed)?;
            let result = work(connection);
            lanes.checkpoint_if_due(connection);
            result
        })
        .await
    }

    pub async fn turn(&self, what: &'static str) -> Result<Permit> {
        self.turn.take(what, self.config.acquire_timeout).await
    }

    pub fn turn_now(&self, what: &'static str) -> Option<Permit> {
        self.turn.take_now(what)
    }

    /// The connection whoever has the turn may wait on, opened if need be. Blocks.
    pub fn writing(&self) -> Result<MutexGuard<'_, Option<Connection>>> {
        let mut lane = self.writing_lane().lock();
        if lane.is_none() && !self.config.is_memory() {
            *lane = Some(Connection::open(&self.config)?);
        }
        Ok(lane)
    }

    /// As `writing`, but `None` where that would have to open or to wait.
    pub fn writing_now(&self) -> Option<MutexGuard<'_, Option<Connection>>> {
        self.writing_lane().try_lock().filter(|lane| lane.is_some())
    }

    fn writing_lane(&self) -> &Lane {
        if self.config.is_memory() {
            &self.main
        } else {
            &self.writer
        }
    }

    pub fn full_sync(&self) -> bool {
        self.config.full_sync
    }

    fn take_reader(&self) -> Result<Connection> {
        let idle = self.readers.lock().pop();
        idle.map_or_else(|| Connection::open(&self.config), Ok)
    }

    /// Starts a check-point in the background when the log has grown, unless one is running.
    pub fn checkpoint_if_due(self: &Arc<Self>, connection: &Connection) {
        if connection.wal_pages() < checkpoint::DUE
            || self.checkpointing.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let lanes = self.clone();
        self.runtime.spawn_blocking(move || {
            // A check-point that fails or is cut short is made up for by the next one.
            if let Ok(connection) = lanes.take_reader() {
                let _ = connection
                    .raw()
                    .query_row("PRAGMA wal_checkpoint", [], |_| Ok(()));
                lanes.readers.lock().push(connection);
            }
            lanes.checkpointing.store(false, Ordering::Release);
        });
    }

    /// Closes every connection; the last one moves the write-ahead log into the file. Blocks.
    pub fn close(&self) {
        self.reader_slots.close();
        self.readers.lock().clear();
        self.writer.lock().take();
        self.main.lock().take();
    }
}

pub fn closed() -> Error {
    Error::new(Code::Closed, "the database was used after close()")
}
