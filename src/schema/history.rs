//! The versions of a schema, in a table of the database itself.
//!
//! A version has one row, from when it is first applied. What it takes to go back is in it, so
//! that going back needs nothing but the database.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::existing::Existing;
use super::script;
use super::site::Site;
use crate::error::{Code, Error, Result};
use crate::sql::{Builder, ColumnUse, Dialect, Key};
use crate::value::{self, IdKind, Kind};

pub const TABLE: &str = "auth_schema_versions";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Up,
    Down,
}

/// Where a version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// What was there before the first version.
    Baseline,
    /// What the application's options asked for.
    Options,
    File,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub version: i64,
    pub description: String,
    /// Of `up`.
    pub checksum: String,
    /// The last way it was taken.
    pub direction: Direction,
    /// How long that took, in milliseconds.
    #[serde(rename = "durationMs")]
    pub duration: i64,
    /// When that was: ISO 8601, UTC.
    pub applied_at: String,
    pub origin: Origin,
    #[serde(skip)]
    pub up: String,
    /// None where there is no way back.
    #[serde(skip)]
    pub down: Option<String>,
    /// Of a version that is not taken to its end: how many of its statements are in the database,
    /// the last of them perhaps not.
    pub unfinished: Option<usize>,
}

impl Version {
    pub fn new(
        version: i64,
        description: &str,
        origin: Origin,
        up: String,
        down: Option<String>,
    ) -> Self {
        Self {
            version,
            description: description.to_owned(),
            checksum: script::checksum(&up),
            direction: Direction::Up,
            duration: 0,
            applied_at: String::new(),
            origin,
            up,
            down,
            unfinished: None,
        }
    }

    /// Whether any of it is in the database.
    pub fn is_there(&self) -> bool {
        self.direction == Direction::Up || self.unfinished.is_some()
    }
}

/// The versions in the table, by number; none where there is no table.
pub async fn read<S: Site>(site: &mut S, existing: &Existing) -> Result<Vec<Version>> {
    if !existing.tables.contains_key(TABLE) {
        return Ok(Vec::new());
    }
    let dialect = site.dialect();
    let mut sql = Builder::new(&*dialect);
    sql.sql("SELECT ")
        .list(", ", COLUMNS, |sql, (name, kind, _)| {
            if kind == Kind::String {
                sql.name(name);
            } else if kind == Kind::Date {
                dialect.moment_as_text(sql, name);
            } else {
                sql.sql("CAST(").name(name).sql(" AS CHAR(20))");
            }
        });
    sql.sql(" FROM ")
        .table(TABLE)
        .sql(" ORDER BY ")
        .name("version");
    let fetched = site.fetch(&sql.finish().0, &[]).await;
    let rows = fetched.map_err(|error| match error.code {
        Code::SchemaMismatch | Code::InvalidInput | Code::Internal => somebody_elses(&error),
        // It may be one: the file, the server or a lock is in the way.
        _ => error.with_table_if_unknown(TABLE),
    })?;
    rows.into_iter().map(|row| version(&row)).collect()
}

fn somebody_elses(error: &Error) -> Error {
    let message = format!("the table {TABLE} is not one of this package's, and cannot be read");
    Error::new(Code::SchemaMismatch, message)
        .with_table(TABLE)
        .with_cause(error.cause.clone().unwrap_or_else(|| error.message.clone()))
}

fn version(row: &[Option<String>]) -> Result<Version> {
    let text = |at: usize| {
        row.get(at)
            .and_then(Option::as_deref)
            .unwrap_or_default()
            .trim()
    };
    let unreadable = || {
        let message = format!(
            "version {} in the table {TABLE} cannot be read: the row was changed by hand, or the \
             database is damaged; restore it from a back-up",
            text(0)
        );
        Error::new(Code::StorageFailed, message).with_table(TABLE)
    };
    let number = |at: usize| text(at).parse().map_err(|_| unreadable());
    let word = |at: usize| serde_json::Value::from(text(at));
    Ok(Version {
        version: number(0)?,
        description: text(1).to_owned(),
        checksum: text(2).to_owned(),
        direction: serde_json::from_value(word(3)).map_err(|_| unreadable())?,
        duration: number(4)?,
        applied_at: iso(text(5)),
        origin: serde_json::from_value(word(6)).map_err(|_| unreadable())?,
        up: text(7).to_owned(),
        down: row.get(8).cloned().flatten(),
        unfinished: text(9).parse().ok(),
    })
}

/// Name, kind, and whether it has a value in every row.
const COLUMNS: [(&str, Kind, bool); 10] = [
    ("version", Kind::BigInt, true),
    ("description", Kind::String, true),
    ("checksum", Kind::String, true),
    ("direction", Kind::String, true),
    ("duration", Kind::BigInt, true),
    ("applied_at", Kind::Date, true),
    ("origin", Kind::String, true),
    ("up_sql", Kind::String, true),
    ("down_sql", Kind::String, false),
    ("unfinished", Kind::BigInt, false),
];

