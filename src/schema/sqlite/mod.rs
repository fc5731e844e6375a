//! SQLite, inside the transaction of the caller.

mod foreign_key;
mod introspect;

use super::diff::diff;
use super::existing::Existing;
use super::hazard::hazards;
use super::model::Schema;
use super::steps::Step;
use crate::engine::sqlite::Connection;
use crate::error::{Code, Error, Result};
use crate::sql;

const DIALECT: sql::Sqlite = sql::Sqlite;

/// The statements that are missing. Run again after them, it finds none.
pub fn plan(connection: &mut Connection, schema: &Schema) -> Result<Vec<String>> {
    let existing = introspect::read(connection, schema)?;
    let steps = safe_steps(connection, schema, &existing)?;
    let statements = steps.iter().map(|step| step.sql(&DIALECT, schema.id));
    Ok(statements.collect())
}

/// Takes the missing steps and returns their statements.
pub fn apply(connection: &mut Connection, schema: &Schema) -> Result<Vec<String>> {
    let existing = introspect::read(connection, schema)?;
    let steps = safe_steps(connection, schema, &existing)?;
    let mut statements = Vec::with_capacity(steps.len());
    for step in &steps {
        let sql = step.sql(&DIALECT, schema.id);
        match step {
            Step::AddForeignKey { table, key } => foreign_key::add(connection, table, key)?,
            _ => run(connection, step, &sql)?,
        }
        statements.push(sql);
    }
    Ok(statements)
}

fn safe_steps<'s>(
    connection: &Connection,
    schema: &'s Schema,
    existing: &'s Existing,
) -> Result<Vec<Step<'s>>> {
    let steps = diff(&DIALECT, schema, existing)?;
    for hazard in hazards(&DIALECT, existing, &steps) {
        let count = connection.raw();
        let count = count.query_row(&hazard.count(&DIALECT), [], |row| row.get(0));
        let count: i64 = count.map_err(|error| {
            Error::new(Code::StorageFailed, "the rows that exist cannot be counted")
                .with_cause(error)
        })?;
        if count > 0 {
            return Err(hazard.error(count));
        }
    }
    Ok(steps)
}

fn run(connection: &Connection, step: &Step, sql: &str) -> Result<()> {
    let failed = |error| {
        let message = format!("cannot create {step}; nothing was changed");
        step.about(Error::new(Code::SchemaMismatch, message))
            .with_cause(error)
    };
    connection.raw().execute_batch(sql).map_err(failed)
}
