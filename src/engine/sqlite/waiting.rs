//! Writes that had to wait. Whoever gets the turn runs many of them, in the order they came: a
//! turn of its own for each would cost every one a thread's wake-up, several times the write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::connection::Connection;
use super::ended_unexpectedly;
use crate::engine::{Call, Rows, Statement};
use crate::error::{Error, Result};
use crate::value::Value;

/// Writes per turn; then whoever else waits for the turn gets it.
const PER_TURN: usize = 64;

#[derive(Default)]
pub struct Waiting(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    writes: VecDeque<Write>,
    /// Whether somebody is there to run them.
    served: bool,
}

struct Write {
    statement: Arc<Statement>,
    values: Vec<Value>,
    call: Arc<Call>,
    claim: Claim,
    answer: oneshot::Sender<Result<Rows>>,
}

/// Either the write is run or its caller gives up on it; whoever claims it first decides.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The caller's end of a write that waits.
pub struct Answer {
    claim: Claim,
    answer: oneshot::Receiver<Result<Rows>>,
}

impl Waiting {
    /// Puts a write in line. `true` means nobody serves the line yet, and the caller has to see
    /// to it that somebody does.
    pub fn add(
        &self,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: Arc<Call>,
    ) -> (Answer, bool) {
        let claim = Claim::default();
        let (sender, answer) = oneshot::channel();
        let write = Write {
            statement,
            values,
            call,
            claim: claim.clone(),
            answer: sender,
        };
        let mut queue = self.0.lock();
        queue.writes.push_back(write);
        let unserved = !std::mem::replace(&mut queue.served, true);
        (Answer { claim, answer }, unserved)
    }

    /// Whether there is more to do; if not, nobody serves the line from now on.
    pub fn goes_on(&self) -> bool {
        let mut queue = self.0.lock();
        queue.served = !queue.writes.is_empty();
        queue.served
    }

    /// Runs as many as one turn may.
    pub fn run_some(&self, connection: &mut Connection) {
        for _ in 0..PER_TURN {
            // Taken out of the lock: others add to the line meanwhile.
            let Some(write) = self.next() else { return };
            write.call.stops_waiting();
            let result = connection.run(&write.statement, &write.values);
            // An isolate that went away does not wait for it any more.
            let _ = write.answer.send(result);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.lock().writes.len()
    }

    /// Answers everybody with the reason why nothing can be run.
    pub fn fail_all(&self, error: &Error) {
        while let Some(write) = self.next() {
            let _ = write.answer.send(Err(error.clone()));
        }
    }

    fn next(&self) -> Option<Write> {
        loop {
            let write = self.0.lock().writes.pop_front()?;
            if write.claim.take() {
                return Some(write);
            }
        }
    }
}

impl Answer {
    /// The result, or what `too_late` says where the write was not begun in time.
    pub async fn within(
        mut self,
        timeout: Duration,
        too_late: impl FnOnce() -> Error,
    ) -> Result<Rows> {
        let answered = match tokio::time::timeout(timeout, &mut self.answer).await {
            Ok(answered) => answered,
            Err(_) if self.claim.take() => return Err(too_late()),
            Err(_) => self.answer.await,
        };
        answered.unwrap_or_else(|_| Err(ended_unexpectedly()))
    }
}
