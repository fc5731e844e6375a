//! Work that takes time, as promises of one environment.
//!
//! An environment has one threadsafe function. What has finished waits in a queue, and one wake-up
//! of the environment's thread settles all that is in it. napi's own promises have a threadsafe
//! function each, and a wake-up each.
//!
//! Figures: docs/performance.md, "Crossing the border".

use std::ffi::c_void;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use napi::bindgen_prelude::*;
use napi::{JsError, check_status, sys};
use parking_lot::Mutex;

use super::outcome::{Outcome, panicked};
use super::runtime;
use crate::error::Result as CoreResult;

/// Calls under way of which each may take the time to begin on the environment's own thread. With
/// more of them, the event loop has enough to do, and the runtime is awake anyway.
const FEW: usize = 8;

#[derive(Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
}

struct Shared {
    /// Promises that hold the process and are not settled yet. Only the environment's thread counts them.
    pending: AtomicUsize,
    /// Held for no longer than a look at it takes: the event loop waits for it too.
    finished: Mutex<Vec<Finished>>,
    /// Set as soon as it is made. It is there as long as the environment: the environment's own
    /// thread may call it at any time, other threads while they hold `ended` and it is false.
    function: OnceLock<Function>,
    /// Whoever wakes the event loop is often put aside for it at once. So this is not held together
    /// with `finished`, and the event loop takes it only when its environment ends.
    ended: Mutex<bool>,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API lets every thread call a threadsafe function, and they do so under `ended`.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

struct Finished {
    /// Whether the process stays alive for it.
    held: bool,
    deferred: Deferred,
    value: Box<dyn FnOnce(sys::napi_env) -> Result<sys::napi_value> + Send>,
}

struct Deferred(sys::napi_deferred);

// SAFETY: other threads only carry it; the environment's thread settles it.
unsafe impl Send for Deferred {}

impl Bridge {
    /// The environment's bridge, which is made with its first use.
    pub fn of(env: &Env) -> Result<Self> {
        if let Some(bridge) = env.get_instance_data::<Self>()? {
            return Ok(bridge.clone());
        }
        let shared = Arc::new(Shared {
            pending: AtomicUsize::new(0),
            finished: Mutex::default(),
            function: OnceLock::new(),
            ended: Mutex::new(false),
        });
        let function = function(env, shared.clone())?;
        shared.function.get_or_init(|| function);
        let bridge = Self { shared };
        env.set_instance_data(bridge.clone(), (), |_| {})?;
        Ok(bridge)
    }

    /// Begins `work`; the promise is of its outcome. The process stays alive for it.
    pub fn promise<'env, T>(
        &self,
        env: &'env Env,
        work: impl Future<Output = CoreResult<T>> + Send + 'static,
    ) -> Result<PromiseRaw<'env, Outcome<T>>>
    where
        T: ToNapiValue + Send + 'static,
    {
        self.begin(env, true, work)
    }

    /// As `promise`, but the process does not stay alive for it.
    pub fn promise_aside<'env, T>(
        &self,
        env: &'env Env,
        work: impl Future<Output = CoreResult<T>> + Send + 'static,
    ) -> Result<PromiseRaw<'env, Outcome<T>>>
    where
        T: ToNapiValue + Send + 'static,
    {
        self.begin(env, false, work)
    }

    fn begin<'env, T>(
        &self,
        env: &'env Env,
        held: bool,
        work: impl Future<Output = CoreResult<T>> + Send + 'static,
    ) -> Result<PromiseRaw<'env, Outcome<T>>>
    where
        T: ToNapiValue + Send + 'static,
    {
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is live, and both are written before they are used.
        check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
        if held {
            self.hold_one(env);
        }
        let (shared, deferred) = (self.shared.clone(), Deferred(deferred));
        let work = async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = Outcome(outcome.unwrap_or_else(|panic| Err(panicked(&*panic))));
            shared.finish(Finished {
                held,
                deferred,
                // SAFETY: the environment's thread passes its environment.
                value: Box::new(|env| unsafe { Outcome::to_napi_value(env, outcome) }),
            });
        };
        if self.shared.pending.load(Ordering::Relaxed) <= FEW {
            runtime::begin_here(work);
        } else {
            runtime::begin_there(work);
        }
        Ok(PromiseRaw::new(env.raw(), promise))
    }

    fn hold_one(&self, env: &Env) {
        if self.shared.pending.fetch_add(1, Ordering::Relaxed) == 0
            && let Some(Function(function)) = self.shared.function.get()
        {
            // SAFETY: `env` is live and this is its thread, so the function is there.
            unsafe { sys::napi_ref_threadsafe_function(env.raw(), *function) };
        }
    }
}

