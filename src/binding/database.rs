//! The database handle.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::alone::Alone;
use super::backup::Backup;
use super::bridge::Bridge;
use super::convert::{Cells, Values, ValuesOfEach};
use super::listener::Listener;
use super::outcome::Outcome;
use super::own::{Answered, Given};
use super::runtime;
use super::transaction::Transaction;
use crate::database::{self, PlanId};
use crate::engine::{Drained, sqlite};
use crate::error::{Code, Error as CoreError};

#[napi]
pub struct Database {
    core: Arc<dyn database::Database>,
    bridge: Bridge,
}

/// The name of the file that a URL of SQLite's means, without its folders.
#[napi(ts_return_type = "any")]
pub fn sqlite_file_name(url: String) -> Outcome<String> {
    Outcome::of(|| sqlite::file_name(&url))
}

/// Reads the options (as JSON); opens nothing yet. Without the process's working directory no
/// relative path can be used.
#[napi]
pub fn open_database(
    env: &Env,
    options: String,
    directory: Option<String>,
) -> Result<Outcome<Database>> {
    let bridge = Bridge::of(env)?;
    Ok(Outcome::of(|| {
        let core = database::open(&options, directory.as_deref().map(Path::new))?;
        Ok(Database { core, bridge })
    }))
}

#[napi]
impl Database {
    /// Whether `runNow` can ever give a result.
    #[napi(getter)]
    pub fn runs_inline(&self) -> bool {
        self.core.runs_inline()
    }

    /// Compiles an operation's shape (as JSON) and returns the number of its plan. Its calls are
    /// counted by the names.
    #[napi(ts_return_type = "any")]
    pub fn prepare(&self, operation: String, name: String, model: String) -> Outcome<PlanId> {
        Outcome::of(|| {
            let operation = parse("an operation", &operation)?;
            self.core.prepare(operation, &name, &model)
        })
    }

    #[napi]
    pub fn release(&self, plan: PlanId) {
        self.core.release(plan);
    }

    /// Runs a plan on this thread; null where it could have to wait.
    #[napi(ts_return_type = "any")]
    pub fn run_now(
        &self,
        plan: PlanId,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Outcome<Option<Cells>> {
        Outcome::of(|| Ok(self.core.run_now(plan, &values.0)?.map(Cells)))
    }

    /// Runs writes of several callers on this thread, which commit together; null where that could
    /// have to wait, and then nothing was done. The result is a result for each.
    #[napi(ts_return_type = "any")]
    pub fn run_together_now(
        &self,
        plans: Vec<PlanId>,
        #[napi(ts_arg_type = "unknown[][]")] values: ValuesOfEach,
    ) -> Outcome<Option<Vec<Outcome<Cells>>>> {
        Outcome::of(|| {
            let Some(values) = values.0 else {
                return Ok(None);
            };
            let calls: Vec<_> = plans.into_iter().zip(values).collect();
            let results = self.core.run_together_now(&calls)?;
            Ok(results.map(|results| {
                let outcomes = results.into_iter().map(|result| Outcome(result.map(Cells)));
                outcomes.collect()
            }))
        })
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        plan: PlanId,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Result<PromiseRaw<'env, Outcome<Cells>>> {
        let pending = self.core.run(plan, values.0);
        self.bridge
            .promise(env, async move { pending.await.map(Cells) })
    }

    /// As `run`, and the process does not stay alive for it.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn run_aside<'env>(
        &self,
        env: &'env Env,
        plan: PlanId,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Result<PromiseRaw<'env, Outcome<Cells>>> {
        let pending = self.core.run(plan, values.0);
        self.bridge
            .promise_aside(env, async move { pending.await.map(Cells) })
    }

    /// Begins a transaction, which takes what it needs at its first write. `isolation` is one of
    /// the names that SQL has, in camel case.
    #[napi(ts_return_type = "any")]
    pub fn begin(&self, isolation: Option<String>) -> Outcome<Transaction> {
        Outcome::of(|| {
            let isolation = isolation
                .map(|name| parse("an isolation level", &format!("\"{name}\"")))
                .transpose()?;
            let core = self.core.begin(isolation)?;
            Ok(Transaction::new(core, self.bridge.clone()))
        })
    }

