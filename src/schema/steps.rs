//! The changes that a schema may need, each one statement there and one back.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::model::{Column, Index, Reference, Search, Table};
use crate::sql::SearchPart;

#[derive(Debug)]
pub enum Step<'s> {
    CreateSchema(&'s str),
    CreateTable {
        table: &'s Table,
        columns: Vec<NewColumn<'s>>,
        /// Those that are created with it; others have steps of their own.
        indexes: Vec<NewIndex<'s>>,
    },
    AddColumn {
        table: &'s Table,
        column: NewColumn<'s>,
    },
    CreateIndex {
        table: &'s Table,
        index: NewIndex<'s>,
    },
    /// One whose making was interrupted, to make it again.
    DropBrokenIndex {
        table: &'s Table,
        name: &'s str,
    },
    AddForeignKey {
        table: &'s Table,
        key: ForeignKey<'s>,
    },
    /// What a trigger calls, where it cannot say it itself.
    CreateTouchFunction {
        table: &'s Table,
        column: &'s str,
    },
    CreateTouchTrigger {
        table: &'s Table,
        column: &'s str,
    },
    /// One of the statements that an index of words takes.
    CreateSearch {
        table: &'s Table,
        search: &'s Search,
        part: SearchPart,
    },
}

#[derive(Debug)]
pub struct NewColumn<'s> {
    pub column: &'s Column,
    pub column_type: Cow<'s, str>,
    /// Where it is made with the column.
    pub foreign_key: Option<ForeignKey<'s>>,
}

#[derive(Debug)]
pub struct NewIndex<'s> {
    pub index: &'s Index,
    /// Its own name, unless that is taken.
    pub name: String,
    /// For each column, how much of it goes into the index; all where none is told.
    pub prefixes: Vec<Option<usize>>,
    /// Whether others may write to the table meanwhile; no transaction can do that.
    pub concurrent: bool,
    /// The index that the database made for a foreign key, and drops now that this one serves it.
    pub replaces: Option<String>,
}

#[derive(Debug)]
pub struct ForeignKey<'s> {
    /// None where they are never spoken of again.
    pub name: Option<String>,
    pub column: &'s Column,
    pub reference: &'s Reference,
    /// Whether the database makes an index for it, of the same name.
    pub makes_index: bool,
}

/// A step in words and in SQL.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    pub kind: &'static str,
    /// What it makes, as messages name it.
    #[serde(rename = "description")]
    pub what: String,
    pub table: Option<String>,
    pub column: Option<String>,
    #[serde(skip)]
    pub constraint: Option<String>,
    pub up: String,
    pub down: String,
    /// Whether no transaction can take it.
    #[serde(skip)]
    pub alone: bool,
}

/// What a step is about: the table, the column and the constraint.
type Subject<'s> = (Option<&'s str>, Option<&'s str>, Option<&'s str>);

impl Step<'_> {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateSchema(_) => "schema",
            Self::CreateTable { .. } => "table",
            Self::AddColumn { .. } => "column",
            Self::CreateIndex { .. } | Self::DropBrokenIndex { .. } | Self::CreateSearch { .. } => {
                "index"
            }
            Self::AddForeignKey { .. } => "foreign key",
            Self::CreateTouchFunction { .. } | Self::CreateTouchTrigger { .. } => "trigger",
        }
    }

    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::CreateSchema(_) => (None, None, None),
            Self::CreateTable { table, .. } => (Some(&table.name), None, None),
            Self::AddColumn { table, column } => {
                (Some(&table.name), Some(&column.column.name), None)
            }
            Self::CreateIndex { table, index } => (Some(&table.name), None, Some(&index.name)),
            Self::DropBrokenIndex { table, name } => (Some(&table.name), None, Some(name)),
            Self::AddForeignKey { table, key } => (Some(&table.name), Some(&key.column.name), None),
            Self::CreateTouchFunction { table, column }
            | Self::CreateTouchTrigger { table, column } => (Some(&table.name), Some(column), None),
            Self::CreateSearch { table, search, .. } => {
                (Some(&table.name), None, Some(&search.name))
            }
        }
    }
}

/// What the step makes, as messages name it.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateSchema(name) => write!(f, "the schema \"{name}\""),
            Self::CreateTable { table, .. } => write!(f, "the table \"{}\"", table.name),
            Self::AddColumn { table, column } => write!(
                f,
                "the column \"{}\" of table \"{}\"",
                column.column.name, table.name
            ),
            Self::CreateIndex { table, index } => {
                write!(
                    f,
                    "the index \"{}\" of table \"{}\"",
                    index.name, table.name
                )
            }
            Self::DropBrokenIndex { table, name } => write!(
                f,
                "room for the index \"{name}\" of table \"{}\", whose making was interrupted",
                table.name
            ),
            Self::AddForeignKey { table, key } => write!(
                f,
                "a foreign key from \"{}\".\"{}\" to \"{}\"",
                table.name, key.column.name, key.reference.table
            ),
            Self::CreateTouchFunction { table, column } => write!(
                f,
                "what the trigger of \"{}\".\"{column}\" calls",
                table.name
            ),
            Self::CreateTouchTrigger { table, column } => {
                write!(f, "the trigger that keeps \"{}\".\"{column}\"", table.name)
            }
            Self::CreateSearch {
                table,
                search,
                part,
            } => write!(
                f,
                "{} \"{}\" of table \"{}\"",
                part.what, search.name, table.name
            ),
        }
    }
}
