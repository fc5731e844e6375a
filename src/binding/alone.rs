//! The handle of whoever works alone in the background.

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::bridge::Bridge;
use super::outcome::Outcome;
use crate::maintenance::alone;

#[napi]
pub struct Alone {
    core: Option<Box<dyn alone::Alone>>,
    bridge: Bridge,
}

impl Alone {
    pub fn new(core: Box<dyn alone::Alone>, bridge: Bridge) -> Self {
        Self {
            core: Some(core),
            bridge,
        }
    }
}

#[napi]
impl Alone {
    /// From when it resolves on, another process may have it.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn let_go<'env>(&mut self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let core = self.core.take();
        self.bridge.promise(env, async move {
            if let Some(core) = core {
                core.let_go().await;
            }
            Ok(())
        })
    }
}
