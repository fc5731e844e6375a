//! What a database holds, read from its catalogue.

use rusqlite::params;

use crate::engine::sqlite::{Connection, from_control};
use crate::error::Result;
use crate::schema::existing::{
    Existing, ExistingColumn, ExistingForeignKey, ExistingIndex, ExistingTable,
};

pub fn read(connection: &Connection, tables: &[&str]) -> Result<Existing> {
    let failed = |name: &str, error| {
        let attempt = format!("reading how table \"{name}\" is built");
        from_control(&error, &attempt, connection.raw()).with_table(name)
    };
    let mut existing = Existing::default();
    for name in tables.iter().copied() {
        let table = read_table(connection.raw(), name).map_err(|error| failed(name, error))?;
        if let Some(table) = table {
            existing.tables.insert(name.to_owned(), table);
        }
    }
    let names = |query: &str| {
        let names = texts(connection.raw(), query, "trigger");
        let names = names.map_err(|error| failed("sqlite_schema", error))?;
        Ok(names.into_iter().collect())
    };
    existing.taken = names("SELECT name FROM sqlite_schema WHERE type <> ?")?;
    existing.triggers = names("SELECT name FROM sqlite_schema WHERE type = ?")?;
    Ok(existing)
}

/// The table, or `None` where there is none.
fn read_table(
    connection: &rusqlite::Connection,
    name: &str,
) -> rusqlite::Result<Option<ExistingTable>> {
    // A row id's alias gets its number by itself.
    let mut statement = connection.prepare(
        "SELECT name, lower(type), \"notnull\" OR pk, dflt_value IS NOT NULL OR hidden IN (2, 3) \
         OR (pk AND lower(type) = 'integer') FROM pragma_table_xinfo(?)",
    )?;
    let columns = statement.query_map(params![name], |row| {
        Ok(ExistingColumn {
            name: row.get(0)?,
            data_type: row.get(1)?,
            nullable: !row.get::<_, bool>(2)?,
            has_default: row.get(3)?,
            ..ExistingColumn::default()
        })
    })?;
    let mut columns: Vec<ExistingColumn> = columns.collect::<rusqlite::Result<_>>()?;
    if columns.is_empty() {
        return Ok(None);
    }
    for column in &mut columns {
        let metadata = connection.column_metadata(None, name, &column.name);
        // A view's columns have none.
        column.ignores_case = metadata.is_ok_and(|(_, collation, ..)| {
            collation.is_some_and(|collation| collation.to_bytes().eq_ignore_ascii_case(b"nocase"))
        });
    }
    let kind: Option<String> = texts(
        connection,
        "SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
        name,
    )?
    .pop();
    Ok(Some(ExistingTable {
        is_view: kind.as_deref() == Some("view"),
        columns,
        indexes: indexes(connection, name)?,
        foreign_keys: foreign_keys(connection, name)?,
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
            Ok(ExistingIndex {
                name,
                columns,
                unique,
            })
        })
        .collect()
}

fn foreign_keys(
    connection: &rusqlite::Connection,
    table: &str,
) -> rusqlite::Result<Vec<ExistingForeignKey>> {
    let mut statement = connection
        .prepare("SELECT \"from\", on_delete = 'CASCADE' FROM pragma_foreign_key_list(?)")?;
    let keys = statement.query_map(params![table], |row| {
        Ok(ExistingForeignKey {
            name: String::new(),
            column: row.get(0)?,
            cascades: Some(row.get(1)?),
        })
    })?;
    keys.collect()
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
