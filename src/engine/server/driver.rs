//! What differs between servers: how to connect, how to run a statement, and what its errors
//! mean. One implementation per database; all else about servers is shared.

use std::collections::HashMap;

use serde::Deserialize;

use super::failure::Failure;
use super::own::Changes;
use crate::engine::own::{Answer, Cell};
use crate::engine::words::Script;
use crate::engine::{Rows, Statement};
use crate::error::{Error, Result as CoreResult};
use crate::value::Value;

pub trait Driver: Send + Sync + 'static {
    type Connection: Send + 'static;
    /// How a column is built.
    type Column: Clone + Send + Sync + 'static;
    /// What statements depend on besides: the server's kind and settings.
    type Facts;

    /// Whether a statement that fails inside a transaction takes the transaction with it, so that
    /// each needs a savepoint of its own.
    const FAILURES_SPREAD: bool;

    /// Makes another handle to the same connection: what is sent by one does not wait for the answers
    /// to what was sent by the others. None where the protocol has no such thing.
    const SHARE: Option<Share<Self::Connection>> = None;

    /// The server as messages name it: no user, no password.
    fn name(&self) -> &str;

    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;

    /// Says goodbye.
    fn disconnect(connection: Self::Connection) -> impl Future<Output = ()> + Send;

    /// Whether it has not ended, as far as is known without asking.
    fn is_open(_connection: &Self::Connection) -> bool {
        true
    }

    /// Reads how tables are built, by the names that operations have for them. Those that do not
    /// exist are missing in the answer.
    fn describe(
        &self,
        connection: &mut Self::Connection,
        tables: &[&str],
    ) -> impl Future<Output = Result<Tables<Self::Column>, Failure>> + Send;

    fn facts(connection: &Self::Connection) -> &Self::Facts;

    /// Runs one statement; where none is kept, the cells are the number of rows it matched.
    fn execute(
        &self,
        connection: &mut Self::Connection,
        statement: &Statement,
        values: &[Value],
    ) -> impl Future<Output = Result<Executed, Failure>> + Send;

    /// Runs statements without values or rows, in one round trip where there are several.
    fn control(
        &self,
        connection: &mut Self::Connection,
        sql: &str,
        attempt: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Asks about the database itself: text in, text out.
    fn fetch(
        &self,
        connection: &mut Self::Connection,
        sql: &str,
        values: &[&str],
    ) -> impl Future<Output = Result<Vec<Texts>, Failure>> + Send;

    /// How its statements are written.
    const SCRIPT: Script;

    /// What a statement of the application's is, as far as its words tell.
    fn know(&self, sql: &str) -> Known;

    /// Runs a statement of the application's.
    fn run_own(
        &self,
        connection: &mut Self::Connection,
        sql: &str,
        values: &[Cell],
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Undoes, outside of transactions or in one, what `Leaves::Session` may have left.
    const RESET: &'static str;

    /// What begins a transaction.
    fn begin(&self, isolation: Option<Isolation>) -> String;

    /// Whether statements outside of transactions are to run in one of their own.
    fn always_in_transaction(&self) -> bool {
        false
    }
}

pub type Share<C> = fn(&C) -> C;

/// What is known of a statement of the application's before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub leaves: Leaves,
    pub changes: Changes,
    /// Why it is run nowhere.
    pub refused: Option<&'static str>,
    /// Why it is not run in a transaction.
    pub refused_inside: Option<&'static str>,
    /// Whether it may end the transaction that it runs in without saying so.
    pub may_end: bool,
}

impl Known {
    pub fn check_outside(&self) -> CoreResult<()> {
        self.refused
            .map_or(Ok(()), |why| Err(Error::invalid_input(why)))
    }

    pub fn check_inside(&self) -> CoreResult<()> {
        self.check_outside()?;
        self.refused_inside
            .map_or(Ok(()), |why| Err(Error::invalid_input(why)))
    }
}

/// What a statement may leave in its session, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaves {
    Nothing,
    /// What a reset undoes.
    Session,
    /// What only the end of the connection undoes.
    Unknown,
}

impl Leaves {
    /// As `self`, after a reset in the transaction that the statement ran in.
    pub fn after_own_transaction(self) -> Self {
        match self {
            Self::Session => Self::Nothing,
            other => other,
        }
    }
}

/// By table and column.
pub type Tables<C> = HashMap<String, HashMap<String, C>>;

/// The cells of a row.
pub type Texts = Vec<Option<String>>;

#[derive(Debug, Default)]
pub struct Executed {
    pub rows: Rows,
    /// The id the server counted for the row inserted.
    pub new_id: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Isolation {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Isolation {
    pub fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}
