//! One database as an adapter uses it: an engine, the dialect it speaks, and the plans compiled
//! for it.

mod local;
mod plans;
mod remote;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use serde::Deserialize;

pub use plans::PlanId;

use self::local::Local;
use self::remote::Remote;
use crate::engine::mysql::MySql;
use crate::engine::postgres::Postgres;
use crate::engine::server::{Config, Isolation, Server};
pub use crate::engine::sqlite::Backup;
use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{Rows, Step};
use crate::error::{Code, Error, Result};
use crate::maintenance;
use crate::query::Operation;
use crate::schema::Request;
use crate::value::Value;

/// Work that has begun: what it needs was taken before it was returned.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

pub trait Database: Send + Sync {
    /// Whether statements can run on the caller's thread at all.
    fn runs_inline(&self) -> bool;

    /// Compiles an operation's shape.
    fn prepare(&self, operation: Operation) -> Result<PlanId>;

    fn release(&self, plan: PlanId);

    /// Runs on this thread if that cannot wait; `None` means it could, and `run` has to do it.
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>>;

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows>;

    /// Takes nothing yet; the first write does.
    fn begin(&self, isolation: Option<Isolation>) -> Result<Arc<dyn Transaction>>;

    /// Does what is asked about the schema, and answers as JSON.
    fn manage(&self, request: Request) -> Pending<String>;

    /// Does what is asked about the database in use, and answers as JSON.
    fn maintain(&self, request: maintenance::Request) -> Pending<String>;

    /// Begins a copy to a file, where a database is one itself.
    fn backup(&self, path: &Path, overwrite: bool) -> Result<Arc<Backup>>;

    /// Runs one statement as it is: the names of its columns, and the cells of its rows.
    fn query(&self, sql: String, values: Vec<Value>) -> Pending<(Vec<String>, Rows)>;

    /// Refuses what follows, waits for what is in flight, then closes every connection.
    fn close(&self) -> Pending<()>;
}

pub trait Transaction: Send + Sync {
    /// As `Database::run_now`.
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>>;

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows>;

    /// Takes a step on this thread; `false` means that it could have to wait.
    fn step_now(&self, step: Step) -> Result<bool>;

    fn step(&self, step: Step) -> Pending<()>;
}

/// Options as `nativeAdapter` passes them.
#[derive(Deserialize)]
#[serde(tag = "engine", rename_all = "camelCase")]
enum Options {
    Sqlite(sqlite::Options),
    Postgres(Config),
    Mysql(Config),
}

/// Opens nothing yet. `options` are JSON; relative paths start at `directory`.
pub fn open(options: &str, directory: &Path) -> Result<Arc<dyn Database>> {
    let options: Options = serde_json::from_str(options).map_err(|error| {
        Error::new(Code::Internal, "the options could not be understood").with_cause(error)
    })?;
    Ok(match options {
        Options::Sqlite(options) => {
            let config = sqlite::Config::parse(options, directory)?;
            Arc::new(Local::new(Sqlite::new(config)))
        }
        Options::Postgres(config) => Arc::new(Remote::new(Server::new(&config, |address| {
            Postgres::new(address, &config)
        }))),
        Options::Mysql(config) => Arc::new(Remote::new(Server::new(&config, |address| {
            MySql::new(address, &config)
        }))),
    })
}
