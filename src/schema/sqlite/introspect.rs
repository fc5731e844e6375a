//! What a database holds, read from its catalogue.

use rusqlite::params;

use super::Schema;
use crate::engine::sqlite::Connection;
use crate::error::{Code, Error, Result};
use crate::schema::existing::{Existing, ExistingColumn, ExistingIndex, ExistingTable};

pub fn read(connection: &Connection, schema: &Schema) -> Result<Existing> {
    let failed = |name: &str, error| {
        let message = format!("cannot read how table \"{name}\" is built");
        Error::new(Code::StorageFailed, message)
            .with_table(name)
            .with_cause(error)
    };
    let mut existing = Existing::default();
    for name in schema.table_names() {
        let table = read_table(connection.raw(), name).map_err(|error| failed(name, error))?;
        if let Some(table) = table {
            existing.tables.insert(name.to_owned(), table);
        }
    }
    let taken = texts(
        connection.raw(),
        "SELECT name FROM sqlite_schema WHERE type <> ?",
        "trigger",
    );
    existing.taken = taken
        .map_err(|error| failed("sqlite_schema", error))?
        .into_iter()
        .collect();
    Ok(existing)
}

/// The table, or `None` where there is none.
fn read_table(
    connection: &rusqlite::Connection,
    name: &str,
) -> rusqlite::Result<Option<ExistingTable>> {
    let columns = texts(connection, "SELECT name FROM pragma_table_xinfo(?)", name)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|name| ExistingColumn {
        name,
        ..ExistingColumn::default()
    });
    Ok(Some(ExistingTable {
        is_view: false,
        columns: columns.collect(),
        indexes: indexes(connection, name)?,
        references: references(connection, name)?,
    }))
}

fn indexes(connection: &rusqlite::Connection, table: &str) -> rusqlite::Result<Vec<ExistingIndex>> {
    let mut statement = connection
        .prepare("SELECT name, \"unique\" FROM pragma_index_list(?) WHERE partial = 0")?;
    let listed = statement.query_map(params![table], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?))
    })?;
    listed
        .map(|index| {
            let (name, unique) = index?;
            let columns = texts(
                connection,
                "SELECT coalesce(name, '') FROM pragma_index_info(?) ORDER BY seqno",
                &name,
            )?;
            Ok(ExistingIndex { columns, unique })
        })
        .collect()
}

fn references(connection: &rusqlite::Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    texts(
        connection,
        "SELECT \"from\" FROM pragma_foreign_key_list(?)",
        table,
    )
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