/// A threadsafe function that keeps no process alive by itself.
fn function(env: &Env, shared: Arc<Shared>) -> Result<Function> {
    let name = env.create_string("better-auth-native")?;
    let context = Arc::into_raw(shared).cast_mut().cast();
    let mut function = ptr::null_mut();
    // SAFETY: `env` is live; the context is one count of an `Arc`, which `end` takes back.
    check_status!(unsafe {
        sys::napi_create_threadsafe_function(
            env.raw(),
            ptr::null_mut(),
            ptr::null_mut(),
            name.raw(),
            0,
            1,
            context,
            Some(end),
            context,
            Some(settle),
            &mut function,
        )
    })?;
    // SAFETY: it has just been made, on the thread of `env`.
    check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), function) })?;
    Ok(Function(function))
}

impl Shared {
    fn finish(&self, one: Finished) {
        let mut finished = self.finished.lock();
        finished.push(one);
        let is_first = finished.len() == 1;
        drop(finished);
        // The others are settled with the first.
        if is_first {
            self.wake();
        }
    }

    fn wake(&self) {
        let ended = self.ended.lock();
        if !*ended && let Some(Function(function)) = self.function.get() {
            // SAFETY: `end` waits for the lock before the function goes.
            unsafe {
                sys::napi_call_threadsafe_function(
                    *function,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
        }
    }
}

/// Settles what has finished.
unsafe extern "C" fn settle(
    env: sys::napi_env,
    _callback: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    // Without an environment, it is ending.
    if env.is_null() {
        return;
    }
    // SAFETY: the function holds a count of this `Arc` until `end`.
    let shared = unsafe { &*context.cast::<Shared>() };
    let finished = take(&mut *shared.finished.lock());
    let count = finished.iter().filter(|one| one.held).count();
    for one in finished {
        // SAFETY: Node calls with a live environment, on its thread.
        unsafe { settle_one(env, one) };
    }
    if count > 0
        && shared.pending.fetch_sub(count, Ordering::Relaxed) == count
        && let Some(Function(function)) = shared.function.get()
    {
        // SAFETY: as above, and the function is being called.
        unsafe { sys::napi_unref_threadsafe_function(env, *function) };
    }
}

/// # Safety
/// `env` is live, this is its thread, and the promise is one of its own.
unsafe fn settle_one(env: sys::napi_env, finished: Finished) {
    let Finished {
        deferred, value, ..
    } = finished;
    let mut scope = ptr::null_mut();
    // SAFETY: as this function demands; what is made in the scope is not used after it. Where the
    // environment takes no more calls, nobody waits for the promise.
    unsafe {
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| value(env))) {
            Ok(Ok(value)) => sys::napi_resolve_deferred(env, deferred.0, value),
            Ok(Err(error)) => {
                let error = JsError::from(error).into_value(env);
                sys::napi_reject_deferred(env, deferred.0, error)
            }
            Err(panic) => {
                let outcome: Outcome<()> = Outcome(Err(panicked(&*panic)));
                match Outcome::to_napi_value(env, outcome) {
                    Ok(value) => sys::napi_resolve_deferred(env, deferred.0, value),
                    Err(_) => sys::Status::napi_ok,
                }
            }
        };
        sys::napi_close_handle_scope(env, scope);
    }
}

/// The environment has ended: nobody waits for what is still under way.
unsafe extern "C" fn end(_env: sys::napi_env, context: *mut c_void, _hint: *mut c_void) {
    // SAFETY: Node calls this once, and the count is the function's.
    let shared = unsafe { Arc::from_raw(context.cast::<Shared>().cast_const()) };
    *shared.ended.lock() = true;
    let left = take(&mut *shared.finished.lock());
    drop(left);
}
