//! One database as an adapter uses it: an engine, the dialect it speaks, and the plans compiled
//! for it.

mod local;
mod plans;
mod remote;
mod watch;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub use plans::PlanId;
pub use watch::Report;

use self::local::Local;
use self::remote::Remote;
use self::watch::Watch;
use crate::engine::mysql::MySql;
use crate::engine::own::{Answer, Cell};
use crate::engine::postgres::Postgres;
use crate::engine::server::{Config, Isolation, Server};
pub use crate::engine::sqlite::Backup;
use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{Connections, Drained, Rows, Step};
use crate::error::{Code, Error, Result};
use crate::events::Events;
use crate::maintenance;
use crate::maintenance::alone::Alone;
use crate::query::Operation;
use crate::schema::Request;
use crate::value::Value;

/// Work that has begun: what it needs was taken before it was returned.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

pub trait Database: Send + Sync {
    /// Whether statements can run on the caller's thread at all.
    fn runs_inline(&self) -> bool;

    /// Compiles an operation's shape, whose calls are counted by these names.
    fn prepare(&self, operation: Operation, name: &str, model: &str) -> Result<PlanId>;

    fn release(&self, plan: PlanId);

    /// Runs on this thread if that cannot wait; `None` means it could, and `run` has to do it.
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>>;

    /// As `run_now`, for writes of several callers, which are committed together; each has a result
    /// of its own.
    fn run_together_now(
        &self,
        _calls: &[(PlanId, Vec<Value>)],
    ) -> Result<Option<Vec<Result<Rows>>>> {
        Ok(None)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows>;

    /// Takes nothing yet; the first write does.
    fn begin(&self, isolation: Option<Isolation>) -> Result<Arc<dyn Transaction>>;

    /// Does what is asked about the schema, and answers as JSON.
    fn manage(&self, request: Request) -> Pending<String>;

    /// Does what is asked about the database in use, and answers as JSON.
    fn maintain(&self, request: maintenance::Request) -> Pending<String>;

    /// Begins a copy to a file, where a database is one itself.
    fn backup(&self, path: &Path, overwrite: bool) -> Result<Arc<Backup>>;

    /// Runs a statement of the application's.
    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer>;

    /// What has happened so far, and who is told.
    fn watch(&self) -> &Watch;

    fn connections(&self) -> Vec<Connections>;

    /// The version of the database, from a connection that works.
    fn version(&self) -> Pending<String>;

    /// Held by one process at a time, for work in the background; none where another has it.
    fn alone(&self) -> Pending<Option<Box<dyn Alone>>>;

    /// Refuses what follows, waits for what is in flight as long as there is patience and cuts off
    /// the rest, then closes every connection.
    fn close(&self, patience: Option<Duration>) -> Pending<Drained>;
}

impl dyn Database {
    pub fn report(&self) -> Report {
        self.watch().report(self.connections())
    }

    pub fn events(&self) -> &Events {
        &self.watch().events
    }
}

pub trait Transaction: Send + Sync {
    /// As `Database::run_now`.
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>>;

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows>;

    /// Runs a statement of the application's. Those of one transaction run in the order in which
    /// they were asked for.
    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer>;

    /// Takes a step on this thread; `false` means that it could have to wait.
    fn step_now(&self, step: Step) -> Result<bool>;

    fn step(&self, step: Step) -> Pending<()>;
}

/// Options as `nativeAdapter` passes them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    /// Calls that take as long, in milliseconds, are slow.
    slow_after_ms: u64,
    database: Engine,
}

#[derive(Deserialize)]
#[serde(tag = "engine", rename_all = "camelCase")]
enum Engine {
    Sqlite(sqlite::Options),
    Postgres(Config),
    Mysql(Config),
}

/// Opens nothing yet. `options` are JSON; relative paths start at `directory`, where there is one.
pub fn open(options: &str, directory: Option<&Path>) -> Result<Arc<dyn Database>> {
    let options: Options = serde_json::from_str(options).map_err(|error| {
        Error::new(Code::Internal, "the options could not be understood").with_cause(error)
    })?;
    let watch = Watch::new(Duration::from_millis(options.slow_after_ms));
    let events = watch.events.clone();
    Ok(match options.database {
        Engine::Sqlite(options) => {
            let config = sqlite::Config::parse(options, directory)?;
            Arc::new(Local::new(Sqlite::new(config, events), watch))
        }
        Engine::Postgres(config) => {
            let driver = |address: &_| Postgres::new(address, &config);
            Arc::new(Remote::new(Server::new(&config, &events, driver), watch))
        }
        Engine::Mysql(config) => {
            let driver = |address: &_| MySql::new(address, &config);
            Arc::new(Remote::new(Server::new(&config, &events, driver), watch))
        }
    })
}
