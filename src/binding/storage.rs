//! The handles of secondary storages. Keys and values are checked in `js/storage/`; how long an
//! entry lives is in milliseconds, and not there where it lives for ever.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::bridge::Bridge;
use super::database::parse;
use super::outcome::Outcome;
use crate::error::{Code, Error as CoreError, Result as CoreResult};
use crate::storage::Lifetime;
use crate::storage::memory::{self, Memory};
use crate::storage::redis::{self, Condition, Redis};

/// Answers on the calling thread.
#[napi]
pub struct MemoryStorage {
    /// Until it is closed.
    core: Option<Arc<Memory>>,
}

#[napi(object, object_from_js = false)]
pub struct MemoryStats {
    pub entries: f64,
    pub bytes: f64,
    pub max_entries: f64,
    pub max_bytes: f64,
    pub hits: f64,
    pub misses: f64,
    pub expired: f64,
    pub evicted: f64,
}

/// Reads the limits (as JSON). With a name, it is the one that all threads share; `asked` tells
/// whether the limits are more than defaults.
#[napi(ts_return_type = "any")]
pub fn open_memory(limits: String, shared: Option<String>, asked: bool) -> Outcome<MemoryStorage> {
    Outcome::of(|| {
        let limits = parse("the limits", &limits)?;
        let core = match shared {
            Some(name) => Memory::shared(&name, limits, asked)?,
            None => Arc::new(Memory::new(limits)),
        };
        Ok(MemoryStorage { core: Some(core) })
    })
}

impl MemoryStorage {
    fn run<T>(&self, work: impl FnOnce(&Memory) -> CoreResult<T>) -> Outcome<T> {
        Outcome::of(|| match &self.core {
            Some(core) => work(core),
            None => Err(CoreError::new(Code::Closed, "the memoryStorage is closed")),
        })
    }
}

#[napi]
impl MemoryStorage {
    #[napi(ts_return_type = "any")]
    pub fn get(&self, key: String) -> Outcome<Option<String>> {
        self.run(|memory| Ok(memory.get(&key)))
    }

    #[napi(ts_return_type = "any")]
    pub fn set(&self, key: String, value: String, lifetime: Option<f64>) -> Outcome<()> {
        self.run(|memory| memory.set(&key, value, Lifetime::of(lifetime)))
    }

    #[napi(ts_return_type = "any")]
    pub fn delete(&self, key: String) -> Outcome<()> {
        self.run(|memory| {
            memory.delete(&key);
            Ok(())
        })
    }

    #[napi(ts_return_type = "any")]
    pub fn get_and_delete(&self, key: String) -> Outcome<Option<String>> {
        self.run(|memory| Ok(memory.get_and_delete(&key)))
    }

    #[napi(ts_return_type = "any")]
    pub fn increment(&self, key: String, lifetime: f64) -> Outcome<i64> {
        self.run(|memory| memory.increment(&key, Lifetime::of(Some(lifetime))))
    }

    #[napi(ts_return_type = "any")]
    pub fn contains(&self, key: String) -> Outcome<bool> {
        self.run(|memory| Ok(memory.contains(&key)))
    }

    #[napi(ts_return_type = "any")]
    pub fn stats(&self) -> Outcome<MemoryStats> {
        self.run(|memory| {
            let memory::Stats {
                entries,
                bytes,
                limits,
                counts,
            } = memory.stats();
            Ok(MemoryStats {
                entries: entries as f64,
                bytes: bytes as f64,
                max_entries: limits.max_entries as f64,
                max_bytes: limits.max_bytes as f64,
                hits: counts.hits as f64,
                misses: counts.misses as f64,
                expired: counts.expired as f64,
                evicted: counts.evicted as f64,
            })
        })
    }

    /// What it holds goes, unless it is shared and open elsewhere.
    #[napi(ts_return_type = "any")]
    pub fn close(&mut self) -> Outcome<()> {
        self.core = None;
        Outcome(Ok(()))
    }
}

#[napi]
pub struct RedisStorage {
    core: Redis,
    bridge: Bridge,
}

#[napi(object, object_from_js = false)]
pub struct RedisStats {
    pub state: &'static str,
    pub pending: f64,
    pub answered: f64,
    pub failed: f64,
    pub connections: f64,
}

/// Reads the options (as JSON); connects to nothing yet.
#[napi]
pub fn open_redis(env: &Env, options: String) -> Result<Outcome<RedisStorage>> {
    let bridge = Bridge::of(env)?;
    Ok(Outcome::of(|| {
        let core = Redis::open(&parse("the options", &options)?)?;
        Ok(RedisStorage { core, bridge })
    }))
}

#[napi]
impl RedisStorage {
    #[napi(ts_return_type = "Promise<any>")]
    pub fn get<'env>(
        &self,
        env: &'env Env,
        key: String,
    ) -> Result<PromiseRaw<'env, Outcome<Option<String>>>> {
        self.bridge.promise(env, self.core.get(&key))
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn set<'env>(
        &self,
        env: &'env Env,
        key: String,
        value: String,
        lifetime: Option<f64>,
    ) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let done = self.core.set(&key, &value, Lifetime::of(lifetime));
        self.bridge.promise(env, done)
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        key: String,
    ) -> Result<PromiseRaw<'env, Outcome<()>>> {
        self.bridge.promise(env, self.core.delete(&key))
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn get_and_delete<'env>(
        &self,
        env: &'env Env,
        key: String,
    ) -> Result<PromiseRaw<'env, Outcome<Option<String>>>> {
        self.bridge.promise(env, self.core.get_and_delete(&key))
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn increment<'env>(
        &self,
        env: &'env Env,
        key: String,
        lifetime: f64,
    ) -> Result<PromiseRaw<'env, Outcome<i64>>> {
        let count = self.core.increment(&key, Lifetime::of(Some(lifetime)));
        self.bridge.promise(env, count)
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn contains<'env>(
        &self,
        env: &'env Env,
        key: String,
    ) -> Result<PromiseRaw<'env, Outcome<bool>>> {
        self.bridge.promise(env, self.core.contains(&key))
    }

    /// Resolves to the milliseconds that an answer takes.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn ping<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<f64>>> {
        let answer = self.core.ping();
        self.bridge
            .promise(env, async move { Ok(answer.await?.as_secs_f64() * 1e3) })
    }

    #[napi(ts_return_type = "any")]
    pub fn stats(&self) -> Outcome<RedisStats> {
        Outcome::of(|| {
            let redis::Stats {
                condition,
                pending,
                answered,
                failed,
                connections,
            } = self.core.stats();
            Ok(RedisStats {
                state: match condition {
                    Condition::Unconnected => "unconnected",
                    Condition::Connecting => "connecting",
                    Condition::Connected => "connected",
                    Condition::Away => "away",
                },
                pending: pending as f64,
                answered: answered as f64,
                failed: failed as f64,
                connections: connections as f64,
            })
        })
    }

    /// Refuses what follows, waits for what is in flight, then closes the connection.
    #[napi(ts_return_type = "Promise<any>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        self.bridge.promise(env, self.core.close())
    }
}
