//! SQL text: a builder that only ever binds values and only ever quotes names, the filter
//! operators, and what differs from dialect to dialect.

mod builder;
mod dialect;
mod filter;
pub mod mysql;
mod postgres;
mod search;
mod sqlite;

pub use builder::Builder;
pub use dialect::{
    ColumnUse, Dialect, FirstMatch, JoinedRows, Key, NewId, Quoting, SkipsLocked, Verdict, Write,
    touch_trigger,
};
pub use filter::{Clause, Operator, Term, comparison, filter};
pub use mysql::MySql;
pub use postgres::Postgres;
pub use search::{COPIES, SearchIndex, SearchPart};
pub use sqlite::Sqlite;

use serde::Deserialize;

use crate::value::Kind;

/// A column and what it holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub column: String,
    pub kind: Kind,
}

/// A value that is part of a statement's text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    Boolean(bool),
    Number(f64),
    Text(String),
}

/// Rows of another table that belong to each found row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    pub table: String,
    /// Column of the table that is searched.
    pub from: String,
    /// Column of the joined table.
    pub to: String,
    /// Whether `to` is the joined table's primary key, so that there is one row at most.
    pub by_key: bool,
    pub columns: Vec<Field>,
}
