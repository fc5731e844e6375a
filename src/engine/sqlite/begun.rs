//! A transaction that has begun: it holds the turn to write until it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::connection::{Connection, Patience, Ran};
use super::guard::Place;
use super::lanes::Lanes;
use super::off_thread;
use super::turn::Permit;
use crate::engine::gate::closed;
use crate::engine::own::{Answer, Cell};
use crate::engine::{Access, Call, Rows, Statement, Step};
use crate::error::{Code, Error, Result};
use crate::value::Value;

const TURN: &str = "a transaction";
const BEGIN: &str = "BEGIN IMMEDIATE";
const BEGIN_ATTEMPT: &str = "begin a transaction";

pub struct Begun {
    lanes: Arc<Lanes>,
    /// Taken when the transaction ends.
    permit: Mutex<Option<Permit>>,
    /// Whether a statement of the application's may have changed the connection.
    changed: AtomicBool,
}

impl Begun {
    pub fn begin_now(lanes: &Arc<Lanes>) -> Option<Result<Self>> {
        if lanes.log_is_in_the_way() {
            return None;
        }
        let permit = lanes.turn_now(TURN)?;
        let mut lane = lanes.writing_now()?;
        let connection = lane.as_mut()?;
        match connection.control(BEGIN, BEGIN_ATTEMPT, Patience::None) {
            Ok(true) => {
                drop(lane);
                Some(Ok(Self::new(lanes, permit)))
            }
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    pub async fn begin(lanes: &Arc<Lanes>) -> Result<Self> {
        let permit = lanes.turn(TURN).await?;
        let lanes = lanes.clone();
        off_thread(move || {
            let mut lane = lanes.begin_writing()?;
            lane.as_mut()
                .ok_or_else(closed)?
                .control(BEGIN, BEGIN_ATTEMPT, Patience::ForLocks)?;
            drop(lane);
            Ok(Self::new(&lanes, permit))
        })
        .await
    }

    fn new(lanes: &Arc<Lanes>, permit: Permit) -> Self {
        Self {
            lanes: lanes.clone(),
            permit: Mutex::new(Some(permit)),
            changed: AtomicBool::new(false),
        }
    }

    /// Runs on this thread if that cannot wait.
    pub fn run_now(&self, statement: &Statement, values: &[Value]) -> Option<Result<Rows>> {
        if statement.is_wide() {
            return None;
        }
        let mut lane = self.lanes.writing_now()?;
        let patience = match statement.access {
            Access::Read => Patience::None,
            Access::Write => Patience::ForWork,
        };
        let ran = self
            .connection(&mut lane)
            .and_then(|connection| connection.run_now(statement, values, patience));
        match ran {
            Ok(Ran::Rows(rows)) => Some(Ok(rows)),
            Ok(Ran::WouldWait) => None,
            Err(error) => Some(Err(error)),
        }
    }

    pub async fn run(
        self: &Arc<Self>,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: &Arc<Call>,
    ) -> Result<Rows> {
        let (transaction, call) = (self.clone(), call.clone());
        off_thread(move || {
            let mut lane = transaction.lanes.writing()?;
            call.stops_waiting();
            transaction.connection(&mut lane)?.run(&statement, &values)
        })
        .await
    }

    /// Runs a statement of the application's.
    pub async fn query(
        self: &Arc<Self>,
        sql: Arc<str>,
        values: Arc<[Cell]>,
        call: &Arc<Call>,
    ) -> Result<Answer> {
        let (transaction, call) = (self.clone(), call.clone());
        off_thread(move || {
            let mut lane = transaction.lanes.writing()?;
            call.stops_waiting();
            let replaceable = !transaction.lanes.is_memory();
            let connection = transaction.connection(&mut lane)?;
            let (answer, seen) = connection.run_own(&sql, &values, Place::Inside { replaceable });
            if seen.session {
                transaction.changed.store(true, Ordering::Relaxed);
            }
            answer
        })
        .await
    }

    /// Takes a step on this thread if that cannot wait.
    pub fn step_now(&self, step: Step) -> Option<Result<()>> {
        if step == Step::Commit && self.lanes.full_sync() {
            return None;
        }
        let mut lane = self.lanes.writing_now()?;
        match self.step_on(&mut lane, step, Patience::ForWork) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    pub async fn step(self: &Arc<Self>, step: Step) -> Result<()> {
        let transaction = self.clone();
        off_thread(move || {
            let mut lane = transaction.lanes.writing()?;
            transaction
                .step_on(&mut lane, step, Patience::ForLocks)
                .map(|_| ())
        })
        .await
    }

    /// `false` means it would have to wait. However an ending goes, nothing stays open.
    fn step_on(
        &self,
        lane: &mut Option<Connection>,
        step: Step,
        patience: Patience,
    ) -> Result<bool> {
        let connection = self.connection(lane)?;
        let result = connection.control(&step.sql(), step.attempt(), patience);
        if !step.ends_it() || matches!(result, Ok(false)) {
            return result;
        }
        if connection.in_transaction() {
            // Commit failed for good, and its error is what the caller has to hear.
            let _ = connection.control("ROLLBACK", "roll back", patience);
        }
        self.lanes.checkpoint_if_due();
        self.let_go(lane);
        result
    }

    /// The connection, unless the transaction has ended: by itself, or because SQLite rolled it
    /// back after a failure such as a full disk. Later statements must not commit one by one.
    fn connection<'l>(&self, lane: &'l mut Option<Connection>) -> Result<&'l mut Connection> {
        if self.permit.lock().is_none() {
            return Err(ended());
        }
        if !lane.as_ref().ok_or_else(closed)?.in_transaction() {
            self.let_go(lane);
            return Err(Error::new(
                Code::TransactionClosed,
                "the database rolled the transaction back after an earlier failure",
            ));
        }
        lane.as_mut().ok_or_else(closed)
    }

    /// Passes the turn on. A connection that cannot leave its transaction is closed, and one that
    /// the application has changed.
    fn let_go(&self, lane: &mut Option<Connection>) {
        let changed = self.changed.load(Ordering::Relaxed);
        if changed || lane.as_ref().is_some_and(Connection::in_transaction) {
            *lane = None;
        }
        self.permit.lock().take();
    }
}

pub fn ended() -> Error {
    Error::new(
        Code::TransactionClosed,
        "the transaction has already been committed or rolled back; await everything inside its \
         callback",
    )
}

impl Drop for Begun {
    /// A transaction nobody ended, because its isolate went away, is rolled back.
    fn drop(&mut self) {
        if self.permit.get_mut().is_none() {
            return;
        }
        if let Ok(mut lane) = self.lanes.writing() {
            if let Some(connection) = lane
                .as_mut()
                .filter(|connection| connection.in_transaction())
            {
                let _ = connection.control("ROLLBACK", "roll back", Patience::ForWork);
            }
            self.let_go(&mut lane);
        }
    }
}
