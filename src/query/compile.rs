//! Compiles an operation's shape into the one statement that answers it.

use super::operation::{Join, Operation, Select};
use crate::engine::{Access, Column, Keep, Statement};
use crate::sql::{Builder, Clause, Dialect, Field, filter};
use crate::value::Kind;

/// Alias of the searched table, needed where joined tables bring the same column names.
const BASE: &str = "base";

pub fn compile(dialect: &dyn Dialect, operation: &Operation) -> Statement {
    let sql = Builder::new(dialect);
    match operation {
        Operation::FindOne(select) => compile_select(sql, select, "findOne", Keep::First),
        Operation::FindMany(select) => compile_select(sql, select, "findMany", Keep::All),
        Operation::Count { table, filter } => compile_count(sql, table, filter),
        Operation::Create {
            table,
            set,
            returning,
        } => compile_create(sql, table, set, returning),
        Operation::Update {
            table,
            set,
            filter,
            returning,
        } => compile_update(sql, table, set, filter, Some(returning)),
        Operation::UpdateMany { table, set, filter } => {
            compile_update(sql, table, set, filter, None)
        }
        Operation::Delete { table, filter } => compile_delete(sql, table, filter),
        Operation::ConsumeOne {
            table,
            key,
            filter,
            returning,
        } => compile_consume(sql, table, key, filter, returning),
        Operation::IncrementOne {
            table,
            key,
            increment,
            set,
            filter,
            returning,
        } => compile_increment(sql, table, key, (increment, set), filter, returning),
    }
}

fn finish(
    sql: Builder,
    operation: &'static str,
    table: &str,
    access: Access,
    keep: Keep,
    columns: Vec<Column>,
) -> Statement {
    let (text, parameters) = sql.finish();
    Statement::new(text, parameters, columns, access, keep, operation, table)
}

fn compile_select(
    mut sql: Builder,
    select: &Select,
    operation: &'static str,
    keep: Keep,
) -> Statement {
    let base = if select.joins.is_empty() { "" } else { BASE };
    let first_join = select.filter.len();
    let mut next = first_join + select.joins.len();
    let mut columns: Vec<Column> = scalars(&select.columns);

    sql.sql("SELECT ");
    sql.list(", ", &select.columns, |sql, field| {
        sql.column(base, &field.column);
    });
    for (index, join) in select.joins.iter().enumerate() {
        columns.extend(joined_columns(
            &mut sql,
            base,
            join,
            index,
            first_join + index,
        ));
    }
    sql.sql(" FROM ").table(&select.table);
    if !base.is_empty() {
        sql.sql(" AS ").name(base);
    }
    for (index, join) in select
        .joins
        .iter()
        .enumerate()
        .filter(|(_, join)| join.by_key)
    {
        let alias = join_alias(index);
        sql.sql(" LEFT JOIN ")
            .table(&join.table)
            .sql(" AS ")
            .name(&alias)
            .sql(" ON ");
        sql.column(&alias, &join.to)
            .sql(" = ")
            .column(base, &join.from);
    }
    filter(&mut sql, base, &select.filter, 0);
    if let Some(sort) = &select.sort {
        sql.sql(" ORDER BY ").column(base, &sort.column);
        sql.sql(if sort.descending { " DESC" } else { " ASC" });
    }
    if keep == Keep::First {
        sql.sql(" LIMIT 1");
    } else if select.limit {
        sql.sql(" LIMIT ").bind(next, Kind::Number);
        next += 1;
        if select.offset {
            sql.sql(" OFFSET ").bind(next, Kind::Number);
        }
    }
    finish(sql, operation, &select.table, Access::Read, keep, columns)
}

fn join_alias(index: usize) -> String {
    format!("join{index}")
}

/// Appends what a join adds to the select list. A row found by its primary key is joined and its
/// columns follow; other rows, whose number nothing bounds but their own limit, come as one
/// nested expression, so that several joins never multiply.
fn joined_columns(
    sql: &mut Builder,
    base: &str,
    join: &Join,
    index: usize,
    limit_slot: usize,
) -> Vec<Column> {
    let alias = join_alias(index);
    if join.by_key {
        for field in &join.columns {
            sql.sql(", ").column(&alias, &field.column);
        }
        return scalars(&join.columns);
    }
    let dialect = sql.dialect;
    sql.sql(", (");
    dialect.json_rows(sql, &alias, &join.columns, &mut |sql| {
        sql.sql("SELECT ").list(", ", &join.columns, |sql, field| {
            sql.name(&field.column);
        });
        sql.sql(" FROM ")
            .table(&join.table)
            .sql(" AS ")
            .name(&alias)
            .sql(" WHERE ");
        sql.column(&alias, &join.to)
            .sql(" = ")
            .column(base, &join.from);
        sql.sql(" LIMIT ").bind(limit_slot, Kind::Number);
    });
    sql.sql(")");
    vec![Column::Rows(
        join.columns.iter().map(|field| field.kind).collect(),
    )]
}

