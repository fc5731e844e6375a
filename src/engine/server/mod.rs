//! Engines that are a server at the other end of a connection.
//!
//! All that servers have in common: the pool, what is tried again and when, transactions, read
//! replicas. What a `Driver` says of its failures decides; nothing here knows a protocol.

mod backoff;
mod batching;
pub mod config;
mod driver;
mod failure;
mod own;
mod plan;
mod pool;
mod replicas;
mod sharing;
mod transaction;

use std::collections::HashSet;
use std::mem::replace;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

pub use config::{Address, Config, Tls, TlsMode};
pub use driver::{Driver, Executed, Isolation, Known, Leaves, Share, Tables, Texts};
pub use failure::{Failure, Fate, Unreachable, lost};
pub use own::Changes;
pub use plan::Plan;
pub use transaction::Transaction;

use self::backoff::Backoff;
use self::batching::Together;
use self::pool::Pool;
use self::replicas::Replicas;
use self::sharing::Held;
use super::gate::{Drained, Gate, InFlight};
use super::{Access, Call, Connections, Program, Rows, Statement};
use crate::error::Result;
use crate::events::Events;
use crate::value::Value;

/// The server's own limit comes first and says more; this one is for servers that do not answer.
const GRACE: Duration = Duration::from_secs(2);

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server<D: Driver> {
    gate: Gate,
    primary: Pool<D>,
    replicas: Replicas<D>,
    /// Zero: none.
    statement_timeout: Duration,
    tables: RwLock<Tables<D::Column>>,
    /// Counts the times that what was known of the tables turned out to be out of date.
    knowledge: AtomicU64,
}

