//! Whether a database still takes work, what it has to wait for before it closes, and what it cuts
//! off where that takes too long.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::error::{Code, Error, Result};

/// How long what was cut off may take to let go of what it holds.
const LETTING_GO: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Gate(Arc<Inside>);

struct Inside {
    closed: AtomicBool,
    in_flight: AtomicUsize,
    /// Told when nothing is in flight any more.
    idle: Notify,
    /// Has no permits; closed when what is left is cut off.
    cut: Semaphore,
    next: AtomicU64,
    /// What does not end by itself when its statements do.
    open: Mutex<HashMap<u64, Weak<dyn Cut>>>,
}

/// Held by what was begun before `close`, which waits for it.
pub struct InFlight {
    gate: Arc<Inside>,
    key: Option<u64>,
}

/// What stays open between statements: a transaction.
pub trait Cut: Send + Sync {
    /// Ends it, whatever becomes of it, and lets go of its `InFlight`.
    fn cut(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What was in flight when a database closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// How much of it came to its own end.
    pub drained: usize,
    pub cut: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Inside {
            closed: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            cut: Semaphore::new(0),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        }))
    }
}

impl Gate {
    /// From when it is called, whatever has to wait until it can go on.
    pub fn enter(&self) -> Result<InFlight> {
        // Counted before it looks: either this sees that it is closed, or `drain` sees this.
        self.0.in_flight.fetch_add(1, Ordering::SeqCst);
        let in_flight = InFlight {
            gate: self.0.clone(),
            key: None,
        };
        self.check_open()?;
        Ok(in_flight)
    }

    pub fn check_open(&self) -> Result<()> {
        if self.0.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        Ok(())
    }

    /// From now on, `enter` fails.
    pub fn shut(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Does `work`, unless it is cut off.
    pub async fn until_cut<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let (work, cut) = (pin!(work), pin!(self.0.cut.acquire()));
        match select(work, cut).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(cut_off()),
        }
    }

    /// Waits for what is in flight, and cuts off what is left after `patience`, where there is a
    /// limit to it. `on_cut` is called just before.
    pub async fn drain(&self, patience: Option<Duration>, on_cut: impl FnOnce()) -> Drained {
        self.shut();
        let begun = self.0.in_flight.load(Ordering::SeqCst);
        let Some(patience) = patience else {
            self.idle().await;
            return Drained {
                drained: begun,
                cut: 0,
            };
        };
        if timeout(patience, self.idle()).await.is_ok() {
            return Drained {
                drained: begun,
                cut: 0,
            };
        }
        let cut = self.0.in_flight.load(Ordering::SeqCst);
        on_cut();
        self.0.cut.close();
        let open: Vec<_> = self.0.open.lock().values().cloned().collect();
        let letting_go = async {
            for transaction in open.iter().filter_map(Weak::upgrade) {
                transaction.cut().await;
            }
            self.idle().await;
        };
        // Whoever is stuck in the operating system is left behind.
        let _ = timeout(LETTING_GO, letting_go).await;
        Drained {
            drained: begun.saturating_sub(cut),
            cut,
        }
    }

    async fn idle(&self) {
        loop {
            let mut idle = pin!(self.0.idle.notified());
            // Before looking, so that nothing is missed in between.
            idle.as_mut().enable();
            if self.0.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl InFlight {
    /// Says how it is cut off.
    pub fn cut_by(&mut self, open: Weak<dyn Cut>) {
        let key = self.gate.next.fetch_add(1, Ordering::Relaxed);
        self.gate.open.lock().insert(key, open);
        self.key = Some(key);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.gate.open.lock().remove(&key);
        }
        if self.gate.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.gate.idle.notify_waiters();
        }
    }
}

pub fn closed() -> Error {
    Error::new(Code::Closed, "the database was used after close()")
}

/// Why a transaction ended that was cut off.
pub const BY_CLOSE: &str = "close() cut the transaction off after its timeoutMs";

fn cut_off() -> Error {
    let message = "close() cut the call off after its timeoutMs; of a write it is not known \
                   whether it happened";
    Error::new(Code::Closed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_flight_is_waited_for_and_what_comes_later_is_refused() {
        let gate = Gate::default();
        let (one, other) = (gate.enter().unwrap(), gate.enter().unwrap());
        let waiting = {
            let gate = gate.clone();
            tokio::spawn(async move { gate.drain(None, || {}).await })
        };
        while gate.check_open().is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.enter().err().unwrap().code, Code::Closed);
        drop(one);
        assert!(!waiting.is_finished());
        drop(other);
        let drained = Drained { drained: 2, cut: 0 };
        assert_eq!(waiting.await.unwrap(), drained);
    }

    #[tokio::test]
    async fn what_takes_too_long_is_cut_off() {
        let gate = Gate::default();
        let (call, done) = (gate.enter().unwrap(), gate.enter().unwrap());
        let endless = {
            let gate = gate.clone();
            tokio::spawn(async move {
                let _call = call;
                gate.until_cut(std::future::pending::<Result<()>>()).await
            })
        };
        drop(done);
        let drained = gate.drain(Some(Duration::from_millis(1)), || {}).await;
        assert_eq!(drained, Drained { drained: 0, cut: 1 });
        assert_eq!(endless.await.unwrap().unwrap_err().code, Code::Closed);
    }
}
