//! SQL of the application's own on a server: it runs once, on the primary, on a connection of the
//! pool's, and leaves nothing behind on it.
//!
//! What a statement may leave is told by its first words, and what cannot be told is taken for the
//! worst. The connection is cleaned while the caller goes on, and nobody has it before it is clean.

use std::mem::replace;
use std::pin::pin;
use std::sync::Arc;

use super::Server;
use super::driver::{Driver, Leaves, Texts};
use super::failure::{Failure, Fate};
use super::pool::Lease;
use crate::engine::own::{ATTEMPT, Answer, Cell};
use crate::engine::{Call, InFlight};
use crate::error::Result;

impl<D: Driver> Server<D> {
    /// Runs a statement of the application's outside of transactions.
    pub async fn query(
        self: &Arc<Self>,
        in_flight: InFlight,
        sql: &str,
        values: &[Cell],
        call: &Call,
    ) -> Result<Answer> {
        let known = self.driver().know(sql);
        known.check_outside()?;
        let mut renewed = false;
        loop {
            let mut lease = self.primary.lease(ATTEMPT).await?;
            call.stops_waiting();
            lease.distrust();
            let result = {
                let work = pin!(self.run_alone(&mut lease, sql, values, known.leaves));
                self.in_time(ATTEMPT, work).await
            };
            let failure = match result {
                Err(failure) if failure.spoils_connection() => failure,
                result => {
                    self.note_changes(known.changes);
                    let leaves = if self.driver().always_in_transaction() {
                        known.leaves.after_own_transaction()
                    } else {
                        known.leaves
                    };
                    self.give_back(lease, leaves, in_flight);
                    return result.map_err(|failure| failure.error);
                }
            };
            lease.spoil();
            self.primary.lose(&failure.error);
            // The server says that it did nothing.
            if failure.fate != Fate::Turned || replace(&mut renewed, true) {
                return Err(failure.error);
            }
        }
    }

    async fn run_alone(
        &self,
        connection: &mut D::Connection,
        sql: &str,
        values: &[Cell],
        leaves: Leaves,
    ) -> Result<Answer, Failure> {
        if !self.driver().always_in_transaction() {
            return self.driver().run_own(connection, sql, values).await;
        }
        // A pooler gives the session to somebody else when the transaction ends.
        self.begin(connection, None, "").await?;
        let mut result = self.driver().run_own(connection, sql, values).await;
        if result.is_ok() && leaves == Leaves::Session {
            result = match self.reset(connection, "").await {
                Ok(()) => result,
                Err(failure) => Err(failure),
            };
        }
        self.end(connection, result).await
    }

    /// What was known before a statement that changes something may no longer hold.
    pub fn note_changes(&self, changes: Changes) {
        match changes {
            Changes::Nothing => {}
            Changes::Rows => self.replicas.note_write(),
            Changes::Tables => self.forget_tables(),
        }
    }

    /// Gives a connection back to the pool once nothing is left on it; nobody waits for that but
    /// `close`.
    pub fn give_back(self: &Arc<Self>, mut lease: Lease<D>, leaves: Leaves, in_flight: InFlight) {
        match leaves {
            Leaves::Nothing => lease.trust(),
            Leaves::Session => {
                let server = self.clone();
                tokio::spawn(async move {
                    let _in_flight = in_flight;
                    let reset = {
                        let work = pin!(server.reset(&mut lease, "ROLLBACK; "));
                        server.in_time("a reset", work).await
                    };
                    // Otherwise it is closed.
                    if reset.is_ok() {
                        lease.trust();
                    }
                });
            }
            Leaves::Unknown => {
                tokio::spawn(async move {
                    let _in_flight = in_flight;
                    if let Some(connection) = lease.take() {
                        D::disconnect(connection).await;
                    }
                });
            }
        }
    }

    pub async fn reset(&self, connection: &mut D::Connection, before: &str) -> Result<(), Failure> {
        let sql = format!("{before}{}", D::RESET);
        let reset = self.driver().control(connection, &sql, "reset a session");
        reset.await
    }

    /// Asks about the server itself.
    pub async fn ask(&self, _in_flight: InFlight, sql: &str) -> Result<Vec<Texts>> {
        let mut lease = self.primary.lease(ATTEMPT).await?;
        lease.distrust();
        let result = {
            let work = pin!(self.driver().fetch(&mut lease, sql, &[]));
            self.in_time(ATTEMPT, work).await
        };
        match result {
            Err(failure) if failure.spoils_connection() => {
                lease.spoil();
                self.primary.lose(&failure.error);
                Err(failure.error)
            }
            result => {
                lease.trust();
                result.map_err(|failure| failure.error)
            }
        }
    }
}

/// What a statement of the application's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    Nothing,
    Rows,
    /// Or whatever else there is besides rows.
    Tables,
}
