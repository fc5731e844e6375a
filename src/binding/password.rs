//! Password hashing as `js/password.js` calls it, with passwords already checked there.

use futures_util::future::{AbortHandle, AbortRegistration, Abortable};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::bridge::Bridge;
use super::outcome::Outcome;
use crate::error::{Code, Error as CoreError, Result as CoreResult};
use crate::password::{self, Options};

#[napi]
pub struct Hasher {
    core: password::Hasher,
}

/// What `createPassword` was given, or the defaults.
#[napi(object, object_to_js = false)]
pub struct HasherOptions {
    /// As many as the process may use, if it is not said.
    pub threads: Option<u32>,
    /// Bytes.
    pub memory: f64,
    pub waiting: u32,
}

#[napi(object, object_from_js = false)]
pub struct HasherStats {
    pub kernel: &'static str,
    pub waiting: u32,
    pub hashing: u32,
    pub hashed: f64,
    pub waited_ms: f64,
    pub hashing_ms: f64,
    pub threads: u32,
    /// Bytes.
    pub memory: f64,
}

/// One with threads of its own, or else on those that all isolates share.
#[napi(ts_return_type = "any")]
pub fn open_hasher(options: HasherOptions, own: bool) -> Outcome<Hasher> {
    Outcome::of(|| {
        let options = Options {
            threads: options.threads.map(|threads| threads as usize),
            memory: options.memory as usize,
            waiting: options.waiting as usize,
        };
        let open = if own {
            password::Hasher::new
        } else {
            password::Hasher::shared
        };
        Ok(Hasher {
            core: open(&options)?,
        })
    })
}

#[napi(ts_return_type = "any")]
pub fn needs_rehash(hash: String) -> Outcome<bool> {
    Outcome::of(|| password::needs_rehash(&hash))
}

#[napi]
impl Hasher {
    #[napi(ts_return_type = "Promise<any>")]
    pub fn hash<'env>(
        &self,
        env: &'env Env,
        password: String,
        withdrawal: Option<&Withdrawal>,
    ) -> Result<PromiseRaw<'env, Outcome<String>>> {
        let hash = self.core.hash(Zeroizing::new(password));
        Bridge::of(env)?.promise(env, withdrawable(withdrawal, hash))
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn verify<'env>(
        &self,
        env: &'env Env,
        hash: String,
        password: String,
        withdrawal: Option<&Withdrawal>,
    ) -> Result<PromiseRaw<'env, Outcome<bool>>> {
        let answer = self.core.verify(&hash, Zeroizing::new(password));
        Bridge::of(env)?.promise(env, withdrawable(withdrawal, answer))
    }

    #[napi(ts_return_type = "any")]
    pub fn stats(&self) -> Outcome<HasherStats> {
        Outcome::of(|| {
            let password::Stats { kernel, hashing } = self.core.stats()?;
            Ok(HasherStats {
                kernel,
                waiting: hashing.waiting as u32,
                hashing: hashing.deriving as u32,
                hashed: hashing.done.requests as f64,
                waited_ms: hashing.done.waited.as_secs_f64() * 1e3,
                hashing_ms: hashing.done.derived.as_secs_f64() * 1e3,
                threads: hashing.threads as u32,
                memory: hashing.memory as f64,
            })
        })
    }

    #[napi(ts_return_type = "Promise<any>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Outcome<()>>> {
        let closed = self.core.close();
        Bridge::of(env)?.promise(env, async {
            closed.await;
            Ok(())
        })
    }
}

/// The way to take back one request.
#[napi]
pub struct Withdrawal {
    handle: AbortHandle,
    /// Taken by the request.
    registration: Mutex<Option<AbortRegistration>>,
}

#[napi]
impl Withdrawal {
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "only Node makes one")]
    pub fn new() -> Self {
        let (handle, registration) = AbortHandle::new_pair();
        Self {
            handle,
            registration: Mutex::new(Some(registration)),
        }
    }

    #[napi]
    pub fn withdraw(&self) {
        self.handle.abort();
    }
}

/// `work`, which is dropped, and so leaves the queue, when it is withdrawn. What that promise then
/// says is nothing that anybody waits for.
fn withdrawable<T, W: Future<Output = CoreResult<T>>>(
    withdrawal: Option<&Withdrawal>,
    work: W,
) -> impl Future<Output = CoreResult<T>> + use<T, W> {
    let registration = withdrawal.and_then(|it| it.registration.lock().take());
    async move {
        match registration {
            None => work.await,
            Some(registration) => Abortable::new(work, registration)
                .await
                .unwrap_or_else(|_| Err(CoreError::new(Code::Internal, "withdrawn"))),
        }
    }
}
