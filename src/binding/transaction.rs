//! The handle of an open transaction.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::bridge::Bridge;
use super::convert::{Cells, Values};
use super::outcome::Outcome;
use super::own::{Answered, Given};
use crate::database::{self, PlanId};
use crate::engine::Step;

#[napi]
pub struct Transaction {
    core: Arc<dyn database::Transaction>,
    bridge: Bridge,
}

impl Transaction {
    pub fn new(core: Arc<dyn database::Transaction>, bridge: Bridge) -> Self {
        Self { core, bridge }
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

    /// Takes a step on this thread; null where it could have to wait, true when done.
    #[napi(ts_return_type = "any")]
    pub fn step_now(&self, step: TransactionStep, depth: u32) -> Outcome<Option<bool>> {
        Outcome::of(|| Ok(self.core.step_now(step.at(depth))?.then_some(true)))
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn step<'env>(
        &self,
        env: &'env Env,
        step: TransactionStep,
        depth: u32,
    ) -> Result<PromiseRaw<'env, Outcome<()>>> {
        self.bridge.promise(env, self.core.step(step.at(depth)))
    }
}
