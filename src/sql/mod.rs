//! SQL text: a builder that only ever binds values and only ever quotes names, the filter
//! operators, and what differs from dialect to dialect.

mod builder;
mod dialect;
mod filter;
mod sqlite;

pub use builder::Builder;
pub use dialect::Dialect;
pub use filter::{Clause, Operator, Term, filter};
pub use sqlite::Sqlite;

use serde::Deserialize;

use crate::value::Kind;

/// A column and what it holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub column: String,
    pub kind: Kind,
}