impl<D: Driver> Server<D> {
    /// Connects to nothing yet.
    pub fn new(config: &Config, events: &Events, driver: impl Fn(&Address) -> D) -> Self {
        let pool = |address, limits| Pool::new(Arc::new(driver(address)), limits, events.clone());
        let of_replica = |address| pool(address, config.limits().of_replica());
        let replicas = config.replicas.iter().map(of_replica).collect();
        Self {
            gate: Gate::default(),
            primary: pool(&config.primary, config.limits()),
            replicas: Replicas::new(replicas, config.primary_after_write()),
            statement_timeout: config.statement_timeout(),
            tables: RwLock::default(),
            knowledge: AtomicU64::new(0),
        }
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub fn driver(&self) -> &D {
        self.primary.driver()
    }

    /// Runs outside of transactions: reads where reads may go, writes on the primary.
    pub async fn run(
        &self,
        _in_flight: InFlight,
        plan: &Plan<D>,
        values: &[Value],
        call: &Call,
    ) -> Result<Rows> {
        let reads = plan.access == Access::Read;
        if let Some(replica) = reads.then(|| self.replicas.choose()).flatten() {
            // What is in its way there is not on the primary.
            let pool = replica.pool();
            let result = self.run_on(pool, Duration::ZERO, plan, values, call).await;
            match result {
                Err(error) => replica.note_failure(&error),
                rows => return rows,
            }
        }
        let result = self.run_on_primary(plan, values, call).await;
        if !reads {
            self.replicas.note_write();
        }
        result
    }

    async fn run_on_primary(&self, plan: &Plan<D>, values: &[Value], call: &Call) -> Result<Rows> {
        self.run_on(&self.primary, self.patience(), plan, values, call)
            .await
    }

    /// Tries again what the server did not do, and reads whose connection was dead. `patience` is
    /// for conflicts.
    async fn run_on(
        &self,
        pool: &Pool<D>,
        patience: Duration,
        plan: &Plan<D>,
        values: &[Value],
        call: &Call,
    ) -> Result<Rows> {
        let mut backoff = Backoff::new(patience);
        let mut renewed = false;
        let (mut held, mut lead) = match self.run_together(pool, plan, values, call).await? {
            Together::Found(rows) => return Ok(rows),
            Together::First(held, lead) => (held, Some(lead)),
            Together::Apart => (self.hold(pool, plan).await?, None),
        };
        loop {
            call.stops_waiting();
            let result = self.attempt(&mut held, pool, plan, values).await;
            let failure = match result {
                Ok(rows) => {
                    if let Some(lead) = lead {
                        lead.answered();
                    }
                    return Ok(rows);
                }
                Err(failure) => failure,
            };
            lead = None;
            drop(held);
            let again = match failure.fate {
                Fate::Refused | Fate::Silent => false,
                Fate::Conflict { .. } => backoff.wait().await,
                Fate::Outdated | Fate::Turned => !replace(&mut renewed, true),
                Fate::Lost => plan.access == Access::Read && !replace(&mut renewed, true),
            };
            if !again {
                return Err(failure.error);
            }
            held = self.hold(pool, plan).await?;
        }
    }

    /// How long conflicts with other transactions are tried again.
    fn patience(&self) -> Duration {
        if self.statement_timeout.is_zero() {
            PATIENCE
        } else {
            self.statement_timeout
        }
    }

    /// A connection for a plan, or a place on one.
    async fn hold(&self, pool: &Pool<D>, plan: &Plan<D>) -> Result<Held<D>> {
        let program = plan.compiled(self.knowledge());
        let is_lookup = program.is_some_and(|program| program.is_lookup());
        if let Some(share) = D::SHARE
            && is_lookup
            && !self.driver().always_in_transaction()
        {
            return Ok(Held::Shared(pool.place(share, plan.operation).await?));
        }
        Ok(Held::Alone(pool.lease(plan.operation).await?))
    }

    async fn attempt(
        &self,
        held: &mut Held<D>,
        pool: &Pool<D>,
        plan: &Plan<D>,
        values: &[Value],
    ) -> Result<Rows, Failure> {
        held.distrust();
        let result = {
            let work = pin!(self.run_whole(held, plan, values));
            self.in_time(plan.operation, work).await
        };
        held.settle(pool, &result);
        result
    }

    async fn run_whole(
        &self,
        connection: &mut D::Connection,
        plan: &Plan<D>,
        values: &[Value],
    ) -> Result<Rows, Failure> {
        let own_transaction = self.driver().always_in_transaction();
        if own_transaction {
            self.begin(connection, None, "").await?;
        }
        let program = self.program(connection, plan).await;
        let result = match program {
            Ok(program) => {
                self.run_program(connection, &program, values, own_transaction)
                    .await
            }
            Err(failure) => Err(failure),
        };
        if own_transaction {
            return self.end(connection, result).await;
        }
        result
    }

    /// What is large is passed pinned: a future that becomes a part of another one is in it twice.
    async fn in_time<T>(
        &self,
        attempt: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if self.statement_timeout.is_zero() {
            return work.await;
        }
        let limit = self.statement_timeout + GRACE;
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(Failure::unanswered(attempt, limit.as_millis())))
    }

    /// The program of a plan, written for the tables as they are.
    async fn program(
        &self,
        connection: &mut D::Connection,
        plan: &Plan<D>,
    ) -> Result<Arc<Program>, Failure> {
        let knowledge = self.knowledge();
        if let Some(program) = plan.compiled(knowledge) {
            return Ok(program);
        }
        let tables = Box::pin(self.describe(connection, &plan.tables)).await?;
        Ok(plan.compile(D::facts(connection), tables, knowledge))
    }

    fn knowledge(&self) -> u64 {
        self.knowledge.load(Ordering::Acquire)
    }

    async fn describe(
        &self,
        connection: &mut D::Connection,
        names: &[String],
    ) -> Result<Tables<D::Column>, Failure> {
        let unknown: HashSet<&str> = {
            let known = self.tables.read();
            let names = names.iter().map(String::as_str);
            names.filter(|name| !known.contains_key(*name)).collect()
        };
        if !unknown.is_empty() {
            let unknown: Vec<&str> = unknown.into_iter().collect();
            let found = self.driver().describe(connection, &unknown).await?;
            self.tables.write().extend(found);
        }
        let known = self.tables.read();
        Ok(names
            .iter()
            .filter_map(|name| Some((name.clone(), known.get(name)?.clone())))
            .collect())
    }

