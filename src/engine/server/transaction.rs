//! Transactions on a server.
//!
//! One takes its connection at its first write. What it reads before then, it reads as any
//! statement does: what is committed at that moment. Better Auth hashes a new user's password
//! inside a transaction, between a look-up and the first write, and no connection waits for that.
//! With an isolation level of its own, a transaction begins with its first statement.

use std::mem::replace;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};

use tokio::sync::Mutex;

use super::Server;
use super::driver::{Driver, Isolation, Known, Leaves};
use super::failure::{Failure, Fate};
use super::plan::Plan;
use super::pool::Lease;
use crate::engine::gate::{BY_CLOSE, Cut, InFlight};
use crate::engine::own::{ATTEMPT, Answer, Cell};
use crate::engine::{Access, Call, Rows, Step};
use crate::error::{Code, Error, Result};
use crate::value::Value;

pub struct Transaction<D: Driver> {
    server: Arc<Server<D>>,
    isolation: Option<Isolation>,
    state: Mutex<State<D>>,
}

enum State<D: Driver> {
    Waiting {
        /// The depths of the savepoints to be set when it begins.
        savepoints: Vec<u32>,
        in_flight: InFlight,
    },
    Open(Open<D>),
    Ended(&'static str),
}

struct Open<D: Driver> {
    lease: Lease<D>,
    guard: Guard,
    /// What statements of the application's may have left in the session.
    leaves: Leaves,
    in_flight: InFlight,
}

/// The savepoint that a failing statement is rolled back to, where it would otherwise take the
/// whole transaction with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Missing,
    /// Nothing has been written since.
    Fresh,
    /// Rolling back to it would undo a write that succeeded.
    Stale,
}

const GUARD: &str = "better_auth_guard";
/// Gone after a statement of the application's that has ended the transaction.
const WITNESS: &str = "better_auth_witness";
const BY_CALLER: &str = "the transaction has already been committed or rolled back; await \
                         everything inside its callback";
const BY_STATEMENT: &str = "a statement of the application's has ended the transaction, which \
                            cannot be undone; run such statements outside of transactions";
const BY_SERVER: &str = "the server rolled the transaction back after an earlier failure";
const BY_LOSS: &str =
    "the connection of the transaction was lost, and the server has rolled it back";