    /// Does what is asked about the schema (as JSON); resolves to the answer, as JSON. Where it is
    /// asked `aside`, the process does not stay alive for it.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn manage<'env>(
        &self,
        env: &'env Env,
        request: String,
        aside: Option<bool>,
    ) -> Result<PromiseRaw<'env, Outcome<String>>> {
        let pending = parse("the request", &request).map(|request| self.core.manage(request));
        let answer = async move { pending?.await };
        if aside == Some(true) {
            self.bridge.promise_aside(env, answer)
        } else {
            self.bridge.promise(env, answer)
        }
    }

    /// Does what is asked about the database in use (as JSON); resolves to the answer, as JSON.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn maintain<'env>(
        &self,
        env: &'env Env,
        request: String,
    ) -> Result<PromiseRaw<'env, Outcome<String>>> {
        let pending = parse("the request", &request).map(|request| self.core.maintain(request));
        self.bridge.promise(env, async move { pending?.await })
    }

    /// Begins a copy to that file; nothing is done before its first step.
    #[napi(ts_return_type = "any")]
    pub fn backup(&self, path: String, overwrite: bool) -> Outcome<Backup> {
        Outcome::of(|| {
            let core = runtime::inside(|| self.core.backup(Path::new(&path), overwrite))?;
            Ok(Backup::new(core, self.bridge.clone()))
        })
    }

    /// Runs a statement of the application's; resolves to what it gave.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn query<'env>(
        &self,
        env: &'env Env,
        sql: String,
        #[napi(ts_arg_type = "unknown[]")] values: Given,
    ) -> Result<PromiseRaw<'env, Outcome<Answered>>> {
        let pending = self.core.query(sql.into(), values.0.into());
        self.bridge
            .promise(env, async move { pending.await.map(Answered) })
    }

    /// What has been counted, and how the connections are, as JSON.
    #[napi(ts_return_type = "any")]
    pub fn metrics(&self) -> Outcome<String> {
        Outcome::of(|| to_json(&self.core.report()))
    }

    /// Resolves to the version of the database, from a connection that works.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn version<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<String>>> {
        self.bridge.promise(env, self.core.version())
    }

    /// Events from now on. Who listened before hears no more.
    #[napi]
    pub fn listen(&self) -> Listener {
        Listener::new(self.core.events().listen(), self.bridge.clone())
    }

    /// Resolves to what one process has at a time, or to null where another one has it. The
    /// process does not stay alive for it.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn alone<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<Option<Alone>>>> {
        let (pending, bridge) = (self.core.alone(), self.bridge.clone());
        self.bridge.promise_aside(env, async move {
            let alone = pending.await?;
            Ok(alone.map(|core| Alone::new(core, bridge)))
        })
    }

    /// Refuses what follows, waits for what is in flight, for so many milliseconds where they are
    /// told, cuts off the rest, then closes every connection. Resolves to how many came to their
    /// end, and how many were cut off.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn close<'env>(
        &self,
        env: &'env Env,
        patience: Option<u32>,
    ) -> Result<PromiseRaw<'env, Outcome<Vec<u32>>>> {
        let patience = patience.map(|milliseconds| Duration::from_millis(milliseconds.into()));
        let closing = self.core.close(patience);
        self.bridge.promise(env, async move {
            let Drained { drained, cut } = closing.await?;
            Ok(vec![drained as u32, cut as u32])
        })
    }
}

pub fn parse<T: DeserializeOwned>(what: &str, json: &str) -> crate::error::Result<T> {
    serde_json::from_str(json).map_err(|error| {
        CoreError::new(Code::Internal, format!("{what} could not be understood")).with_cause(error)
    })
}

pub fn to_json(value: &impl Serialize) -> crate::error::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| CoreError::new(Code::Internal, "no answer").with_cause(error))
}
