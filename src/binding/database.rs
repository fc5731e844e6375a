//! The database handle.

use std::path::Path;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use serde::de::DeserializeOwned;

use super::backup::Backup;
use super::bridge::Bridge;
use super::convert::{Cells, Values};
use super::outcome::Outcome;
use super::runtime;
use super::transaction::Transaction;
use crate::database::{self, PlanId};
use crate::error::{Code, Error as CoreError};
use crate::value::Value;

#[napi]
pub struct Database {
    core: Arc<dyn database::Database>,
    bridge: Bridge,
}

/// Reads the options (as JSON); opens nothing yet.
#[napi]
pub fn open_database(env: &Env, options: String, directory: String) -> Result<Outcome<Database>> {
    let bridge = Bridge::of(env)?;
    Ok(Outcome::of(|| {
        let core = database::open(&options, Path::new(&directory))?;
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

    /// Compiles an operation's shape (as JSON) and returns the number of its plan.
    #[napi(ts_return_type = "any")]
    pub fn prepare(&self, operation: String) -> Outcome<PlanId> {
        Outcome::of(|| self.core.prepare(parse("an operation", &operation)?))
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

    /// Does what is asked about the schema (as JSON); resolves to the answer, as JSON.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn manage<'env>(
        &self,
        env: &'env Env,
        request: String,
    ) -> Result<PromiseRaw<'env, Outcome<String>>> {
        let pending = parse("the request", &request).map(|request| self.core.manage(request));
        self.bridge.promise(env, async move { pending?.await })
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

    /// Runs one statement as it is; resolves to the names of its columns, and the cells of
    /// its rows.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn query<'env>(
        &self,
        env: &'env Env,
        sql: String,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Result<PromiseRaw<'env, Outcome<Cells>>> {
        let pending = self.core.query(sql, values.0);
        self.bridge.promise(env, async move {
            let (columns, cells) = pending.await?;
            let columns = columns.into_iter().map(Value::Text).collect();
            Ok(Cells(vec![Value::List(columns), Value::List(cells)]))
        })
    }

    /// Refuses what follows, waits for what is in flight, then closes every connection.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        self.bridge.promise(env, self.core.close())
    }
}

pub fn parse<T: DeserializeOwned>(what: &str, json: &str) -> crate::error::Result<T> {
    serde_json::from_str(json).map_err(|error| {
        CoreError::new(Code::Internal, format!("{what} could not be understood")).with_cause(error)
    })
}