impl<D: Driver> Transaction<D> {
    pub fn new(
        server: Arc<Server<D>>,
        isolation: Option<Isolation>,
        mut in_flight: InFlight,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| {
            in_flight.cut_by(this.clone());
            Self {
                server,
                isolation,
                state: Mutex::new(State::Waiting {
                    savepoints: Vec::new(),
                    in_flight,
                }),
            }
        })
    }

    pub async fn run(&self, plan: &Plan<D>, values: &[Value], call: &Call) -> Result<Rows> {
        let mut state = self.state.lock().await;
        if let State::Waiting { .. } = *state {
            if plan.access == Access::Read && self.isolation.is_none() {
                return self.server.run_on_primary(plan, values, call).await;
            }
            self.begin(&mut state).await?;
        }
        call.stops_waiting();
        let mut result = self.run_in(&mut state, plan, values).await;
        if matches!(&result, Err(failure) if failure.fate == Fate::Outdated) {
            result = self.run_in(&mut state, plan, values).await;
        }
        result.map_err(|failure| failure.error)
    }

    /// Runs a statement of the application's, with which the transaction begins if it has not.
    pub async fn query(&self, sql: &str, values: &[Cell], call: &Call) -> Result<Answer> {
        let known = self.server.driver().know(sql);
        known.check_inside()?;
        let mut state = self.state.lock().await;
        self.begin(&mut state).await?;
        call.stops_waiting();
        let result = self.query_in(&mut state, sql, values, known).await;
        result.map_err(|failure| failure.error)
    }

    pub async fn step(&self, step: Step) -> Result<()> {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Waiting { savepoints, .. } => {
                match step {
                    Step::Savepoint(depth) => savepoints.push(depth),
                    Step::Release(depth) => savepoints.retain(|set| *set < depth),
                    Step::RollbackTo(_) => {}
                    Step::Commit | Step::Rollback => *state = State::Ended(BY_CALLER),
                }
                Ok(())
            }
            State::Open(_) => self.step_in(&mut state, step).await,
            State::Ended(_) if step == Step::Rollback => Ok(()),
            State::Ended(why) => Err(ended(why)),
        }
    }

    async fn begin(&self, state: &mut State<D>) -> Result<()> {
        let State::Waiting { savepoints, .. } = state else {
            return Ok(());
        };
        let mut more = String::new();
        for depth in savepoints.iter() {
            more.push_str("; ");
            more.push_str(&Step::Savepoint(*depth).sql());
        }
        if D::FAILURES_SPREAD {
            more.push_str(&format!("; SAVEPOINT {GUARD}"));
        }
        let lease = self.lease_begun(&more).await?;
        let State::Waiting { in_flight, .. } = replace(state, State::Ended(BY_CALLER)) else {
            return Ok(());
        };
        *state = State::Open(Open {
            lease,
            guard: Guard::Fresh,
            leaves: Leaves::Nothing,
            in_flight,
        });
        Ok(())
    }

    /// A connection on which a transaction has begun; a new one where one was dead.
    async fn lease_begun(&self, more: &str) -> Result<Lease<D>> {
        let server = &self.server;
        let mut renewed = false;
        loop {
            let mut lease = server.primary.lease("a transaction").await?;
            // Until it has ended, nobody else may have this connection.
            lease.distrust();
            let begin = server.begin(&mut lease, self.isolation, more);
            let Err(failure) = server.in_time("a transaction", begin).await else {
                return Ok(lease);
            };
            if failure.spoils_connection() {
                server.primary.lose(&failure.error);
            }
            if failure.fate != Fate::Turned || replace(&mut renewed, true) {
                return Err(failure.error);
            }
        }
    }

    async fn run_in(
        &self,
        state: &mut State<D>,
        plan: &Plan<D>,
        values: &[Value],
    ) -> Result<Rows, Failure> {
        let server = &self.server;
        let Open { lease, guard, .. } = open(state)?;
        let result = {
            let work = pin!(async {
                renew::<D>(server, lease, guard).await?;
                let program = server.program(lease, plan).await?;
                server.run_program(lease, &program, values, true).await
            });
            server.in_time(plan.operation, work).await
        };
        match &result {
            Ok(_) if plan.access == Access::Write => {
                *guard = Guard::Stale;
                server.replicas.note_write();
            }
            Ok(_) => {}
            Err(failure) => self.recover(state, failure).await,
        }
        result
    }

    async fn query_in(
        &self,
        state: &mut State<D>,
        sql: &str,
        values: &[Cell],
        known: Known,
    ) -> Result<Answer, Failure> {
        let server = &self.server;
        let open = open(state)?;
        open.leaves = open.leaves.max(known.leaves);
        let result = {
            let Open { lease, guard, .. } = open;
            let work = pin!(async {
                renew::<D>(server, lease, guard).await?;
                if !known.may_end {
                    return server.driver().run_own(lease, sql, values).await;
                }
                self.run_watched(lease, sql, values).await
            });
            server.in_time(ATTEMPT, work).await
        };
        match &result {
            Ok(_) => {
                open.guard = Guard::Stale;
                server.note_changes(known.changes);
            }
            Err(failure) => self.recover(state, failure).await,
        }
        result
    }

    /// Runs a statement that may end the transaction, and notices if it has.
    async fn run_watched(
        &self,
        connection: &mut D::Connection,
        sql: &str,
        values: &[Cell],
    ) -> Result<Answer, Failure> {
        let driver = self.server.driver();
        let set = format!("SAVEPOINT {WITNESS}");
        driver.control(connection, &set, "set a savepoint").await?;
        let result = driver.run_own(connection, sql, values).await;
        if matches!(&result, Err(failure) if failure.ends_transaction()) {
            return result;
        }
        let release = format!("RELEASE SAVEPOINT {WITNESS}");
        match driver.control(connection, &release, "a savepoint").await {
            Ok(()) => result,
            Err(failure) if failure.spoils_connection() => Err(failure),
            Err(_) => Err(Failure {
                error: ended(BY_STATEMENT),
                fate: Fate::Conflict { whole: true },
            }),
        }
    }

    /// After a statement that failed: either the transaction goes on without it, or it has ended.
    async fn recover(&self, state: &mut State<D>, failure: &Failure) {
        if failure.spoils_connection() {
            self.lose(state, failure);
            return;
        }
        if failure.ends_transaction() {
            self.give_up(state).await;
            return;
        }
        if !D::FAILURES_SPREAD {
            return;
        }
        let Ok(Open { lease, guard, .. }) = open(state) else {
            return;
        };
        let sql = format!("ROLLBACK TO SAVEPOINT {GUARD}");
        let undone = self
            .server
            .in_time(
                "a savepoint",
                self.server.driver().control(lease, &sql, "roll back"),
            )
            .await;
        match undone {
            Ok(()) => *guard = Guard::Fresh,
            Err(failure) => self.lose(state, &failure),
        }
    }

    /// The server has ended it; the connection can be used again once it knows so.
    async fn give_up(&self, state: &mut State<D>) {
        let Ok(Open { lease, .. }) = open(state) else {
            return;
        };
        let rolled_back = self
            .server
            .in_time(
                "a rollback",
                self.server.driver().control(lease, "ROLLBACK", "roll back"),
            )
            .await;
        let ended = replace(state, State::Ended(BY_SERVER));
        if rolled_back.is_ok() {
            self.give_back(ended);
        }
    }

    /// The connection of a transaction that has ended goes back. Otherwise it is closed.
    fn give_back(&self, state: State<D>) {
        if let State::Open(Open {
            lease,
            leaves,
            in_flight,
            ..
        }) = state
        {
            self.server.give_back(lease, leaves, in_flight);
        }
    }

    fn lose(&self, state: &mut State<D>, failure: &Failure) {
        // The lease is still distrusted: dropping it closes the connection.
        *state = State::Ended(BY_LOSS);
        self.server.primary.lose(&failure.error);
    }

    async fn step_in(&self, state: &mut State<D>, step: Step) -> Result<()> {
        let server = &self.server;
        let Open {
            lease,
            guard,
            leaves,
            ..
        } = open(state).map_err(|failure| failure.error)?;
        // The savepoint is inside the one that is left, or outside the one that is entered.
        *guard = Guard::Missing;
        let mut sql = step.sql();
        if step == Step::Commit
            && *leaves == Leaves::Session
            && server.driver().always_in_transaction()
        {
            // A pooler gives the session to somebody else when the transaction ends.
            sql = format!("{}; {sql}", D::RESET);
            *leaves = leaves.after_own_transaction();
        }
        let taken = server
            .in_time(
                step.attempt(),
                server.driver().control(lease, &sql, step.attempt()),
            )
            .await;
        if step.ends_it() {
            server.replicas.note_write();
        }
        match taken {
            Ok(()) => {
                if step.ends_it() {
                    let ended = replace(state, State::Ended(BY_CALLER));
                    self.give_back(ended);
                }
                Ok(())
            }
            Err(failure) if failure.spoils_connection() => {
                self.lose(state, &failure);
                Err(failure.error)
            }
            Err(failure) => {
                // A server whose failures spread would answer a later COMMIT with a rollback.
                if step.ends_it() || failure.ends_transaction() || D::FAILURES_SPREAD {
                    self.give_up(state).await;
                }
                Err(failure.error)
            }
        }
    }
}

