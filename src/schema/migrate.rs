//! Brings a database to the schema, inside the transaction of the caller.

use super::diff::diff;
use super::introspect;
use super::model::{Column, Reference, Schema, Table};
use super::steps::{Step, foreign_key};
use crate::engine::sqlite::Connection;
use crate::error::{Code, Error, Result};
use crate::sql::{Builder, Dialect};

/// The statements that are missing. Run again after them, it finds none.
pub fn plan(
    dialect: &dyn Dialect,
    connection: &mut Connection,
    schema: &Schema,
) -> Result<Vec<String>> {
    let steps = diff(schema, |table| {
        introspect::table(dialect, connection, table)
    })?;
    Ok(steps
        .iter()
        .map(|step| step.sql(dialect, schema.id))
        .collect())
}

/// Takes the missing steps and returns their statements.
pub fn apply(
    dialect: &dyn Dialect,
    connection: &mut Connection,
    schema: &Schema,
) -> Result<Vec<String>> {
    let steps = diff(schema, |table| {
        introspect::table(dialect, connection, table)
    })?;
    let mut statements = Vec::with_capacity(steps.len());
    for step in &steps {
        let sql = step.sql(dialect, schema.id);
        match step {
            Step::AddForeignKey(table, column, reference) => {
                add_foreign_key(dialect, connection, table, column, reference)?;
            }
            _ => run(connection, step, &sql)?,
        }
        statements.push(sql);
    }
    Ok(statements)
}

fn run(connection: &Connection, step: &Step, sql: &str) -> Result<()> {
    connection.raw().execute_batch(sql).map_err(|error| {
        let (attempt, table) = match step {
            Step::CreateTable(table) => ("create", table),
            Step::AddColumn(table, _) | Step::AddForeignKey(table, ..) => ("extend", table),
            Step::CreateIndex(table, _) => ("add an index to", table),
        };
        let error = match (&error, step) {
            (rusqlite::Error::SqliteFailure(failure, _), Step::CreateIndex(_, index))
                if failure.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                Error::new(
                    Code::UnsafeMigration,
                    format!(
                        "cannot make {} unique in table \"{}\": rows that exist hold the same \
                         value. Find them with GROUP BY ... HAVING COUNT(*) > 1 and merge them",
                        index.columns.join(", "),
                        table.name
                    ),
                )
                .with_constraint(&index.name)
                .with_cause(error)
            }
            _ => Error::new(
                Code::SchemaMismatch,
                format!(
                    "cannot {attempt} table \"{}\"; nothing was changed",
                    table.name
                ),
            )
            .with_cause(error),
        };
        error.with_table(&table.name)
    })
}

/// SQLite cannot add a constraint to a table. A foreign key changes nothing of what is stored, so
/// the stored definition is extended, as SQLite's documentation describes for such changes
/// (lang_altertable, section 7); what came of it is verified before the transaction ends.
fn add_foreign_key(
    dialect: &dyn Dialect,
    connection: &Connection,
    table: &Table,
    column: &Column,
    reference: &Reference,
) -> Result<()> {
    let mut constraint = Builder::new(dialect);
    foreign_key(&mut constraint, column, reference);
    let constraint = constraint.finish().0;
    let failed = |code, why: String| {
        Error::new(
            code,
            format!(
                "cannot add a foreign key from \"{}\".\"{}\" to \"{}\": {why}",
                table.name, column.name, reference.table
            ),
        )
        .with_table(&table.name)
        .with_column(&column.name)
    };
    extend_definition(connection.raw(), &table.name, &constraint).map_err(|error| {
        failed(Code::SchemaMismatch, "nothing was changed".to_owned()).with_cause(error)
    })?;
    let unusual = || {
        failed(
            Code::SchemaMismatch,
            "the table's definition has an unusual form; nothing was changed".to_owned(),
        )
    };
    let extended = introspect::table(dialect, connection, &table.name)
        .map_err(|error| unusual().with_cause(error))?;
    if !extended.is_some_and(|table| table.refers(&column.name, &reference.table)) {
        return Err(unusual());
    }
    let orphans = count_orphans(connection.raw(), &table.name).map_err(|error| {
        failed(Code::StorageFailed, "its rows cannot be checked".to_owned()).with_cause(error)
    })?;
    if orphans > 0 {
        return Err(failed(
            Code::UnsafeMigration,
            format!("{orphans} rows point to no row; delete or mend them first"),
        ));
    }
    Ok(())
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

fn count_orphans(connection: &rusqlite::Connection, table: &str) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT COUNT(*) FROM pragma_foreign_key_check(?)",
        [table],
        |row| row.get(0),
    )
}
