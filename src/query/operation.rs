//! The shape of an operation: everything about a call except its values.
//!
//! A shape names tables and columns as the database knows them. The values of a call are one flat
//! list, in the order each variant documents; every filter clause takes exactly one of them.

use serde::Deserialize;

use crate::sql::{Clause, Field};

#[derive(Debug, Deserialize)]
#[serde(tag = "operation", rename_all = "camelCase", deny_unknown_fields)]
pub enum Operation {
    /// Values: filter, then as `Select`.
    FindOne(Select),
    /// Values: as `Select`.
    FindMany(Select),
    /// Values: filter.
    Count { table: String, filter: Vec<Clause> },
    /// Values: one per field of `set`.
    Create {
        table: String,
        set: Vec<Field>,
        returning: Vec<Field>,
    },
    /// Changes every match, returns the first. Values: set, filter.
    Update {
        table: String,
        set: Vec<Field>,
        filter: Vec<Clause>,
        returning: Vec<Field>,
    },
    /// Values: set, filter.
    UpdateMany {
        table: String,
        set: Vec<Field>,
        filter: Vec<Clause>,
    },
    /// Deletes every match, returns how many. Values: filter.
    Delete { table: String, filter: Vec<Clause> },
    /// Deletes at most one match and returns it. Values: filter.
    ConsumeOne {
        table: String,
        key: String,
        filter: Vec<Clause>,
        returning: Vec<Field>,
    },
    /// Adds to columns of at most one match and returns it. Values: increments, set, filter.
    IncrementOne {
        table: String,
        key: String,
        increment: Vec<Field>,
        set: Vec<Field>,
        filter: Vec<Clause>,
        returning: Vec<Field>,
    },
}

/// Values: filter, one limit per join, then limit and offset where present.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Select {
    pub table: String,
    pub columns: Vec<Field>,
    pub filter: Vec<Clause>,
    #[serde(default)]
    pub joins: Vec<Join>,
    pub sort: Option<Sort>,
    #[serde(default)]
    pub limit: bool,
    #[serde(default)]
    pub offset: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sort {
    pub column: String,
    #[serde(default)]
    pub descending: bool,
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