/// Creates the table where it is missing.
pub async fn prepare<S: Site>(site: &mut S, existing: &Existing) -> Result<()> {
    if existing.tables.contains_key(TABLE) {
        return Ok(());
    }
    let dialect = site.dialect();
    for schema in &existing.missing_schemas {
        if dialect.qualified(TABLE).0 == Some(schema) {
            let mut sql = Builder::new(&*dialect);
            sql.sql("CREATE SCHEMA IF NOT EXISTS ").name(schema);
            site.run(&sql.finish().0).await?;
        }
    }
    site.run(&definition(&*dialect)).await
}

fn definition(dialect: &dyn Dialect) -> String {
    let mut sql = Builder::new(dialect);
    sql.sql("CREATE TABLE IF NOT EXISTS ")
        .table(TABLE)
        .sql(" (");
    sql.list(",", COLUMNS, |sql, (name, kind, required)| {
        let key = (!name.ends_with("_sql")).then_some(Key {
            texts: 1,
            others: 0,
        });
        let id = IdKind::Text;
        sql.sql("\n  ").name(name).sql(" ");
        sql.sql(&dialect.column_type(ColumnUse { kind, id, key }));
        sql.sql(if required { " NOT NULL" } else { "" });
        sql.sql(if name == "version" {
            " PRIMARY KEY"
        } else {
            ""
        });
    });
    sql.sql("\n)").sql(dialect.table_options());
    sql.finish().0
}

/// Writes the row of a version, new or changed.
pub async fn write<S: Site>(site: &mut S, version: &Version, new: bool) -> Result<()> {
    let dialect = site.dialect();
    let mut sql = Builder::new(&*dialect);
    let number = version.version.to_string();
    let moment = dialect.moment(&now());
    let (duration, unfinished) = (
        version.duration.to_string(),
        version
            .unfinished
            .map_or(String::new(), |count| count.to_string()),
    );
    let word = |value: serde_json::Result<serde_json::Value>| match value {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    };
    let direction = word(serde_json::to_value(version.direction));
    let origin = word(serde_json::to_value(version.origin));
    let mut values: Vec<&str> = vec![
        &number,
        &version.description,
        &version.checksum,
        &direction,
        &duration,
        &moment,
        &origin,
        &version.up,
        version.down.as_deref().unwrap_or_default(),
        &unfinished,
    ];
    if new {
        sql.sql("INSERT INTO ").table(TABLE).sql(" (");
        sql.list(", ", COLUMNS, |sql, (name, ..)| {
            sql.name(name);
        });
        sql.sql(") VALUES (");
        sql.list(", ", COLUMNS.iter().enumerate(), |sql, (at, column)| {
            placeholder(sql, at + 1, column);
        });
        sql.sql(")");
    } else {
        // Every engine takes them in the order of their places.
        values.rotate_left(1);
        sql.sql("UPDATE ").table(TABLE).sql(" SET ");
        sql.list(
            ", ",
            COLUMNS[1..].iter().enumerate(),
            |sql, (at, column)| {
                sql.name(column.0).sql(" = ");
                placeholder(sql, at + 1, column);
            },
        );
        sql.sql(" WHERE ").name("version").sql(" = ");
        placeholder(&mut sql, COLUMNS.len(), &COLUMNS[0]);
    }
    site.fetch(&sql.finish().0, &values).await.map(drop)
}

pub async fn forget<S: Site>(site: &mut S, version: &Version) -> Result<()> {
    let dialect = site.dialect();
    let mut sql = Builder::new(&*dialect);
    sql.sql("DELETE FROM ")
        .table(TABLE)
        .sql(" WHERE ")
        .name("version")
        .sql(" = ");
    placeholder(&mut sql, 1, &COLUMNS[0]);
    let number = version.version.to_string();
    site.fetch(&sql.finish().0, &[&number]).await.map(drop)
}

/// The text bound there, as a value of the column.
fn placeholder(sql: &mut Builder, number: usize, (_, kind, required): &(&str, Kind, bool)) {
    let mut text = String::new();
    sql.dialect.placeholder(number, &mut text);
    if !required {
        text = format!("NULLIF({text}, '')");
    }
    let cast = sql.dialect.text_as(*kind, &text);
    sql.sql(&cast);
}

/// As the database writes it, in UTC.
fn iso(moment: &str) -> String {
    let moment = moment.replace(' ', "T");
    if moment.ends_with('Z') {
        moment
    } else {
        format!("{moment}Z")
    }
}

/// This moment, as ISO 8601 in UTC.
pub fn now() -> String {
    moment_before(0)
}

/// The moment so many seconds ago.
pub fn moment_before(seconds: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    let since = since.saturating_sub(Duration::from_secs(seconds));
    let milliseconds = since.as_millis() as i64;
    let moment = chrono::DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
    value::iso(moment)
}
