//! How large the tables are, how their indexes are used and which statements are slow, by what the
//! database itself keeps; where it keeps nothing, or does not tell, the reason why.

mod mysql;
mod postgres;
mod sqlite;

use std::collections::HashMap;

use serde::Serialize;

use crate::error::Result;
use crate::schema::{MissingIndex, Schema, Session, Site, missing_indexes, statement_shape};
use crate::sql::Dialect;

/// A site that tells about itself.
pub trait Surveyed: Site {
    /// `slow` in milliseconds.
    fn survey(&mut self, tables: &[&str], slow: f64)
    -> impl Future<Output = Result<Survey>> + Send;

    /// Makes the planner's statistics of these tables anew.
    fn analyze(&mut self, tables: &[&str]) -> impl Future<Output = Result<()>> + Send;

    /// What the index of words over the columns is known by: `name`, or its columns.
    fn full_text(
        &mut self,
        table: &str,
        name: &str,
        columns: &[String],
    ) -> impl Future<Output = Result<Option<Vec<String>>>> + Send;
}

/// What differs from server to server; see `Surveyed`.
pub trait Surveys: crate::schema::servers::Migrates {
    fn survey(
        session: &mut Session<Self>,
        tables: &[&str],
        slow: f64,
    ) -> impl Future<Output = Result<Survey>> + Send
    where
        Self: Sized;

    fn analyze(
        session: &mut Session<Self>,
        tables: &[&str],
    ) -> impl Future<Output = Result<()>> + Send
    where
        Self: Sized;

    fn full_text(
        session: &mut Session<Self>,
        table: &str,
        name: &str,
        columns: &[String],
    ) -> impl Future<Output = Result<Option<Vec<String>>>> + Send
    where
        Self: Sized;
}

impl<D: Surveys> Surveyed for Session<'_, D> {
    async fn survey(&mut self, tables: &[&str], slow: f64) -> Result<Survey> {
        D::survey(self, tables, slow).await
    }

    async fn analyze(&mut self, tables: &[&str]) -> Result<()> {
        D::analyze(self, tables).await
    }

    async fn full_text(
        &mut self,
        table: &str,
        name: &str,
        columns: &[String],
    ) -> Result<Option<Vec<String>>> {
        D::full_text(self, table, name, columns).await
    }
}

