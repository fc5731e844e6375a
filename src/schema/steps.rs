//! The changes that a schema may need, each one statement.

use std::borrow::Cow;
use std::fmt;

use super::model::{Column, Index, Reference, Table};
use crate::error::Error;

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
    AddForeignKey {
        table: &'s Table,
        key: ForeignKey<'s>,
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
}

#[derive(Debug)]
pub struct ForeignKey<'s> {
    /// None where they are never spoken of again.
    pub name: Option<String>,
    pub column: &'s Column,
    pub reference: &'s Reference,
}

impl Step<'_> {
    /// The error, with what it is about.
    pub fn about(&self, error: Error) -> Error {
        match self {
            Self::CreateSchema(_) => error,
            Self::CreateTable { table, .. } => error.with_table(&table.name),
            Self::AddColumn { table, column } => error
                .with_table(&table.name)
                .with_column(&column.column.name),
            Self::CreateIndex { table, index } => {
                error.with_table(&table.name).with_constraint(&index.name)
            }
            Self::AddForeignKey { table, key } => {
                error.with_table(&table.name).with_column(&key.column.name)
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
            Self::AddForeignKey { table, key } => write!(
                f,
                "a foreign key from \"{}\".\"{}\" to \"{}\"",
                table.name, key.column.name, key.reference.table
            ),
        }
    }
}
