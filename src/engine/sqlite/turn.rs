//! Whose turn it is to write: one fair queue per database file and process, shared by every
//! adapter and every isolate that opens the file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::waiter::Waiter;
use crate::error::{Code, Error, Result};

pub struct Turn {
    queue: Arc<Semaphore>,
    holder: Mutex<Option<Holder>>,
    /// Transactions, and others that stand in line each for itself.
    waiting: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Holder {
    what: &'static str,
    since: Instant,
}

/// Held while writing; the next in the queue follows when it is dropped.
pub struct Permit {
    turn: Arc<Turn>,
    /// Released after the holder is forgotten.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.turn.holder.lock() = None;
    }
}

static TURNS: LazyLock<Mutex<HashMap<PathBuf, Weak<Turn>>>> = LazyLock::new(Mutex::default);

impl Turn {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::new(Semaphore::new(1)),
            holder: Mutex::new(None),
            waiting: AtomicUsize::new(0),
        })
    }

    /// The queue of the file at `path`, which exists.
    pub fn of_file(path: &Path) -> Arc<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut turns = TURNS.lock();
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&path).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Self::new();
        turns.insert(path, Arc::downgrade(&turn));
        turn
    }

    /// Takes the turn if nobody has it and nobody waits for it.
    pub fn take_now(self: &Arc<Self>, what: &'static str) -> Option<Permit> {
        let permit = self.queue.clone().try_acquire_owned().ok()?;
        Some(self.hold(permit, what))
    }

    /// Waits in line, at most `timeout`.
    pub async fn take(self: &Arc<Self>, what: &'static str, timeout: Duration) -> Result<Permit> {
        let _waiting = Waiter::new(&self.waiting);
        match tokio::time::timeout(timeout, self.take_whenever_it_comes(what)).await {
            Ok(permit) => Ok(permit),
            Err(_) => Err(self.timed_out(timeout)),
        }
    }

    pub fn is_taken(&self) -> bool {
        self.queue.available_permits() == 0
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits in line.
    pub async fn take_whenever_it_comes(self: &Arc<Self>, what: &'static str) -> Permit {
        // The queue is never closed.
        let permit = self
            .queue
            .clone()
            .acquire_owned()
            .await
            .expect("an open queue");
        self.hold(permit, what)
    }

    fn hold(self: &Arc<Self>, permit: OwnedSemaphorePermit, what: &'static str) -> Permit {
        *self.holder.lock() = Some(Holder {
            what,
            since: Instant::now(),
        });
        Permit {
            turn: self.clone(),
            _permit: permit,
        }
    }

    /// What to tell whoever waited that long in vain.
    pub fn timed_out(&self, timeout: Duration) -> Error {
        let holder = match *self.holder.lock() {
            Some(holder) => {
                format!(
                    "{} has held it for {} ms",
                    holder.what,
                    holder.since.elapsed().as_millis()
                )
            }
            None => "it changed hands just now".to_owned(),
        };
        Error::new(
            Code::PoolTimeout,
            format!(
                "waited {} ms for the turn to write; {holder}. Inside a transaction use the \
                 adapter it passes to its callback: the outer one waits for the transaction to end",
                timeout.as_millis()
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_is_told_who_holds_the_turn() {
        let turn = Turn::new();
        let _held = turn.take_now("a transaction").unwrap();
        let error = turn
            .take("create", Duration::from_millis(1))
            .await
            .err()
            .unwrap();
        assert_eq!(error.code, Code::PoolTimeout);
        assert!(
            error.message.contains("a transaction has held it for"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn nobody_overtakes_a_waiter() {
        let turn = Turn::new();
        let held = turn.take_now("first").unwrap();
        let waiting = turn.take("second", Duration::from_secs(60));
        tokio::pin!(waiting);
        assert!(futures_poll_pending(waiting.as_mut()).await);
        drop(held);
        assert!(turn.take_now("third").is_none());
        drop(waiting.await.unwrap());
        assert!(turn.take_now("third").is_some());
    }

    async fn futures_poll_pending<F: Future + Unpin>(mut future: F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(context).is_pending())
        })
        .await
    }

    #[test]
    fn one_file_has_one_queue() {
        let directory = std::env::temp_dir();
        let turn = Turn::of_file(&directory);
        let again = Turn::of_file(&directory.join("."));
        assert!(Arc::ptr_eq(&turn, &again));
    }
}
