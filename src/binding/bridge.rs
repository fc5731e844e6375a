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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
pub struct Bridge(Arc<Shared>);

struct Shared {
    /// Promises that are not settled yet. Only the environment's thread counts them.
    pending: AtomicUsize,
    queue: Mutex<Queue>,
}

struct Queue {
    /// None when the environment has ended.
    wake: Option<Function>,
    finished: Vec<Finished>,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API lets every thread call a threadsafe function, and it is there as long as it is
// in the queue, which whoever calls it has locked.
unsafe impl Send for Function {}

struct Finished {
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
        let bridge = Self(Arc::new(Shared {
            pending: AtomicUsize::new(0),
            queue: Mutex::new(Queue {
                wake: None,
                finished: Vec::new(),
            }),
        }));
        bridge.0.queue.lock().wake = Some(function(env, bridge.0.clone())?);
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
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is live, and both are written before they are used.
        check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
        self.begin_one(env);
        let (shared, deferred) = (self.0.clone(), Deferred(deferred));
        let work = async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = Outcome(outcome.unwrap_or_else(|panic| Err(panicked(&*panic))));
            shared.finish(Finished {
                deferred,
                // SAFETY: the environment's thread passes its environment.
                value: Box::new(|env| unsafe { Outcome::to_napi_value(env, outcome) }),
            });
        };
        if self.0.pending.load(Ordering::Relaxed) <= FEW {
            runtime::begin_here(work);
        } else {
            runtime::begin_there(work);
        }
        Ok(PromiseRaw::new(env.raw(), promise))
    }

    fn begin_one(&self, env: &Env) {
        if self.0.pending.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        if let Some(Function(function)) = self.0.queue.lock().wake {
            // SAFETY: `env` is live and this is its thread, so the function is there.
            unsafe { sys::napi_ref_threadsafe_function(env.raw(), function) };
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
    fn finish(&self, finished: Finished) {
        let mut queue = self.queue.lock();
        let Some(Function(function)) = queue.wake else {
            return;
        };
        if queue.finished.is_empty() {
            // SAFETY: `end` takes the function out of the queue before it is gone, and the queue
            // is locked.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
        }
        queue.finished.push(finished);
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
    let finished = take(&mut shared.queue.lock().finished);
    let count = finished.len();
    for one in finished {
        // SAFETY: Node calls with a live environment, on its thread.
        unsafe { settle_one(env, one) };
    }
    if shared.pending.fetch_sub(count, Ordering::Relaxed) == count
        && let Some(Function(function)) = shared.queue.lock().wake
    {
        // SAFETY: as above, and the function is being called.
        unsafe { sys::napi_unref_threadsafe_function(env, function) };
    }
}

/// # Safety
/// `env` is live, this is its thread, and the promise is one of its own.
unsafe fn settle_one(env: sys::napi_env, Finished { deferred, value }: Finished) {
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
    let left = {
        let mut queue = shared.queue.lock();
        queue.wake = None;
        take(&mut queue.finished)
    };
    drop(left);
}
