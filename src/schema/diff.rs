//! What is missing in a database. Nothing is ever dropped, narrowed or changed: what the schema
//! does not know belongs to somebody else.

use super::introspect::{ExistingIndex, ExistingTable};
use super::model::{Column, Index, Schema, Table};
use super::steps::Step;
use crate::error::{Code, Error, Result};

/// The steps from what exists to `schema`, in the order they have to be taken.
pub fn diff<'s>(
    schema: &'s Schema,
    existing: impl Fn(&str) -> Result<Option<ExistingTable>>,
) -> Result<Vec<Step<'s>>> {
    let mut steps = Vec::new();
    let mut indexes = Vec::new();
    for table in &schema.tables {
        match existing(&table.name)? {
            None => {
                steps.push(Step::CreateTable(table));
                indexes.extend(
                    table
                        .indexes
                        .iter()
                        .map(|index| Step::CreateIndex(table, index)),
                );
            }
            Some(present) => {
                extend(table, &present, &mut steps)?;
                indexes.extend(missing_indexes(table, &present));
            }
        }
    }
    steps.extend(indexes);
    Ok(steps)
}

fn extend<'s>(table: &'s Table, present: &ExistingTable, steps: &mut Vec<Step<'s>>) -> Result<()> {
    for column in &table.columns {
        if !present.has_column(&column.name) {
            check_addable(table, column, present)?;
            steps.push(Step::AddColumn(table, column));
        } else if let Some(reference) = &column.references
            // One that refers elsewhere was made by somebody else, and with two no row would fit.
            && !present.is_foreign_key(&column.name)
        {
            steps.push(Step::AddForeignKey(table, column, reference));
        }
    }
    Ok(())
}

/// Rows that exist would have no value in a required column that has no default.
fn check_addable(table: &Table, column: &Column, present: &ExistingTable) -> Result<()> {
    if !column.required || column.default.is_some() || !present.has_rows {
        return Ok(());
    }
    let message = format!(
        "cannot add the required column \"{}\" to table \"{}\": the table has rows, and the field \
         declares no default value for them. Declare one, or make the field optional, fill it, \
         and require it then",
        column.name, table.name
    );
    Err(Error::new(Code::UnsafeMigration, message)
        .with_table(&table.name)
        .with_column(&column.name))
}

fn missing_indexes<'s>(
    table: &'s Table,
    present: &ExistingTable,
) -> impl Iterator<Item = Step<'s>> {
    table
        .indexes
        .iter()
        .filter(|index| {
            !present
                .indexes
                .iter()
                .any(|existing| serves(existing, index))
        })
        .map(|index| Step::CreateIndex(table, index))
}

/// Whether an index that exists does what `wanted` is for, whatever its name.
fn serves(existing: &ExistingIndex, wanted: &Index) -> bool {
    let same_columns = existing
        .columns
        .iter()
        .zip(&wanted.columns)
        .all(|(one, other)| one.eq_ignore_ascii_case(other));
    if existing.partial || !same_columns || existing.columns.len() < wanted.columns.len() {
        return false;
    }
    !wanted.unique || (existing.unique && existing.columns.len() == wanted.columns.len())
}
