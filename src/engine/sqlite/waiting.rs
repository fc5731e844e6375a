//! Writes that had to wait. Whoever gets the turn runs many of them, in the order they came and in
//! one transaction: a turn of its own for each would cost every one a thread's wake-up, and a
//! transaction of its own several writes to the log and, with `synchronous: "full"`, a sync. Each is
//! answered after the commit, and where that fails, runs by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::connection::{Connection, Patience, RanTogether};
use super::{ended_unexpectedly, error};
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
        let mut left = PER_TURN;
        // What runs on a connection that is stuck in a transaction would not be committed.
        while left > 0 && !connection.in_transaction() {
            let writes = self.next_together(left);
            if writes.is_empty() {
                return;
            }
            left -= writes.len();
            run(writes, connection);
        }
    }

    /// The next writes that may run in one transaction, in their order. Taken out of the lock:
    /// others add to the line meanwhile.
    fn next_together(&self, most: usize) -> Vec<Write> {
        let mut queue = self.0.lock();
        let mut writes = Vec::new();
        while writes.len() < most {
            match queue.writes.front() {
                // Those before it would wait for it, too.
                Some(write) if takes_long(&write.statement) && !writes.is_empty() => break,
                Some(_) => {}
                None => break,
            }
            let claimed = queue.writes.pop_front().filter(|write| write.claim.take());
            let Some(write) = claimed else { continue };
            let alone = takes_long(&write.statement);
            writes.push(write);
            if alone {
                break;
            }
        }
        writes
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.lock().writes.len()
    }

    /// Answers everybody with the reason why nothing can be run.
    pub fn fail_all(&self, error: &Error) {
        while let Some(write) = self.next() {
            write.answer(Err(error.clone()));
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

fn takes_long(statement: &Statement) -> bool {
    statement.is_wide() || statement.gives_way()
}

fn run(writes: Vec<Write>, connection: &mut Connection) {
    for write in &writes {
        write.call.stops_waiting();
    }
    if let Some(results) = run_together(&writes, connection) {
        for (write, result) in writes.into_iter().zip(results) {
            write.answer(result);
        }
        return;
    }
    for write in writes {
        let result = connection.run(&write.statement, &write.values);
        write.answer(result);
    }
}

/// What each of several comes to in one transaction; none where each has to run by itself.
fn run_together(writes: &[Write], connection: &mut Connection) -> Option<Vec<Result<Rows>>> {
    if writes.len() < 2 {
        return None;
    }
    let together = writes.iter();
    let together = together.map(|write| (&*write.statement, &*write.values));
    match connection.run_together(together, Patience::ForLocks) {
        Ok(RanTogether::Committed(results)) => Some(results),
        // Each by itself would wait as long again.
        Ok(RanTogether::Locked) => {
            let refused = |write: &Write| Err(error::locked(&write.statement));
            Some(writes.iter().map(refused).collect())
        }
        // It fails again for whom it concerns.
        Ok(RanTogether::Apart) => None,
        Err(error) => Some(vec![Err(error); writes.len()]),
    }
}

impl Write {
    /// An isolate that went away does not wait for it any more.
    fn answer(self, result: Result<Rows>) {
        let _ = self.answer.send(result);
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