impl<D: Driver> Cut for Transaction<D> {
    /// The lease of an open transaction is distrusted: its connection is closed.
    fn cut(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            *self.state.lock().await = State::Ended(BY_CLOSE);
        })
    }
}

/// Sets a savepoint where a failure would undo more than its own statement.
async fn renew<D: Driver>(
    server: &Server<D>,
    lease: &mut Lease<D>,
    guard: &mut Guard,
) -> Result<(), Failure> {
    if !D::FAILURES_SPREAD || *guard == Guard::Fresh {
        return Ok(());
    }
    let mut sql = String::new();
    if *guard == Guard::Stale {
        sql.push_str(&format!("RELEASE SAVEPOINT {GUARD}; "));
    }
    sql.push_str(&format!("SAVEPOINT {GUARD}"));
    server
        .driver()
        .control(lease, &sql, "set a savepoint")
        .await?;
    *guard = Guard::Fresh;
    Ok(())
}

fn open<D: Driver>(state: &mut State<D>) -> Result<&mut Open<D>, Failure> {
    match state {
        State::Open(open) => Ok(open),
        State::Ended(why) => Err(Failure::refused(ended(why))),
        State::Waiting { .. } => Err(Failure::refused(ended(BY_CALLER))),
    }
}

fn ended(why: &str) -> Error {
    Error::new(Code::TransactionClosed, why)
}