/// What an engine tells.
#[derive(Debug)]
pub struct Survey {
    pub engine: &'static str,
    pub version: String,
    /// ISO 8601: since when uses are counted, where that is known.
    pub since: Option<String>,
    /// Of the whole database, where it is told.
    pub bytes: Option<i64>,
    /// Whether the numbers of rows were counted, and not estimated.
    pub counted: bool,
    pub tables: Vec<TableSize>,
    pub table_sizes: Result<(), String>,
    pub indexes: Vec<IndexUse>,
    pub index_sizes: Result<(), String>,
    pub index_usage: Result<(), String>,
    /// Those that are slow, the most expensive first; of everybody's tables.
    pub statements: Result<Vec<Slow>, String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSize {
    pub table: String,
    pub rows: i64,
    /// Without its indexes.
    pub bytes: Option<i64>,
    pub index_bytes: Option<i64>,
    /// Whether the planner's statistics were ever made; none where that is not told.
    pub analyzed: Option<bool>,
    /// How often it was read without an index.
    #[serde(skip)]
    pub scans: i64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexUse {
    pub table: String,
    pub index: String,
    pub columns: Vec<String>,
    pub unique: bool,
    pub bytes: Option<i64>,
    pub uses: Option<i64>,
    pub usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    Unused,
    Low,
    Moderate,
    High,
}

impl Usage {
    /// By the index's share in the reads of its table.
    fn of(uses: i64, all: i64) -> Self {
        let share = uses as f64 / all.max(1) as f64;
        match uses {
            0 => Self::Unused,
            _ if share < 0.01 => Self::Low,
            _ if share < 0.2 => Self::Moderate,
            _ => Self::High,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slow {
    /// Without values.
    pub statement: String,
    pub calls: i64,
    pub mean_ms: f64,
    pub max_ms: f64,
    pub total_ms: f64,
    /// That it gave or changed, or on MySQL looked at.
    pub rows: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    engine: &'static str,
    version: String,
    since: Option<String>,
    bytes: Option<i64>,
    rows_are_exact: bool,
    tables: Vec<TableSize>,
    table_sizes: Available,
    indexes: Vec<IndexUse>,
    index_sizes: Available,
    index_usage: Available,
    missing_indexes: Vec<MissingIndex>,
    slow_statements: SlowStatements,
}

#[derive(Debug, Serialize)]
struct Available {
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Result<(), String>> for Available {
    fn from(told: Result<(), String>) -> Self {
        Self {
            available: told.is_ok(),
            reason: told.err(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SlowStatements {
    #[serde(flatten)]
    available: Available,
    slow_ms: f64,
    statements: Vec<Slow>,
}

/// Slow statements that are told.
const STATEMENTS: usize = 20;

pub async fn statistics<S: Surveyed>(
    site: &mut S,
    schema: &Schema,
    slow: f64,
) -> Result<Statistics> {
    let existing = site.read(&schema.table_names()).await?;
    let dialect = site.dialect();
    let missing_indexes = missing_indexes(&*dialect, schema, &existing)?;
    let present = |name: &&str| existing.tables.contains_key(*name);
    let tables: Vec<&str> = schema.table_names().into_iter().filter(present).collect();
    let mut survey = site.survey(&tables, slow).await?;
    if survey.index_usage.is_ok() {
        classify(&survey.tables, &mut survey.indexes);
    }
    let (told, statements) = match survey.statements {
        Ok(statements) => (Ok(()), of_tables(&*dialect, &tables, statements)),
        Err(reason) => (Err(reason), Vec::new()),
    };
    Ok(Statistics {
        engine: survey.engine,
        version: survey.version,
        since: survey.since,
        bytes: survey.bytes,
        rows_are_exact: survey.counted,
        tables: survey.tables,
        table_sizes: survey.table_sizes.into(),
        indexes: survey.indexes,
        index_sizes: survey.index_sizes.into(),
        index_usage: survey.index_usage.into(),
        missing_indexes,
        slow_statements: SlowStatements {
            available: told.into(),
            slow_ms: slow,
            statements,
        },
    })
}

fn classify(tables: &[TableSize], indexes: &mut [IndexUse]) {
    let mut all: HashMap<String, i64> = tables
        .iter()
        .map(|table| (table.table.clone(), table.scans))
        .collect();
    for index in indexes.iter() {
        *all.entry(index.table.clone()).or_default() += index.uses.unwrap_or(0);
    }
    for index in indexes {
        let all = all.get(&index.table).copied().unwrap_or(0);
        index.usage = index.uses.map(|uses| Usage::of(uses, all));
    }
}

/// The statements that touch one of the tables, as shapes. What defines something may have values
/// that no database takes out of it, such as passwords.
fn of_tables(dialect: &dyn Dialect, tables: &[&str], statements: Vec<Slow>) -> Vec<Slow> {
    const WORDS: [&str; 7] = [
        "select", "insert", "update", "delete", "replace", "merge", "with",
    ];
    let bare: Vec<&str> = tables
        .iter()
        .map(|table| dialect.qualified(table).1)
        .collect();
    let touching = statements.into_iter().filter_map(|mut slow| {
        let (shape, names) = statement_shape(dialect, &slow.statement)?;
        let first = names.first()?.to_lowercase();
        let ours = |name: &String| bare.iter().any(|table| table.eq_ignore_ascii_case(name));
        if !WORDS.contains(&first.as_str()) || !names.iter().skip(1).any(ours) {
            return None;
        }
        slow.statement = shape;
        Some(slow)
    });
    touching.take(STATEMENTS).collect()
}

pub async fn analyze<S: Surveyed>(site: &mut S, tables: &[String]) -> Result<Vec<String>> {
    let names: Vec<&str> = tables.iter().map(String::as_str).collect();
    let existing = site.read(&names).await?;
    let is_table = |name: &&str| {
        let table = existing.tables.get(*name);
        table.is_some_and(|table| !table.is_view)
    };
    let present: Vec<&str> = names.into_iter().filter(is_table).collect();
    if !present.is_empty() {
        site.analyze(&present).await?;
    }
    Ok(present.into_iter().map(ToOwned::to_owned).collect())
}

fn number(cell: Option<&String>) -> i64 {
    real(cell) as i64
}

fn real(cell: Option<&String>) -> f64 {
    cell.and_then(|text| text.trim().parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{MySql, Postgres};

    fn slow(statement: &str) -> Slow {
        Slow {
            statement: statement.to_owned(),
            calls: 1,
            mean_ms: 1.0,
            max_ms: 1.0,
            total_ms: 1.0,
            rows: 1,
        }
    }

    fn shapes(dialect: &dyn Dialect, statements: &[&str]) -> Vec<String> {
        let statements = statements.iter().map(|statement| slow(statement)).collect();
        let kept = of_tables(dialect, &["user", "auth.session"], statements);
        kept.into_iter().map(|slow| slow.statement).collect()
    }

    #[test]
    fn an_index_is_used_by_its_share_in_the_reads() {
        assert_eq!(Usage::of(0, 0), Usage::Unused);
        assert_eq!(Usage::of(0, 1_000), Usage::Unused);
        assert_eq!(Usage::of(9, 1_000), Usage::Low);
        assert_eq!(Usage::of(10, 1_000), Usage::Moderate);
        assert_eq!(Usage::of(200, 1_000), Usage::High);
        assert_eq!(Usage::of(1, 1), Usage::High);
    }

    #[test]
    fn a_statement_is_told_without_its_values() {
        let told = shapes(
            &Postgres::default(),
            &[
                "SELECT \"id\"\n  FROM \"user\" WHERE email = 'ada''s' AND n = 12 AND m = $1",
                "DELETE FROM auth.session WHERE token = E'a\\'b' /* 'c' */ AND x = $$d$$",
                "ALTER ROLE user PASSWORD 'secret'",
                "SELECT 1 FROM users",
                "SELECT * FROM \"user\" WHERE name = 'unfinished",
            ],
        );
        assert_eq!(
            told,
            [
                "SELECT \"id\" FROM \"user\" WHERE email = ? AND n = ? AND m = $1",
                "DELETE FROM auth.session WHERE token = E? AND x = ?",
            ]
        );
        let told = shapes(
            &MySql::default(),
            &["SELECT * FROM `user` WHERE name = \"ada\" OR name = 'a\\'b' # c"],
        );
        assert_eq!(told, ["SELECT * FROM `user` WHERE name = ? OR name = ?"]);
    }
}
