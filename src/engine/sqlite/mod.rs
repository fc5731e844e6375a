//! The SQLite engine.
//!
//! Operations that cannot wait run inline on the caller's thread: a worker thread's wake-up costs
//! 45 µs, the query 5. Whatever may wait leaves it: a lock held by another process, a transaction
//! that is open, a scan that turned out to be wide, a check-point.
//!
//! One *lane* is one connection with one duty:
//! - `main`: inline reads, and inline writes while nobody else writes;
//! - `writer`: transactions, and writes that had to wait;
//! - `readers`: scans off the caller's thread.
//!
//! Writers of one process take turns (see `turn`), so that they never meet SQLITE_BUSY. A
//! `:memory:` database is its one connection: there every operation takes a turn.

mod backup;
mod begun;
mod busy;
mod checkpoint;
mod config;
mod connection;
mod decode;
mod encode;
mod error;
mod fold;
mod guard;
mod lanes;
mod locks;
mod own;
mod reason;
mod transaction;
mod turn;
mod waiting;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::OnceCell;

pub use backup::Backup;
pub use config::{Config, Location, Options, file_name};
pub use connection::{Connection, WIDE};
pub use error::from_control;
pub use fold::FOLD;
pub use reason::in_words;
pub use transaction::Transaction;

use self::lanes::Lanes;
use super::gate::Gate;
use super::{Access, Call, Connections, Drained, InFlight, Rows, Statement};
use crate::error::{Code, Error, Result};
use crate::events::{Event, Events};
use crate::value::Value;

pub struct Sqlite {
    config: Config,
    lanes: OnceCell<Arc<Lanes>>,
    gate: Gate,
    events: Events,
}

impl Sqlite {
    /// Opens nothing yet; the first operation does.
    pub fn new(config: Config, events: Events) -> Self {
        locks::install();
        Self {
            config,
            lanes: OnceCell::new(),
            gate: Gate::default(),
            events,
        }
    }

    /// Runs on this thread if that cannot wait; `None` means it could, and `run` has to do it.
    pub fn run_now(&self, statement: &Statement, values: &[Value]) -> Option<Result<Rows>> {
        if let Err(error) = self.gate.check_open() {
            return Some(Err(error));
        }
        if statement.is_wide() {
            return None;
        }
        self.open_lanes()?.run_now(statement, values)
    }

    /// Runs writes of several callers in one transaction on this thread, if that cannot wait; `None`
    /// means that nothing was done, and `run` has to do each.
    pub fn run_together_now<'w>(
        &self,
        writes: impl ExactSizeIterator<Item = (&'w Statement, &'w [Value])> + Clone,
    ) -> Option<Vec<Result<Rows>>> {
        if self.gate.check_open().is_err() || writes.clone().any(|(write, _)| write.is_wide()) {
            return None;
        }
        self.open_lanes()?.run_together_now(writes)
    }

    /// Runs off this thread, waiting where it must.
    pub async fn run(
        &self,
        _in_flight: InFlight,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: &Arc<Call>,
    ) -> Result<Rows> {
        self.run_in_flight(statement, values, call).await
    }

    /// As `run`, for what is in flight as part of something else.
    async fn run_in_flight(
        &self,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: &Arc<Call>,
    ) -> Result<Rows> {
        let lanes = self.lanes().await?;
        match statement.access {
            Access::Read => lanes.read(statement, values, call).await,
            Access::Write => lanes.write(statement, values, call).await,
        }
    }

    /// Changes the schema; see `Connection::change_schema`.
    pub async fn change_schema<T: Send + 'static>(
        &self,
        _in_flight: InFlight,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.lanes()
            .await?
            .with_writer("a migration", |connection| connection.change_schema(work))
            .await
    }

    /// Reads about the schema, as it is at one moment.
    pub async fn read_schema<T: Send + 'static>(
        &self,
        _in_flight: InFlight,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.lanes()
            .await?
            .with_looker(|connection| connection.at_one_moment(work))
            .await
    }

    /// Begins a copy of the database; nothing is done before its first step.
    pub fn backup(self: &Arc<Self>, path: &Path, overwrite: bool) -> Result<Backup> {
        let in_flight = self.gate.enter()?;
        let target = backup::Target::new(path, overwrite, &self.config)?;
        let (engine, runtime) = (self.clone(), Handle::current());
        let source = move || runtime.block_on(engine.snapshot());
        backup::begin(source, target, in_flight)
    }

    /// A connection to what the database holds now: its own to a file, and to a database in memory,
    /// which has but one, one to a copy.
    async fn snapshot(&self) -> Result<rusqlite::Connection> {
        let lanes = self.lanes().await?;
        if self.config.is_memory() {
            return lanes.with_writer("a backup", Connection::copied).await;
        }
        off_thread({
            let config = self.config.clone();
            move || Connection::open_to_read(&config)
        })
        .await
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The version of SQLite, from a connection that works.
    pub async fn version(&self, _in_flight: InFlight) -> Result<String> {
        let ask = |connection: &mut Connection| {
            let raw = connection.raw();
            let asked = raw.query_row("SELECT sqlite_version()", [], |row| row.get(0));
            asked.map_err(|error| from_control(&error, "asking for the version", raw))
        };
        self.lanes().await?.with_looker(ask).await
    }

    pub fn location(&self) -> &Location {
        &self.config.location
    }

    /// The database as messages name it.
    fn name(&self) -> String {
        format!("SQLite at {}", self.config.name())
    }

    /// As they are now.
    pub fn connections(&self) -> Connections {
        let server = self.name();
        match self.lanes.get() {
            Some(lanes) => lanes.connections(server),
            None => Lanes::no_connections(server),
        }
    }

    /// Waits for what is in flight, as long as there is patience, then closes every connection.
    pub async fn close(&self, patience: Option<Duration>) -> Result<Drained> {
        let interrupt = || {
            if let Some(lanes) = self.lanes.get() {
                lanes.interrupt();
            }
        };
        let drained = self.gate.drain(patience, interrupt).await;
        if let Some(lanes) = self.lanes.get() {
            lanes.close().await?;
        }
        Ok(drained)
    }

    /// The lanes, unless nothing has opened them yet.
    fn open_lanes(&self) -> Option<&Arc<Lanes>> {
        self.lanes.get()
    }

    async fn lanes(&self) -> Result<&Arc<Lanes>> {
        self.lanes
            .get_or_try_init(|| async {
                let (config, begun) = (self.config.clone(), Instant::now());
                let lanes = off_thread(move || Lanes::open(config).map(Arc::new)).await?;
                self.events.tell(|| Event::Connect {
                    server: self.name(),
                    duration_ms: begun.elapsed().as_secs_f64() * 1e3,
                });
                Ok(lanes)
            })
            .await
    }
}

/// Runs blocking work on a thread that may block.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(ended_unexpectedly().with_cause(panic)))
}

fn ended_unexpectedly() -> Error {
    Error::new(
        Code::Internal,
        "a database task ended unexpectedly; please report it",
    )
}
