//! The handle of a copy that is under way.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::bridge::Bridge;
use super::outcome::Outcome;
use crate::database;

#[napi]
pub struct Backup {
    core: Arc<database::Backup>,
    bridge: Bridge,
}

impl Backup {
    pub fn new(core: Arc<database::Backup>, bridge: Bridge) -> Self {
        Self { core, bridge }
    }
}

#[napi]
impl Backup {
    /// Resolves to `[copied, total, done]`, in pages; the copy is in its place when it is done.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn step<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<Steps>>> {
        let core = self.core.clone();
        self.bridge.promise(env, async move {
            let step = core.step().await?;
            Ok(vec![step.copied, step.total, u32::from(step.done)])
        })
    }

    /// Resolves when nothing is left of a copy that was not finished.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn cancel<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let core = self.core.clone();
        self.bridge.promise(env, async move {
            core.cancel().await;
            Ok(())
        })
    }
}

type Steps = Vec<u32>;
