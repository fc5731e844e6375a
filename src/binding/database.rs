//! The database handle.

use std::path::Path;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::convert::{Cells, Values};
use super::outcome::{Outcome, promise};
use super::transaction::Transaction;
use crate::database::{self, PlanId};
use crate::error::{Code, Error as CoreError};
use crate::schema::Schema;

#[napi]
pub struct Database {
    core: Arc<database::Database>,
}

/// Reads the URL and the options (as JSON); opens nothing yet.
#[napi]
pub fn create_database(url: String, options: String, directory: String) -> Outcome<Database> {
    Outcome::of(|| {
        let core = database::Database::new(&url, &options, Path::new(&directory))?;
        Ok(Database {
            core: Arc::new(core),
        })
    })
}

#[napi]
impl Database {
    /// Compiles an operation's shape (as JSON) and returns the number of its plan.
    #[napi(ts_return_type = "any")]
    pub fn prepare(&self, operation: String) -> Outcome<PlanId> {
        Outcome::of(|| self.core.prepare(&operation))
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
        let core = self.core.clone();
        // Now, not when the work starts: the plan may be released in between.
        let statement = core.statement(plan);
        let in_flight = core.enter();
        promise(env, async move {
            core.run(in_flight?, statement?, values.0).await.map(Cells)
        })
    }

    /// Begins a transaction on this thread; null where it could have to wait.
    #[napi(ts_return_type = "any")]
    pub fn begin_now(&self) -> Outcome<Option<Transaction>> {
        Outcome::of(|| {
            let begun = self.core.begin_now()?;
            Ok(begun.map(|transaction| Transaction::new(&self.core, transaction)))
        })
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn begin<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<Transaction>>> {
        let core = self.core.clone();
        let in_flight = core.enter();
        promise(env, async move {
            let transaction = core.begin(in_flight?).await?;
            Ok(Transaction::new(&core, transaction))
        })
    }

    /// Brings the database to the schema (as JSON); resolves to the statements that were run.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn migrate<'env>(
        &self,
        env: &'env Env,
        schema: String,
    ) -> Result<PromiseRaw<'env, Outcome<Vec<String>>>> {
        let core = self.core.clone();
        let in_flight = core.enter();
        promise(env, async move {
            core.migrate(in_flight?, parse_schema(&schema)?).await
        })
    }

    /// Resolves to the statements `migrate` would run.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn plan<'env>(
        &self,
        env: &'env Env,
        schema: String,
    ) -> Result<PromiseRaw<'env, Outcome<Vec<String>>>> {
        let core = self.core.clone();
        let in_flight = core.enter();
        promise(env, async move {
            core.plan(in_flight?, parse_schema(&schema)?).await
        })
    }

    /// Refuses what follows, waits for what is in flight, then closes every connection.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let core = self.core.clone();
        core.refuse_work();
        promise(env, async move { core.close().await })
    }
}

fn parse_schema(schema: &str) -> crate::error::Result<Schema> {
    serde_json::from_str(schema).map_err(|error| {
        CoreError::new(Code::Internal, "the schema could not be understood").with_cause(error)
    })
}
