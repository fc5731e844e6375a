//! Migrations on servers: on a connection of their own, and of all processes one at a time.

mod mysql;
mod postgres;

use std::time::Duration;

use super::diff::diff;
use super::existing::Existing;
use super::hazard::hazards;
use super::model::Schema;
use super::steps::Step;
use crate::engine::server::{Driver, Server, Texts};
use crate::error::{Code, Error, Result};
use crate::sql::Dialect;

/// What differs from server to server.
pub trait Migrates: Driver {
    /// Whether statements that change the schema are undone with their transaction.
    const UNDOES: bool;

    fn dialect(&self, facts: &Self::Facts) -> impl Dialect + 'static;

    /// Begins what ends with `finish`. To change the schema, it waits for its turn, no longer than
    /// the session has patience, and has as much time as it needs from then on.
    fn prepare(
        session: &mut Session<Self>,
        change: bool,
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    /// Ends it, for good or so that nothing is left of it.
    fn finish(
        session: &mut Session<Self>,
        for_good: bool,
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    fn read(
        session: &mut Session<Self>,
        schema: &Schema,
    ) -> impl Future<Output = Result<Existing>> + Send
    where
        Self: Sized;
}

/// How often it begins again after it and others were in each other's way.
const ATTEMPTS: usize = 5;

/// Where no time is set that callers may wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// The statements that are missing, which are run where they are to `change` the schema. Run
/// again after them, it finds none.
pub async fn migrate<D: Migrates>(
    server: &Server<D>,
    schema: &Schema,
    change: bool,
) -> Result<Vec<String>> {
    let mut session = Session::open(server).await?;
    let mut attempt = 1;
    let result = loop {
        let result = session.attempt(schema, change).await;
        let conflict = matches!(&result, Err(error)
            if matches!(error.code, Code::Deadlock | Code::SerializationFailure));
        if !conflict || attempt == ATTEMPTS {
            break result;
        }
        attempt += 1;
    };
    D::disconnect(session.connection).await;
    result
}

/// A connection that is used by one migration.
pub struct Session<'s, D: Driver> {
    driver: &'s D,
    connection: D::Connection,
    patience: Duration,
}

impl<'s, D: Migrates> Session<'s, D> {
    async fn open(server: &'s Server<D>) -> Result<Self> {
        let waits = server.acquire_timeout();
        Ok(Self {
            driver: server.driver(),
            connection: server.connect().await?,
            patience: if waits.is_zero() { PATIENCE } else { waits },
        })
    }

    async fn attempt(&mut self, schema: &Schema, change: bool) -> Result<Vec<String>> {
        D::prepare(self, change).await?;
        let result = self.run(schema, change).await;
        let ended = D::finish(self, change && result.is_ok()).await;
        // What failed first is what the caller has to hear.
        let statements = result?;
        ended.map(|()| statements)
    }

    async fn run(&mut self, schema: &Schema, change: bool) -> Result<Vec<String>> {
        let dialect = self.driver.dialect(D::facts(&self.connection));
        let mut done = Done::default();
        loop {
            let existing = D::read(self, schema).await?;
            let steps = diff(&dialect, schema, &existing)?;
            self.look_for_hazards(&dialect, &existing, &steps).await?;
            if !change {
                let statements = steps.iter().map(|step| step.sql(&dialect, schema.id));
                return Ok(statements.collect());
            }
            let Some((failed, error)) = self.take(&dialect, schema, &steps, &mut done).await else {
                return Ok(done.statements);
            };
            if D::UNDOES || self.is_missing(&dialect, schema, failed).await? {
                return Err(explained::<D>(failed, error, &done));
            }
            // Somebody who does not wait for turns has taken it; what is missing now?
        }
    }

    async fn look_for_hazards(
        &mut self,
        dialect: &dyn Dialect,
        existing: &Existing,
        steps: &[Step<'_>],
    ) -> Result<()> {
        for hazard in hazards(dialect, existing, steps) {
            let count = self.count(&hazard.count(dialect)).await?;
            if count > 0 {
                return Err(hazard.error(count));
            }
        }
        Ok(())
    }

    /// Takes the steps until one fails.
    async fn take<'t>(
        &mut self,
        dialect: &dyn Dialect,
        schema: &Schema,
        steps: &'t [Step<'t>],
        done: &mut Done,
    ) -> Option<(&'t Step<'t>, Error)> {
        for step in steps {
            let sql = step.sql(dialect, schema.id);
            if let Err(error) = self.control(&sql, "it").await {
                return Some((step, error));
            }
            done.statements.push(sql);
            done.steps.push(step.to_string());
        }
        None
    }

    async fn is_missing(
        &mut self,
        dialect: &dyn Dialect,
        schema: &Schema,
        step: &Step<'_>,
    ) -> Result<bool> {
        let existing = D::read(self, schema).await?;
        let steps = diff(dialect, schema, &existing)?;
        let name = step.to_string();
        Ok(steps.iter().any(|missing| missing.to_string() == name))
    }

    async fn control(&mut self, sql: &str, attempt: &str) -> Result<()> {
        let done = self
            .driver
            .control(&mut self.connection, sql, attempt)
            .await;
        done.map_err(|failure| failure.error)
    }

    /// The number that a query of one cell gives.
    async fn count(&mut self, query: &str) -> Result<i64> {
        let rows = self
            .fetch(&format!("SELECT CAST(({query}) AS CHAR(20))"), &[])
            .await?;
        let cell = rows.into_iter().flatten().flatten().next();
        cell.and_then(|count| count.trim_end().parse().ok())
            .ok_or_else(|| Error::new(Code::Internal, "the server's count is no number"))
    }

    async fn fetch(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Texts>> {
        let rows = self.driver.fetch(&mut self.connection, sql, values).await;
        rows.map_err(|failure| failure.error)
    }
}

/// What has been done so far.
#[derive(Default)]
struct Done {
    statements: Vec<String>,
    steps: Vec<String>,
}

/// A step's failure, with what became of the steps before it.
fn explained<D: Migrates>(step: &Step, error: Error, done: &Done) -> Error {
    let code = match error.code {
        Code::UniqueViolation | Code::ForeignKeyViolation | Code::NotNullViolation => {
            Code::UnsafeMigration
        }
        Code::Internal | Code::InvalidInput | Code::CheckViolation => Code::SchemaMismatch,
        code => code,
    };
    let rest = if D::UNDOES || done.steps.is_empty() {
        "nothing was changed".to_owned()
    } else {
        let steps = done.steps.join(", ");
        format!("{steps} had been created before; run it again and it goes on")
    };
    let cause = error.cause.clone().unwrap_or_else(|| error.message.clone());
    let mut explained = step
        .about(Error::new(code, format!("cannot create {step}; {rest}")))
        .with_cause(cause);
    explained.retryable = error.retryable;
    explained.sql_state.clone_from(&error.sql_state);
    explained
}

/// Nobody has let go of the lock in time.
fn locked(server: &str, patience: Duration, holder: Option<String>) -> Error {
    let holder = holder.unwrap_or_else(|| "somebody".to_owned());
    let message = format!(
        "the migration waited {} ms (acquireTimeoutMs) for another one of the same database on \
         {server}, which {holder} runs",
        patience.as_millis()
    );
    Error::new(Code::DatabaseLocked, message)
}