    /// What was known of the tables no longer holds. The primary tells what they are now, and
    /// replicas may be behind.
    pub fn forget_tables(&self) {
        self.replicas.note_write();
        self.tables.write().clear();
        self.knowledge.fetch_add(1, Ordering::AcqRel);
    }

    async fn run_program(
        &self,
        connection: &mut D::Connection,
        program: &Program,
        values: &[Value],
        in_transaction: bool,
    ) -> Result<Rows, Failure> {
        match program {
            Program::One(statement) | Program::Lookup { one: statement, .. } => {
                Ok(self.execute(connection, statement, values).await?.rows)
            }
            Program::ChooseThenWrite { .. } | Program::LockThenDelete { .. } if !in_transaction => {
                // Locking what others do not have must not lock what lies between.
                let isolation = matches!(program, Program::LockThenDelete { .. })
                    .then_some(Isolation::ReadCommitted);
                self.begin(connection, isolation, "").await?;
                let result = self.run_steps(connection, program, values, true).await;
                self.end(connection, result).await
            }
            _ => {
                self.run_steps(connection, program, values, in_transaction)
                    .await
            }
        }
    }

    async fn run_steps(
        &self,
        connection: &mut D::Connection,
        program: &Program,
        values: &[Value],
        in_transaction: bool,
    ) -> Result<Rows, Failure> {
        let mut values = values.to_vec();
        let after_write = |failure: Failure| failure.after_write(!in_transaction);
        match program {
            Program::One(statement) | Program::Lookup { one: statement, .. } => {
                Ok(self.execute(connection, statement, &values).await?.rows)
            }
            Program::WriteThenRead { write, read } => {
                let changed = self.execute(connection, write, &values).await?.rows;
                if changed == [Value::Integer(0)] {
                    return Ok(Rows::new());
                }
                let read = self.execute(connection, read, &values).await;
                Ok(read.map_err(after_write)?.rows)
            }
            Program::InsertThenRead { insert, read } => {
                let new_id = self.execute(connection, insert, &values).await?.new_id;
                values.push(new_id.map_or(Value::Null, |id| Value::Text(id.to_string())));
                let read = self.execute(connection, read, &values).await;
                Ok(read.map_err(after_write)?.rows)
            }
            Program::MakeIdThenInsert {
                make_id,
                insert,
                read,
            } => {
                values.extend(self.execute(connection, make_id, &values).await?.rows);
                self.execute(connection, insert, &values).await?;
                let read = self.execute(connection, read, &values).await;
                Ok(read.map_err(after_write)?.rows)
            }
            Program::ChooseThenWrite {
                choose,
                write,
                read,
            } => {
                let mut chosen = self.execute(connection, choose, &values).await?.rows;
                let Some(key) = chosen.pop() else {
                    return Ok(Rows::new());
                };
                values.push(key);
                self.execute(connection, write, &values).await?;
                match read {
                    Some(read) => Ok(self.execute(connection, read, &values).await?.rows),
                    None => Ok(chosen),
                }
            }
            Program::LockThenDelete { lock, delete } => {
                let keys = self.execute(connection, lock, &values).await?.rows;
                if keys.is_empty() {
                    return Ok(vec![Value::Integer(0)]);
                }
                values.push(Value::List(keys));
                Ok(self.execute(connection, delete, &values).await?.rows)
            }
        }
    }

