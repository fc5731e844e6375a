//! SQLite cannot add a constraint to a table. A foreign key changes nothing of what is stored, so
//! the stored definition is extended, as SQLite's documentation describes for such changes
//! (lang_altertable, section 7); what came of it is verified before the transaction ends.

use rusqlite::params;

use super::DIALECT;
use crate::engine::sqlite::Connection;
use crate::error::{Code, Error, Result};
use crate::schema::ddl;
use crate::schema::model::Table;
use crate::schema::steps::ForeignKey;
use crate::sql::Builder;

pub fn add(connection: &Connection, table: &Table, key: &ForeignKey) -> Result<()> {
    let mut constraint = Builder::new(&DIALECT);
    ddl::foreign_key(&mut constraint, key);
    let constraint = constraint.finish().0;
    let failed = |why: &str| {
        Error::new(
            Code::SchemaMismatch,
            format!(
                "cannot add a foreign key from \"{}\".\"{}\" to \"{}\": {why}; nothing was changed",
                table.name, key.column.name, key.reference.table
            ),
        )
        .with_table(&table.name)
        .with_column(&key.column.name)
    };
    extend_definition(connection.raw(), &table.name, &constraint)
        .map_err(|error| failed("the table's definition cannot be written").with_cause(error))?;
    let unusual = || failed("the table's definition has an unusual form");
    match refers(connection.raw(), table, key) {
        Ok(true) => Ok(()),
        Ok(false) => Err(unusual()),
        Err(error) => Err(unusual().with_cause(error)),
    }
}

fn extend_definition(
    connection: &rusqlite::Connection,
    table: &str,
    constraint: &str,
) -> rusqlite::Result<()> {
    let find = "type = 'table' AND name = ?1 COLLATE NOCASE";
    let definition: String = connection.query_row(
        &format!("SELECT sql FROM sqlite_schema WHERE {find}"),
        [table],
        |row| row.get(0),
    )?;
    let end = definition.rfind(')').ok_or(rusqlite::Error::InvalidQuery)?;
    // On a line of its own: a comment may precede the parenthesis.
    let extended = format!(
        "{}\n, {constraint}{}",
        &definition[..end],
        &definition[end..]
    );
    let version: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    connection.execute_batch("PRAGMA writable_schema = ON")?;
    let updated = connection
        .execute(
            &format!("UPDATE sqlite_schema SET sql = ?2 WHERE {find}"),
            [table, &extended],
        )
        .and_then(|_| {
            connection.execute_batch(&format!("PRAGMA schema_version = {}", version + 1))
        });
    // RESET rather than OFF: it makes this connection read the definition again.
    connection.execute_batch("PRAGMA writable_schema = RESET")?;
    updated
}

/// Whether SQLite reads the foreign key in the definition.
fn refers(
    connection: &rusqlite::Connection,
    table: &Table,
    key: &ForeignKey,
) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1) \
         WHERE \"from\" = ?2 COLLATE NOCASE AND \"table\" = ?3 COLLATE NOCASE)",
        params![table.name, key.column.name, key.reference.table],
        |row| row.get(0),
    )
}
