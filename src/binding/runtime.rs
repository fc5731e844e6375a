//! Where work goes on after it has had to wait: the threads of one runtime, which all environments
//! share.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    // Node unloads an addon with the worker thread that loaded it; this one has threads of its own.
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    Builder::new_multi_thread()
        .worker_threads(threads())
        .thread_name("better-auth-native")
        .enable_all()
        .build()
        .expect("the operating system has a thread for the database")
});

/// What is done between two waits takes microseconds, about as long as what JavaScript does about a
/// call, so half of the cores keep up with event loops on the others.
fn threads() -> usize {
    let cores = available_parallelism().map_or(1, NonZero::get);
    (cores / 2).max(1)
}

/// Begins `work` on this thread, and goes as far there as it can without waiting: a query is sent
/// before another thread has woken up.
pub fn begin_here(work: impl Future<Output = ()> + Send + 'static) {
    let wake = |runnable: async_task::Runnable| {
        RUNTIME.spawn(async move {
            runnable.run();
        });
    };
    let (runnable, task) = async_task::spawn(work, wake);
    task.detach();
    let _context = RUNTIME.enter();
    runnable.run();
}

/// Does at once what knows the runtime.
pub fn inside<T>(work: impl FnOnce() -> T) -> T {
    let _context = RUNTIME.enter();
    work()
}

/// Begins `work` on a thread of the runtime.
pub fn begin_there(work: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(work);
}
