//! The shape of an operation: everything about a call except its values.
//!
//! A shape names tables and columns as the database knows them. The values of a call are one flat
//! list, in the order each variant documents; every filter clause takes exactly one of them.

use serde::Deserialize;

use super::search::Search;
use crate::engine::Access;
use crate::sql::{Clause, Field, Join};

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
        key: String,
        set: Vec<Field>,
        returning: Vec<Field>,
    },
    /// Changes every match, returns the first. Values: set, filter.
    Update {
        table: String,
        key: String,
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
    /// As `Delete`, but for rows that somebody else has locked, for which it does not wait.
    DeleteUnlocked {
        table: String,
        key: String,
        filter: Vec<Clause>,
    },
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
    /// Values: see `Search`.
    SearchUsers(Search),
}

impl Operation {
    /// Better Auth's name of it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FindOne(_) => "findOne",
            Self::FindMany(_) => "findMany",
            Self::Count { .. } => "count",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::UpdateMany { .. } => "updateMany",
            Self::Delete { .. } => "delete",
            Self::DeleteUnlocked { .. } => "cleanup",
            Self::ConsumeOne { .. } => "consumeOne",
            Self::IncrementOne { .. } => "incrementOne",
            Self::SearchUsers(_) => "searchUsers",
        }
    }

    pub fn access(&self) -> Access {
        match self {
            Self::FindOne(_) | Self::FindMany(_) | Self::Count { .. } | Self::SearchUsers(_) => {
                Access::Read
            }
            _ => Access::Write,
        }
    }

    /// The tables it touches, each once.
    pub fn tables(&self) -> Vec<String> {
        let (table, joins) = match self {
            Self::FindOne(select) | Self::FindMany(select) => {
                (&select.table, select.joins.as_slice())
            }
            Self::Count { table, .. }
            | Self::Create { table, .. }
            | Self::Update { table, .. }
            | Self::UpdateMany { table, .. }
            | Self::Delete { table, .. }
            | Self::DeleteUnlocked { table, .. }
            | Self::ConsumeOne { table, .. }
            | Self::IncrementOne { table, .. }
            | Self::SearchUsers(Search { table, .. }) => (table, &[][..]),
        };
        let mut tables = vec![table.clone()];
        for join in joins {
            if !tables.contains(&join.table) {
                tables.push(join.table.clone());
            }
        }
        tables
    }
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
    /// Whether there may be nulls, which come first.
    #[serde(default)]
    pub nullable: bool,
}
