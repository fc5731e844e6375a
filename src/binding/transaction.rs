//! The handle of an open transaction.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::convert::{Cells, Values};
use super::outcome::{Outcome, promise};
use crate::database::{Database, PlanId};
use crate::engine::{self, Step};

#[napi]
pub struct Transaction {
    database: Arc<Database>,
    core: Arc<engine::Transaction>,
}

impl Transaction {
    pub fn new(database: &Arc<Database>, transaction: engine::Transaction) -> Self {
        Self {
            database: database.clone(),
            core: Arc::new(transaction),
        }
    }
}

/// What moves a transaction along.
#[napi(string_enum)]
pub enum TransactionStep {
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
}

impl TransactionStep {
    fn at(self, depth: u32) -> Step {
        match self {
            Self::Commit => Step::Commit,
            Self::Rollback => Step::Rollback,
            Self::Savepoint => Step::Savepoint(depth),
            Self::Release => Step::Release(depth),
            Self::RollbackTo => Step::RollbackTo(depth),
        }
    }
}

#[napi]
impl Transaction {
    /// Runs a plan on this thread; null where it could have to wait.
    #[napi(ts_return_type = "any")]
    pub fn run_now(
        &self,
        plan: PlanId,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Outcome<Option<Cells>> {
        Outcome::of(|| {
            let statement = self.database.statement(plan)?;
            Ok(self
                .core
                .run_now(&statement, &values.0)
                .transpose()?
                .map(Cells))
        })
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        plan: PlanId,
        #[napi(ts_arg_type = "unknown[]")] values: Values,
    ) -> Result<PromiseRaw<'env, Outcome<Cells>>> {
        let core = self.core.clone();
        let statement = self.database.statement(plan);
        promise(env, async move {
            core.run(statement?, values.0).await.map(Cells)
        })
    }

    /// Takes a step on this thread; null where it could have to wait, true when done.
    #[napi(ts_return_type = "any")]
    pub fn step_now(&self, step: TransactionStep, depth: u32) -> Outcome<Option<bool>> {
        Outcome::of(|| {
            Ok(self
                .core
                .step_now(step.at(depth))
                .transpose()?
                .map(|()| true))
        })
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn step<'env>(
        &self,
        env: &'env Env,
        step: TransactionStep,
        depth: u32,
    ) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let core = self.core.clone();
        promise(env, async move { core.step(step.at(depth)).await })
    }
}