    async fn execute(
        &self,
        connection: &mut D::Connection,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Executed, Failure> {
        statement.check_values(values)?;
        let result = self.driver().execute(connection, statement, values).await;
        if result
            .as_ref()
            .is_err_and(|failure| failure.fate == Fate::Outdated)
        {
            self.forget_tables();
        }
        result
    }

    /// Begins a transaction, and runs `more` in the same round trip. Where that is lost, nothing is.
    async fn begin(
        &self,
        connection: &mut D::Connection,
        isolation: Option<Isolation>,
        more: &str,
    ) -> Result<(), Failure> {
        let sql = format!("{}{more}", self.driver().begin(isolation));
        let begun = self
            .driver()
            .control(connection, &sql, "begin a transaction");
        begun.await.map_err(Failure::of_nothing)
    }

    /// Commits what succeeded, and rolls back what did not.
    async fn end<T>(
        &self,
        connection: &mut D::Connection,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (sql, attempt) = match &result {
            Ok(_) => ("COMMIT", "commit"),
            Err(failure) if failure.spoils_connection() => return result,
            Err(_) => ("ROLLBACK", "roll back"),
        };
        match (
            self.driver().control(connection, sql, attempt).await,
            result,
        ) {
            (Ok(()), result) => result,
            (Err(failure), Ok(_)) => {
                if !failure.spoils_connection() {
                    // Whatever is left of it must not go back into the pool.
                    self.driver()
                        .control(connection, "ROLLBACK", "roll back")
                        .await?;
                }
                Err(failure)
            }
            // What failed first is what the caller has to hear, and the connection is closed.
            (Err(_), Err(first)) => Err(Failure {
                fate: Fate::Lost,
                ..first
            }),
        }
    }

    /// A connection of its own, beside the pool.
    pub async fn connect(&self) -> Result<D::Connection> {
        self.primary.connect().await
    }

    /// How long callers wait for their turn.
    pub fn acquire_timeout(&self) -> Duration {
        self.primary.limits().acquire
    }

    /// As they are now, those to the primary first.
    pub fn connections(&self) -> Vec<Connections> {
        let replicas = self.replicas.pools();
        let replicas = replicas.map(|pool| pool.connections("replica"));
        std::iter::once(self.primary.connections("primary"))
            .chain(replicas)
            .collect()
    }

    /// Waits for what is in flight, as long as there is patience, then closes every connection.
    pub async fn close(&self, patience: Option<Duration>) -> Drained {
        let drained = self.gate.drain(patience, || {}).await;
        self.primary.close().await;
        self.replicas.close().await;
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::mysql::MySql;
    use crate::engine::postgres::Postgres;

    fn config() -> Config {
        let address = serde_json::json!({
            "host": "localhost", "port": 1, "socket": null, "user": "", "password": null, "database": "",
            "tls": { "mode": "disable", "ca": null, "cert": null, "key": null },
        });
        let config = serde_json::json!({
            "primary": address, "schema": null, "prepare": true, "applicationName": "",
            "maxConnections": 1, "minConnections": 0, "maxWaiting": 1, "acquireTimeoutMs": 1,
            "connectTimeoutMs": 1, "connectRetryMs": 0, "idleTimeoutMs": 0, "maxLifetimeMs": 0,
            "statementTimeoutMs": 0, "primaryAfterWriteMs": 0,
        });
        serde_json::from_value(config).unwrap()
    }

    /// The memory that a call takes on its way.
    fn room<D: Driver>(server: &Server<D>) -> usize {
        let compile = |_: &_, _| -> Program { unreachable!("nothing is run") };
        let plan = Plan::new("findOne", Access::Read, Vec::new(), compile);
        let in_flight = server.gate().enter().unwrap();
        size_of_val(&server.run(in_flight, &plan, &[], &Call::begin()))
    }

    // It is taken, moved and given back for each: at 27 KB, that was half of a look-up's time.
    #[test]
    fn a_call_takes_little_room() {
        let (config, events) = (config(), Events::default());
        let postgres = Server::new(&config, &events, |address| Postgres::new(address, &config));
        let mysql = Server::new(&config, &events, |address| MySql::new(address, &config));
        assert!(room(&postgres) < 6 * 1024);
        assert!(room(&mysql) < 6 * 1024);
    }
}
