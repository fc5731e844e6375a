//! A database while its schema is read or changed: what differs from engine to engine.

use super::existing::Existing;
use crate::engine::server::Texts;
use crate::error::{Error, Result};
use crate::sql::Dialect;

/// What a visit to a database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// Only to look, waiting for nobody.
    Look,
    /// To change it, as the only one at that time.
    Change,
    /// As `Change`, for statements that no transaction takes.
    Alone,
}

pub trait Site: Send {
    fn dialect(&self) -> Box<dyn Dialect>;

    /// Whether every statement of such a visit is for good, whatever becomes of those after it.
    fn is_stepwise(&self, visit: Visit) -> bool;

    /// Begins what ends with `leave`. To change the schema, it waits for its turn.
    fn enter(&mut self, visit: Visit) -> impl Future<Output = Result<()>> + Send;

    /// Ends it; what was changed stays where it is `kept`, as far as that can still be decided.
    fn leave(&mut self, visit: Visit, kept: bool) -> impl Future<Output = Result<()>> + Send;

    /// What there is of these tables.
    fn read(&mut self, tables: &[&str]) -> impl Future<Output = Result<Existing>> + Send;

    /// Runs a statement that defines something.
    fn run(&mut self, statement: &str) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement with values; text in, text out.
    fn fetch(
        &mut self,
        sql: &str,
        values: &[&str],
    ) -> impl Future<Output = Result<Vec<Texts>>> + Send;

    /// The tables that refer to these and are none of them, where dropping would not ask.
    fn strangers(&mut self, tables: &[&str]) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Drops these tables, all at once where that is possible.
    fn drop_tables(&mut self, tables: &[&str]) -> impl Future<Output = Result<()>> + Send;

    /// Deletes every row of these tables.
    fn empty_tables(&mut self, tables: &[&str]) -> impl Future<Output = Result<()>> + Send;
}

/// The number that a query of one cell gives.
pub async fn count<S: Site>(site: &mut S, query: &str) -> Result<i64> {
    let rows = site
        .fetch(&format!("SELECT CAST(({query}) AS CHAR(20))"), &[])
        .await?;
    let cell = rows.into_iter().flatten().flatten().next();
    cell.and_then(|count| count.trim_end().parse().ok())
        .ok_or_else(|| Error::new(crate::error::Code::Internal, "a count is no number"))
}

/// Whether a statement failed because what it makes is there.
pub fn is_there_already(error: &Error) -> bool {
    let state = error.sql_state.as_deref().unwrap_or_default();
    let cause = error.cause.as_deref().unwrap_or_default();
    matches!(state, "42S01" | "42S21" | "42P07")
        || [
            "Duplicate key name",
            "Duplicate foreign key",
            "Trigger already exists",
        ]
        .iter()
        .any(|words| cause.starts_with(words))
        || cause.contains("errno: 121")
}

/// Whether a statement failed because what it drops is gone.
pub fn is_gone_already(error: &Error) -> bool {
    let state = error.sql_state.as_deref().unwrap_or_default();
    let cause = error.cause.as_deref().unwrap_or_default();
    matches!(state, "42S02" | "42704")
        || ["Can't DROP", "Trigger does not exist"]
            .iter()
            .any(|words| cause.starts_with(words))
}
