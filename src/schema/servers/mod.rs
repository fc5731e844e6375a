//! Schemas on servers: on a connection of their own, and changed by one process at a time.

pub mod mysql;
mod postgres;

use std::time::Duration;

use super::existing::Existing;
use super::life::{self, Request};
use super::site::{Site, Visit};
use crate::engine::server::{Driver, Server, Texts};
use crate::error::{Code, Error, Result};
use crate::sql::Dialect;

/// What differs from server to server; see `Site`.
pub trait Migrates: Driver {
    fn dialect(&self, facts: &Self::Facts) -> impl Dialect + 'static;

    fn is_stepwise(visit: Visit) -> bool;

    /// It waits for its turn no longer than the session has patience, and has as much time as it
    /// needs from then on.
    fn enter(session: &mut Session<Self>, visit: Visit) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    fn leave(
        session: &mut Session<Self>,
        visit: Visit,
        kept: bool,
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    fn read(
        session: &mut Session<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<Existing>> + Send
    where
        Self: Sized;

    fn strangers(
        session: &mut Session<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<Vec<String>>> + Send
    where
        Self: Sized;

    fn drop_tables(
        session: &mut Session<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    fn empty_tables(
        session: &mut Session<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;
}

/// Where no time is set that callers may wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does what is asked for, and answers as JSON.
pub async fn answer<D: Migrates>(server: &Server<D>, request: &Request) -> Result<String> {
    let mut session = Session::open(server).await?;
    let answer = life::answer(&mut session, request).await;
    session.close().await;
    answer
}

/// A connection that serves one request.
pub struct Session<'s, D: Driver> {
    driver: &'s D,
    connection: D::Connection,
    patience: Duration,
}

impl<'s, D: Driver> Session<'s, D> {
    pub async fn open(server: &'s Server<D>) -> Result<Self> {
        let waits = server.acquire_timeout();
        Ok(Self {
            driver: server.driver(),
            connection: server.connect().await?,
            patience: if waits.is_zero() { PATIENCE } else { waits },
        })
    }

    pub async fn close(self) {
        D::disconnect(self.connection).await;
    }
}

impl<D: Migrates> Site for Session<'_, D> {
    fn dialect(&self) -> Box<dyn Dialect> {
        Box::new(self.driver.dialect(D::facts(&self.connection)))
    }

    fn is_stepwise(&self, visit: Visit) -> bool {
        D::is_stepwise(visit)
    }

    async fn enter(&mut self, visit: Visit) -> Result<()> {
        D::enter(self, visit).await
    }

    async fn leave(&mut self, visit: Visit, kept: bool) -> Result<()> {
        D::leave(self, visit, kept).await
    }

    async fn read(&mut self, tables: &[&str]) -> Result<Existing> {
        D::read(self, tables).await
    }

    async fn run(&mut self, statement: &str) -> Result<()> {
        self.control(statement, "it").await
    }

    async fn fetch(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Texts>> {
        let rows = self.driver.fetch(&mut self.connection, sql, values).await;
        rows.map_err(|failure| failure.error)
    }

    async fn strangers(&mut self, tables: &[&str]) -> Result<Vec<String>> {
        D::strangers(self, tables).await
    }

    async fn drop_tables(&mut self, tables: &[&str]) -> Result<()> {
        D::drop_tables(self, tables).await
    }

    async fn empty_tables(&mut self, tables: &[&str]) -> Result<()> {
        D::empty_tables(self, tables).await
    }
}

impl<D: Migrates> Session<'_, D> {
    async fn control(&mut self, sql: &str, attempt: &str) -> Result<()> {
        let done = self
            .driver
            .control(&mut self.connection, sql, attempt)
            .await;
        done.map_err(|failure| failure.error)
    }

    /// Nobody has let go of the lock in time.
    fn locked(&self, holder: Option<String>) -> Error {
        let holder = holder.unwrap_or_else(|| "somebody".to_owned());
        let message = format!(
            "the migration waited {} ms (acquireTimeoutMs) for another one of the same database on \
             {}, which {holder} runs",
            self.patience.as_millis(),
            self.driver.name()
        );
        Error::new(Code::DatabaseLocked, message)
    }
}
