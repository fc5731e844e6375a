//! The handle of whoever listens to a database.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;

use super::bridge::Bridge;
use super::database::to_json;
use super::outcome::Outcome;
use crate::events::Told;

/// Events that are passed on at once.
const AT_ONCE: usize = 100;

#[napi]
pub struct Listener {
    receiver: Arc<Mutex<Receiver<Told>>>,
    bridge: Bridge,
}

impl Listener {
    pub fn new(receiver: Receiver<Told>, bridge: Bridge) -> Self {
        Self {
            receiver: Arc::new(Mutex::new(receiver)),
            bridge,
        }
    }
}

#[napi]
impl Listener {
    /// Resolves, when something has happened, to a list of events, as JSON; to an empty one when
    /// there will be no more. The process does not stay alive for it.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn next<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<String>>> {
        let receiver = self.receiver.clone();
        self.bridge.promise_aside(env, async move {
            let mut told = Vec::new();
            receiver.lock().await.recv_many(&mut told, AT_ONCE).await;
            to_json(&told)
        })
    }
}
