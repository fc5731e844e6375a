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

mod checkpoint;
mod config;
mod connection;
mod decode;
mod encode;
mod error;
mod fold;
mod lanes;
mod transaction;
mod turn;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OnceCell, OwnedRwLockReadGuard, RwLock};

pub use config::{Config, Options};
pub use connection::Connection;
pub use fold::FOLD;
pub use transaction::{Step, Transaction};

use self::lanes::{Lanes, closed};
use super::{Access, Rows, Statement};
use crate::error::{Code, Error, Result};
use crate::value::Value;

pub struct Sqlite {
    config: Config,
    lanes: OnceCell<Arc<Lanes>>,
    closed: AtomicBool,
    /// Held for reading by everything in flight; `close` waits until it can write.
    in_flight: Arc<RwLock<()>>,
}

/// Held by what was begun before `close`, which waits for it.
pub type InFlight = OwnedRwLockReadGuard<()>;

impl Sqlite {
    /// Opens nothing yet; the first operation does.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            lanes: OnceCell::new(),
            closed: AtomicBool::new(false),
            in_flight: Arc::default(),
        }
    }

    /// Runs on this thread if that cannot wait; `None` means it could, and `run` has to do it.
    pub fn run_now(&self, statement: &Statement, values: &[Value]) -> Option<Result<Rows>> {
        if let Err(error) = self.check_open() {
            return Some(Err(error));
        }
        if statement.is_wide() {
            return None;
        }
        self.lanes.get()?.run_now(statement, values)
    }

    /// Runs off this thread, waiting where it must.
    pub async fn run(
        &self,
        _in_flight: InFlight,
        statement: Arc<Statement>,
        values: Vec<Value>,
    ) -> Result<Rows> {
        let lanes = self.lanes().await?;
        match statement.access {
            Access::Read => lanes.read(statement, values).await,
            Access::Write => lanes.write(statement, values).await,
        }
    }

    /// Begins a transaction if that cannot wait.
    pub fn begin_now(&self) -> Option<Result<Transaction>> {
        match self.enter() {
            Ok(in_flight) => Transaction::begin_now(self.lanes.get()?, in_flight),
            Err(error) => Some(Err(error)),
        }
    }

    pub async fn begin(&self, in_flight: InFlight) -> Result<Transaction> {
        let lanes = self.lanes().await?;
        Transaction::begin(lanes, in_flight).await
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

    /// From when it is called, whatever has to wait until it can go on.
    pub fn enter(&self) -> Result<InFlight> {
        self.check_open()?;
        self.in_flight
            .clone()
            .try_read_owned()
            .map_err(|_| closed())
    }

    /// From now on, `enter` fails.
    pub fn refuse_work(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits for what is in flight, then closes every connection.
    pub async fn close(&self) -> Result<()> {
        self.refuse_work();
        let _drained = self.in_flight.write().await;
        match self.lanes.get() {
            Some(lanes) => lanes.close().await,
            None => Ok(()),
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        Ok(())
    }

    async fn lanes(&self) -> Result<&Arc<Lanes>> {
        self.lanes
            .get_or_try_init(|| async {
                let config = self.config.clone();
                off_thread(move || Lanes::open(config).map(Arc::new)).await
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
