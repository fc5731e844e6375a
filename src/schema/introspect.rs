//! What a database holds, read from its catalogue.

use rusqlite::params;

use crate::engine::sqlite::Connection;
use crate::error::{Code, Error, Result};
use crate::sql::{Builder, Dialect};

/// A table as it is. Names compare without regard to ASCII case, as SQLite compares them.
#[derive(Debug)]
pub struct ExistingTable {
    pub columns: Vec<String>,
    pub indexes: Vec<ExistingIndex>,
    /// Columns that refer to another table, with that table.
    pub references: Vec<(String, String)>,
    pub has_rows: bool,
}

#[derive(Debug)]
pub struct ExistingIndex {
    /// In index order; empty names stand for expressions.
    pub columns: Vec<String>,
    pub unique: bool,
    pub partial: bool,
}

impl ExistingTable {
    pub fn has_column(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    }

    /// Whether the column refers to any table.
    pub fn is_foreign_key(&self, column: &str) -> bool {
        self.references
            .iter()
            .any(|(from, _)| from.eq_ignore_ascii_case(column))
    }

    pub fn refers(&self, column: &str, table: &str) -> bool {
        self.references
            .iter()
            .any(|(from, to)| from.eq_ignore_ascii_case(column) && to.eq_ignore_ascii_case(table))
    }
}

/// The table, or `None` where there is none.
pub fn table(
    dialect: &dyn Dialect,
    connection: &Connection,
    name: &str,
) -> Result<Option<ExistingTable>> {
    read_table(dialect, connection.raw(), name).map_err(|error| {
        Error::new(
            Code::StorageFailed,
            format!("cannot read how table \"{name}\" is built"),
        )
        .with_table(name)
        .with_cause(error)
    })
}

fn read_table(
    dialect: &dyn Dialect,
    connection: &rusqlite::Connection,
    name: &str,
) -> rusqlite::Result<Option<ExistingTable>> {
    let columns = texts(connection, "SELECT name FROM pragma_table_xinfo(?)", name)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let mut any_row = Builder::new(dialect);
    any_row
        .sql("SELECT EXISTS (SELECT 1 FROM ")
        .table(name)
        .sql(")");
    let has_rows = connection.query_row(&any_row.finish().0, [], |row| row.get(0))?;
    Ok(Some(ExistingTable {
        columns,
        indexes: indexes(connection, name)?,
        references: references(connection, name)?,
        has_rows,
    }))
}

fn indexes(connection: &rusqlite::Connection, table: &str) -> rusqlite::Result<Vec<ExistingIndex>> {
    let mut statement =
        connection.prepare("SELECT name, \"unique\", partial FROM pragma_index_list(?)")?;
    let listed = statement.query_map(params![table], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
    })?;
    listed
        .map(|index| {
            let (name, unique, partial) = index?;
            let columns = texts(
                connection,
                "SELECT coalesce(name, '') FROM pragma_index_info(?) ORDER BY seqno",
                &name,
            )?;
            Ok(ExistingIndex {
                columns,
                unique,
                partial,
            })
        })
        .collect()
}

fn references(
    connection: &rusqlite::Connection,
    table: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT \"from\", \"table\" FROM pragma_foreign_key_list(?)")?
        .query_map(params![table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn texts(
    connection: &rusqlite::Connection,
    sql: &str,
    parameter: &str,
) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(sql)?
        .query_map(params![parameter], |row| row.get(0))?
        .collect()
}