fn compile_count(mut sql: Builder, table: &str, clauses: &[Clause]) -> Statement {
    sql.sql("SELECT COUNT(*) FROM ").table(table);
    filter(&mut sql, "", clauses, 0);
    let statement = finish(
        sql,
        "count",
        table,
        Access::Read,
        Keep::First,
        vec![Column::Scalar(Kind::Number)],
    );
    // Nothing narrows the count of a whole table, and it cannot be interrupted on its way.
    if clauses.is_empty() {
        statement.always_wide()
    } else {
        statement
    }
}

fn compile_create(mut sql: Builder, table: &str, set: &[Field], returning: &[Field]) -> Statement {
    sql.sql("INSERT INTO ").table(table);
    if set.is_empty() {
        sql.sql(" DEFAULT VALUES");
    } else {
        sql.sql(" (").list(", ", set, |sql, field| {
            sql.name(&field.column);
        });
        sql.sql(") VALUES (")
            .list(", ", set.iter().enumerate(), |sql, (slot, field)| {
                sql.bind(slot, field.kind);
            });
        sql.sql(")");
    }
    let columns = append_returning(&mut sql, returning);
    finish(sql, "create", table, Access::Write, Keep::First, columns)
}

fn compile_update(
    mut sql: Builder,
    table: &str,
    set: &[Field],
    clauses: &[Clause],
    returning: Option<&[Field]>,
) -> Statement {
    sql.sql("UPDATE ").table(table).sql(" SET ");
    assignments(&mut sql, set, 0);
    filter(&mut sql, "", clauses, set.len());
    match returning {
        Some(fields) => {
            let columns = append_returning(&mut sql, fields);
            finish(sql, "update", table, Access::Write, Keep::First, columns)
        }
        None => finish(
            sql,
            "updateMany",
            table,
            Access::Write,
            Keep::Changes,
            Vec::new(),
        ),
    }
}

fn compile_delete(mut sql: Builder, table: &str, clauses: &[Clause]) -> Statement {
    sql.sql("DELETE FROM ").table(table);
    filter(&mut sql, "", clauses, 0);
    finish(
        sql,
        "delete",
        table,
        Access::Write,
        Keep::Changes,
        Vec::new(),
    )
}

fn compile_consume(
    mut sql: Builder,
    table: &str,
    key: &str,
    clauses: &[Clause],
    returning: &[Field],
) -> Statement {
    sql.sql("DELETE FROM ").table(table);
    where_first_match(&mut sql, table, key, clauses, 0);
    let columns = append_returning(&mut sql, returning);
    finish(
        sql,
        "consumeOne",
        table,
        Access::Write,
        Keep::First,
        columns,
    )
}

fn compile_increment(
    mut sql: Builder,
    table: &str,
    key: &str,
    (increment, set): (&[Field], &[Field]),
    clauses: &[Clause],
    returning: &[Field],
) -> Statement {
    sql.sql("UPDATE ").table(table).sql(" SET ");
    sql.list(", ", increment.iter().enumerate(), |sql, (slot, field)| {
        sql.name(&field.column)
            .sql(" = COALESCE(")
            .name(&field.column)
            .sql(", 0) + ");
        sql.bind(slot, field.kind);
    });
    if !increment.is_empty() && !set.is_empty() {
        sql.sql(", ");
    }
    assignments(&mut sql, set, increment.len());
    where_first_match(&mut sql, table, key, clauses, increment.len() + set.len());
    let columns = append_returning(&mut sql, returning);
    finish(
        sql,
        "incrementOne",
        table,
        Access::Write,
        Keep::First,
        columns,
    )
}

fn assignments(sql: &mut Builder, set: &[Field], first_slot: usize) {
    sql.list(", ", set.iter().enumerate(), |sql, (index, field)| {
        sql.name(&field.column)
            .sql(" = ")
            .bind(first_slot + index, field.kind);
    });
}

/// Restricts a write to one match. Selecting and writing are one statement, so that of several
/// callers exactly one gets the row.
fn where_first_match(
    sql: &mut Builder,
    table: &str,
    key: &str,
    clauses: &[Clause],
    first_slot: usize,
) {
    sql.sql(" WHERE ")
        .name(key)
        .sql(" = (SELECT ")
        .name(key)
        .sql(" FROM ")
        .table(table);
    filter(sql, "", clauses, first_slot);
    sql.sql(" LIMIT 1)");
}

fn append_returning(sql: &mut Builder, returning: &[Field]) -> Vec<Column> {
    sql.sql(" RETURNING ").list(", ", returning, |sql, field| {
        sql.name(&field.column);
    });
    scalars(returning)
}

fn scalars(fields: &[Field]) -> Vec<Column> {
    fields
        .iter()
        .map(|field| Column::Scalar(field.kind))
        .collect()
}

#[cfg(test)]
mod tests;
