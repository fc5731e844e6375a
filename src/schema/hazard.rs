//! Rows that exist and that a step would fail on, looked for before the first step is taken.

use super::existing::{Existing, ExistingTable};
use super::model::{Column, Reference, Table};
use super::steps::{ForeignKey, NewIndex, Step};
use crate::error::{Code, Error};
use crate::sql::{Builder, Dialect};

pub enum Hazard<'s> {
    /// Rows would have no value in a required column.
    Unfilled {
        table: &'s Table,
        column: &'s Column,
    },
    /// Rows would have the same values under a unique index.
    Duplicates {
        table: &'s Table,
        index: &'s NewIndex<'s>,
        /// Of its columns, those that exist, and how much of them counts; the others get the same
        /// value in every row.
        columns: Vec<(&'s str, Option<usize>)>,
    },
    /// Rows would refer to no row.
    Orphans {
        table: &'s Table,
        column: &'s Column,
        reference: &'s Reference,
        /// Whether the column they refer to exists; a new one holds nothing yet.
        has_parent: bool,
    },
}

pub fn hazards<'s>(
    dialect: &dyn Dialect,
    existing: &Existing,
    steps: &'s [Step],
) -> Vec<Hazard<'s>> {
    let of_step = |step: &'s Step| match step {
        Step::CreateSchema(_)
        | Step::CreateTable { .. }
        | Step::DropBrokenIndex { .. }
        | Step::CreateTouchFunction { .. }
        | Step::CreateTouchTrigger { .. }
        | Step::CreateSearch { .. } => None,
        Step::AddColumn { table, column } => unfilled(table, column.column),
        Step::CreateIndex { table, index } => {
            let present = existing.tables.get(&table.name)?;
            duplicates(dialect, table, present, index)
        }
        Step::AddForeignKey { table, key } => orphans(dialect, existing, table, key),
    };
    steps.iter().filter_map(of_step).collect()
}

fn unfilled<'s>(table: &'s Table, column: &'s Column) -> Option<Hazard<'s>> {
    let empty = column.required && column.default.is_none();
    empty.then_some(Hazard::Unfilled { table, column })
}

fn duplicates<'s>(
    dialect: &dyn Dialect,
    table: &'s Table,
    present: &ExistingTable,
    new: &'s NewIndex<'s>,
) -> Option<Hazard<'s>> {
    if !new.index.unique {
        return None;
    }
    let mut columns = Vec::new();
    for (name, prefix) in new.index.columns.iter().zip(&new.prefixes) {
        if present.column(dialect, name).is_some() {
            columns.push((name.as_str(), *prefix));
            continue;
        }
        let mut wanted = table.columns.iter();
        let added = wanted.find(|column| dialect.same_name(&column.name, name))?;
        // Null in every row, and no two nulls are the same.
        added.default.as_ref()?;
    }
    Some(Hazard::Duplicates {
        table,
        index: new,
        columns,
    })
}

fn orphans<'s>(
    dialect: &dyn Dialect,
    existing: &Existing,
    table: &'s Table,
    key: &'s ForeignKey,
) -> Option<Hazard<'s>> {
    let present = existing.tables.get(&table.name)?;
    present.column(dialect, &key.column.name)?;
    let parent = existing.tables.get(&key.reference.table);
    let column = parent.and_then(|parent| parent.column(dialect, &key.reference.column));
    Some(Hazard::Orphans {
        table,
        column: key.column,
        reference: key.reference,
        has_parent: column.is_some(),
    })
}

impl Hazard<'_> {
    /// The question how many rows stand in the way.
    pub fn count(&self, dialect: &dyn Dialect) -> String {
        let mut sql = Builder::new(dialect);
        match self {
            Self::Unfilled { table, .. } => {
                sql.sql("SELECT COUNT(*) FROM (SELECT 1 FROM ")
                    .table(&table.name)
                    .sql(" LIMIT 1) AS present");
            }
            Self::Duplicates {
                table,
                columns,
                index,
            } => count_equal(&mut sql, table, columns, index.index.folded),
            Self::Orphans {
                table,
                column,
                reference,
                has_parent,
            } => {
                sql.sql("SELECT COUNT(*)");
                from_orphans(&mut sql, table, column, reference, *has_parent);
            }
        }
        sql.finish().0
    }

    /// What to say where there are that many.
    pub fn error(&self, count: i64) -> Error {
        let unsafe_for = |table: &Table, message: String| {
            Error::new(Code::UnsafeMigration, message).with_table(&table.name)
        };
        match self {
            Self::Unfilled { table, column } => unsafe_for(
                table,
                format!(
                    "cannot add the required column \"{}\" to table \"{}\": the table has rows, \
                     and the field declares no default value for them. Declare one, or make the \
                     field optional, fill it, and require it then",
                    column.name, table.name
                ),
            )
            .with_column(&column.name),
            Self::Duplicates { table, index, .. } => {
                let index_columns = index.index.columns.join(", ");
                let error = unsafe_for(
                    table,
                    format!(
                        "cannot make {index_columns} unique{} in table \"{}\": {count} rows hold \
                         the same value as another. Find them with GROUP BY ... HAVING COUNT(*) > \
                         1 and merge them",
                        if index.index.folded {
                            " without regard to case"
                        } else {
                            ""
                        },
                        table.name
                    ),
                );
                let error = error.with_constraint(&index.name);
                match &index.index.columns[..] {
                    [column] => error.with_column(column),
                    _ => error,
                }
            }
            Self::Orphans {
                table,
                column,
                reference,
                ..
            } => unsafe_for(
                table,
                format!(
                    "cannot add a foreign key from \"{}\".\"{}\" to \"{}\": {count} rows point to \
                     no row; delete or mend them first",
                    table.name, column.name, reference.table
                ),
            )
            .with_column(&column.name),
        }
    }
}

/// ` FROM ...`: the rows that refer to none.
pub fn from_orphans(
    sql: &mut Builder,
    table: &Table,
    column: &Column,
    reference: &Reference,
    has_parent: bool,
) {
    sql.sql(" FROM ")
        .table(&table.name)
        .sql(" AS child WHERE ")
        .column("child", &column.name)
        .sql(" IS NOT NULL");
    if has_parent {
        sql.sql(" AND NOT EXISTS (SELECT 1 FROM ")
            .table(&reference.table)
            .sql(" AS parent WHERE ")
            .column("parent", &reference.column)
            .sql(" = ")
            .column("child", &column.name)
            .sql(")");
    }
}

/// Rows with a null are equal to none.
fn count_equal(sql: &mut Builder, table: &Table, columns: &[(&str, Option<usize>)], folded: bool) {
    let dialect = sql.dialect;
    sql.sql("SELECT COALESCE(SUM(equal_rows), 0) FROM (SELECT COUNT(*) AS equal_rows FROM ")
        .table(&table.name);
    if !columns.is_empty() {
        sql.sql(" WHERE ").list(" AND ", columns, |sql, (name, _)| {
            sql.name(name).sql(" IS NOT NULL");
        });
        sql.sql(" GROUP BY ")
            .list(", ", columns, |sql, (name, prefix)| {
                match prefix {
                    _ if folded => {
                        dialect.folded_key(sql, name);
                        sql
                    }
                    Some(prefix) => sql.sql("LEFT(").name(name).sql(&format!(", {prefix})")),
                    None => sql.name(name),
                };
            });
    }
    sql.sql(" HAVING COUNT(*) > 1) AS equal_groups");
}
