//! Compiles an operation's shape into the statement that answers it, or into a few where the
//! database does not return what it writes.

use std::sync::Arc;

use super::operation::{Operation, Select};
use super::search;
use crate::engine::{Access, Column, Keep, Program, Statement};
use crate::sql::{
    Builder, Clause, Dialect, Field, FirstMatch, Join, JoinedRows, NewId, Operator, SkipsLocked,
    Term, Write, comparison, filter,
};
use crate::value::Kind;

/// Alias of the searched table, needed where joined tables bring the same column names.
const BASE: &str = "base";

pub fn compile(dialect: &dyn Dialect, operation: &Operation) -> Program {
    match operation {
        Operation::FindOne(select) => compile_find_one(dialect, select),
        Operation::FindMany(select) => {
            Program::One(compile_select(dialect, select, "findMany", Keep::All))
        }
        Operation::SearchUsers(search) => Program::One(search::compile(dialect, search)),
        Operation::Count { table, filter } => Program::One(compile_count(dialect, table, filter)),
        Operation::Create {
            table,
            key,
            set,
            returning,
        } => compile_create(dialect, table, key, set, returning),
        Operation::Update {
            table,
            key,
            set,
            filter,
            returning,
        } => compile_update(dialect, table, key, set, filter, returning),
        Operation::UpdateMany { table, set, filter } => Program::One(write(
            dialect,
            "updateMany",
            table,
            Keep::Changes,
            &[],
            |sql| update(sql, table, set, filter),
        )),
        Operation::Delete { table, filter } => {
            Program::One(write(dialect, "delete", table, Keep::Changes, &[], |sql| {
                delete(sql, table, filter)
            }))
        }
        Operation::DeleteUnlocked { table, key, filter } => {
            compile_delete_unlocked(dialect, table, key, filter)
        }
        Operation::ConsumeOne {
            table,
            key,
            filter,
            returning,
        } => compile_consume(dialect, table, key, filter, returning),
        Operation::IncrementOne {
            table,
            key,
            increment,
            set,
            filter,
            returning,
        } => compile_increment(dialect, table, key, (increment, set), filter, returning),
    }
}

fn compile_find_one(dialect: &dyn Dialect, select: &Select) -> Program {
    let one = compile_select(dialect, select, "findOne", Keep::First);
    if !select.filter.iter().any(Clause::finds_one) {
        return Program::One(one);
    }
    let several = compile_several(dialect, select).map(Arc::new);
    Program::Lookup { one, several }
}

/// Finds the rows of a list of keys, where nothing but the key is asked for.
fn compile_several(dialect: &dyn Dialect, select: &Select) -> Option<Statement> {
    let [clause] = select.filter.as_slice() else {
        return None;
    };
    let term = Term {
        table: &select.table,
        qualifier: base(select),
        clause,
        slot: 0,
    };
    if !dialect.tells_apart(term) {
        return None;
    }
    let mut sql = Builder::new(dialect);
    let key = [Field {
        column: clause.column.clone(),
        kind: clause.kind,
    }];
    sql.sql("SELECT ");
    let mut columns = selection(&mut sql, select);
    sql.sql(", ");
    selected(&mut sql, base(select), &select.table, &key);
    columns.extend(scalars(&key));
    from(&mut sql, select);
    sql.sql(" WHERE ");
    dialect.is_in(&mut sql, term, false);
    let (table, access) = (&select.table, Access::Read);
    Some(finish(sql, "findOne", table, access, Keep::All, columns))
}

fn compile_select(
    dialect: &dyn Dialect,
    select: &Select,
    operation: &'static str,
    keep: Keep,
) -> Statement {
    let mut sql = Builder::new(dialect);
    let base = base(select);
    let mut next = select.filter.len() + select.joins.len();

    sql.sql("SELECT ");
    // With a filter, rows that meet it may be rare in that order.
    if select.sort.is_some() && select.limit && select.filter.is_empty() {
        let (_, table) = dialect.qualified(&select.table);
        dialect.ordered_hint(&mut sql, if base.is_empty() { table } else { base });
    }
    let columns = selection(&mut sql, select);
    from(&mut sql, select);
    filter(&mut sql, &select.table, base, &select.filter, 0);
    if let Some(sort) = &select.sort {
        sql.sql(" ORDER BY ").column(base, &sort.column);
        sql.sql(if sort.descending { " DESC" } else { " ASC" });
        if sort.nullable {
            sql.sql(dialect.nulls_first(sort.descending));
        }
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

/// What the searched table's columns are qualified by.
fn base(select: &Select) -> &'static str {
    if select.joins.is_empty() { "" } else { BASE }
}

/// The select list.
fn selection(sql: &mut Builder, select: &Select) -> Vec<Column> {
    let first_join = select.filter.len();
    let mut columns = scalars(&select.columns);
    selected(sql, base(select), &select.table, &select.columns);
    for (index, join) in select.joins.iter().enumerate() {
        columns.extend(joined_columns(sql, join, index, first_join + index));
    }
    columns
}

/// ` FROM` the searched table, and those whose one row each row has.
fn from(sql: &mut Builder, select: &Select) {
    let base = base(select);
    sql.sql(" FROM ").table(&select.table);
    if !base.is_empty() {
        sql.sql(" AS ").name(base);
    }
    let joins = select.joins.iter().enumerate();
    for (index, join) in joins.filter(|(_, join)| join.by_key) {
        let alias = join_alias(index);
        sql.sql(" LEFT JOIN ").table(&join.table);
        sql.sql(" AS ").name(&alias).sql(" ON ");
        sql.column(&alias, &join.to).sql(" = ");
        sql.column(base, &join.from);
    }
}

fn join_alias(index: usize) -> String {
    format!("join{index}")
}

/// Appends what a join adds to the select list. A row found by its primary key is joined and its
/// columns follow; other rows, whose number nothing bounds but their own limit, come as one
/// nested expression, so that several joins never multiply.
fn joined_columns(sql: &mut Builder, join: &Join, index: usize, limit_slot: usize) -> Vec<Column> {
    let alias = join_alias(index);
    let dialect = sql.dialect;
    if join.by_key {
        sql.sql(", ");
        selected(sql, &alias, &join.table, &join.columns);
        return scalars(&join.columns);
    }
    sql.sql(", (");
    let rows = JoinedRows {
        join,
        alias: &alias,
        base: BASE,
        limit_slot,
    };
    dialect.json_rows(sql, rows);
    sql.sql(")");
    vec![Column::Rows(
        join.columns.iter().map(|field| field.kind).collect(),
    )]
}

fn compile_count(dialect: &dyn Dialect, table: &str, clauses: &[Clause]) -> Statement {
    let mut sql = Builder::new(dialect);
    sql.sql("SELECT COUNT(*) FROM ").table(table);
    filter(&mut sql, table, "", clauses, 0);
    let statement = finish(
        sql,
        "count",
        table,
        Access::Read,
        Keep::First,
        vec![Column::Scalar(Kind::Number)],
    );
    // Nothing narrows the count of a whole table, and it cannot be interrupted on its way: it has to
    // show first that it is short.
    statement.set_wide(clauses.is_empty());
    statement
}

fn compile_create(
    dialect: &dyn Dialect,
    table: &str,
    key: &str,
    set: &[Field],
    returning: &[Field],
) -> Program {
    let operation = "create";
    if dialect.returns(Write::Insert) {
        return Program::One(write(
            dialect,
            operation,
            table,
            Keep::First,
            returning,
            |sql| insert(sql, table, set),
        ));
    }
    // The slot after the values of the call.
    let new = set.len();
    let insert_of = |set: &[Field]| {
        write(dialect, operation, table, Keep::Changes, &[], |sql| {
            insert(sql, table, set);
        })
    };
    let read_at = |slot| {
        read_row(dialect, operation, table, returning, |sql| {
            equals_key(sql, table, key, slot);
        })
    };
    if let Some(slot) = set.iter().position(|field| field.column == key) {
        return Program::WriteThenRead {
            write: insert_of(set),
            read: read_at(slot),
        };
    }
    match dialect.new_id(table, key) {
        NewId::Returned | NewId::Counted => Program::InsertThenRead {
            insert: insert_of(set),
            read: read_at(new),
        },
        NewId::Expression(expression) => {
            let mut make_id = Builder::new(dialect);
            // The words are the catalogue's own: the default of the column.
            make_id.sql("SELECT ").sql(&expression);
            let make_id = finish(
                make_id,
                operation,
                table,
                Access::Read,
                Keep::First,
                vec![Column::Scalar(Kind::Id)],
            );
            let id = Field {
                column: key.to_owned(),
                kind: Kind::Id,
            };
            let with_id: Vec<Field> = set.iter().cloned().chain([id]).collect();
            Program::MakeIdThenInsert {
                make_id,
                insert: insert_of(&with_id),
                read: read_at(new),
            }
        }
    }
}

fn compile_update(
    dialect: &dyn Dialect,
    table: &str,
    key: &str,
    set: &[Field],
    clauses: &[Clause],
    returning: &[Field],
) -> Program {
    let operation = "update";
    if dialect.returns(Write::Update) {
        return Program::One(write(
            dialect,
            operation,
            table,
            Keep::First,
            returning,
            |sql| update(sql, table, set, clauses),
        ));
    }
    let update = write(dialect, operation, table, Keep::Changes, &[], |sql| {
        update(sql, table, set, clauses);
    });
    // A clause that holds for one row at most, and still does afterwards, finds it again.
    let lasting = |clause: &Clause| {
        let changed = set.iter().any(|field| field.column == clause.column);
        clause.finds_one() && !changed
    };
    if let Some(index) = clauses.iter().position(lasting) {
        let read = read_row(dialect, operation, table, returning, |sql| {
            let term = Term {
                table,
                qualifier: "",
                clause: &clauses[index],
                slot: set.len() + index,
            };
            sql.sql(" WHERE ");
            comparison(sql, term);
        });
        return Program::WriteThenRead {
            write: update,
            read,
        };
    }
    // A key that is changed is found by what it is changed to.
    let chosen = set.len() + clauses.len();
    let key_slot = set
        .iter()
        .position(|field| field.column == key)
        .unwrap_or(chosen);
    Program::ChooseThenWrite {
        choose: choose_first(dialect, operation, table, key, &[], clauses, set.len()),
        write: update,
        read: Some(read_row(dialect, operation, table, returning, |sql| {
            equals_key(sql, table, key, key_slot);
        })),
    }
}

/// Aliases in a delete of chosen rows.
const CHOSEN: &str = "chosen";
const GONE: &str = "gone";

fn compile_delete_unlocked(
    dialect: &dyn Dialect,
    table: &str,
    key: &str,
    clauses: &[Clause],
) -> Program {
    let operation = "cleanup";
    let delete_where = |restrict: &dyn Fn(&mut Builder)| {
        write(dialect, operation, table, Keep::Changes, &[], |sql| {
            sql.sql("DELETE FROM ").table(table);
            restrict(sql);
        })
    };
    let lock = |sql: &mut Builder| {
        sql.sql(" FROM ").table(table);
        filter(sql, table, "", clauses, 0);
        sql.sql(" FOR UPDATE SKIP LOCKED");
    };
    match dialect.skips_locked() {
        SkipsLocked::Never => {
            let delete = delete_where(&|sql| filter(sql, table, "", clauses, 0));
            Program::One(delete.giving_way())
        }
        SkipsLocked::Inside => Program::One(delete_where(&|sql| {
            sql.sql(" WHERE ").name(key).sql(" IN (SELECT ").name(key);
            lock(sql);
            sql.sql(")");
        })),
        SkipsLocked::Before => {
            let mut sql = Builder::new(dialect);
            let keys = [Field {
                column: key.to_owned(),
                kind: Kind::Id,
            }];
            sql.sql("SELECT ");
            selected(&mut sql, "", table, &keys);
            lock(&mut sql);
            let columns = scalars(&keys);
            let among = Clause {
                column: key.to_owned(),
                kind: Kind::Id,
                operator: Operator::In,
                or: false,
                insensitive: false,
                null: false,
                unique: true,
            };
            // Found by its key whatever the optimizer thinks of a small table: a scan would wait
            // for rows that others have locked.
            let delete = write(dialect, operation, table, Keep::Changes, &[], |sql| {
                sql.sql("DELETE ").name(GONE).sql(" FROM (SELECT ");
                sql.name(key).sql(" FROM ").table(table);
                filter(sql, table, "", std::slice::from_ref(&among), clauses.len());
                // With a limit, it is no part of the rest.
                sql.sql(" LIMIT 65535) AS ").name(CHOSEN);
                sql.sql(" STRAIGHT_JOIN ")
                    .table(table)
                    .sql(" AS ")
                    .name(GONE);
                sql.sql(" FORCE INDEX (PRIMARY) ON ").column(GONE, key);
                sql.sql(" = ").column(CHOSEN, key);
            });
            Program::LockThenDelete {
                lock: finish(sql, operation, table, Access::Write, Keep::All, columns),
                delete,
            }
        }
    }
}

fn compile_consume(
    dialect: &dyn Dialect,
    table: &str,
    key: &str,
    clauses: &[Clause],
    returning: &[Field],
) -> Program {
    let operation = "consumeOne";
    if dialect.returns(Write::Delete) {
        return Program::One(write(
            dialect,
            operation,
            table,
            Keep::First,
            returning,
            |sql| {
                sql.sql("DELETE FROM ").table(table);
                where_first_match(sql, table, key, clauses, 0);
            },
        ));
    }
    Program::ChooseThenWrite {
        choose: choose_first(dialect, operation, table, key, returning, clauses, 0),
        write: write(dialect, operation, table, Keep::Changes, &[], |sql| {
            sql.sql("DELETE FROM ").table(table);
            equals_key(sql, table, key, clauses.len());
        }),
        read: None,
    }
}

fn compile_increment(
    dialect: &dyn Dialect,
    table: &str,
    key: &str,
    (increment, set): (&[Field], &[Field]),
    clauses: &[Clause],
    returning: &[Field],
) -> Program {
    let operation = "incrementOne";
    let first_clause = increment.len() + set.len();
    let assign = |sql: &mut Builder| {
        sql.sql("UPDATE ").table(table).sql(" SET ");
        sql.list(", ", increment.iter().enumerate(), |sql, (slot, field)| {
            sql.name(&field.column)
                .sql(" = COALESCE(")
                .name(&field.column)
                .sql(", 0) + ");
            dialect.assigned(sql, table, field, slot);
        });
        if !increment.is_empty() && !set.is_empty() {
            sql.sql(", ");
        }
        assignments(sql, table, set, increment.len());
    };
    if dialect.returns(Write::Update) {
        return Program::One(write(
            dialect,
            operation,
            table,
            Keep::First,
            returning,
            |sql| {
                assign(sql);
                where_first_match(sql, table, key, clauses, first_clause);
            },
        ));
    }
    let chosen = first_clause + clauses.len();
    Program::ChooseThenWrite {
        choose: choose_first(dialect, operation, table, key, &[], clauses, first_clause),
        write: write(dialect, operation, table, Keep::Changes, &[], |sql| {
            assign(sql);
            equals_key(sql, table, key, chosen);
        }),
        read: Some(read_row(dialect, operation, table, returning, |sql| {
            equals_key(sql, table, key, chosen);
        })),
    }
}

fn insert(sql: &mut Builder, table: &str, set: &[Field]) {
    let dialect = sql.dialect;
    sql.sql("INSERT INTO ").table(table);
    if set.is_empty() {
        sql.sql(dialect.default_row());
        return;
    }
    sql.sql(" (").list(", ", set, |sql, field| {
        sql.name(&field.column);
    });
    sql.sql(") VALUES (")
        .list(", ", set.iter().enumerate(), |sql, (slot, field)| {
            dialect.assigned(sql, table, field, slot);
        });
    sql.sql(")");
}

fn update(sql: &mut Builder, table: &str, set: &[Field], clauses: &[Clause]) {
    sql.sql("UPDATE ").table(table).sql(" SET ");
    assignments(sql, table, set, 0);
    filter(sql, table, "", clauses, set.len());
}

fn delete(sql: &mut Builder, table: &str, clauses: &[Clause]) {
    sql.sql("DELETE FROM ").table(table);
    filter(sql, table, "", clauses, 0);
}

fn assignments(sql: &mut Builder, table: &str, set: &[Field], first_slot: usize) {
    let dialect = sql.dialect;
    sql.list(", ", set.iter().enumerate(), |sql, (index, field)| {
        sql.name(&field.column).sql(" = ");
        dialect.assigned(sql, table, field, first_slot + index);
    });
}

/// A write that gives `returning`, or where that is empty how many rows it changed.
fn write(
    dialect: &dyn Dialect,
    operation: &'static str,
    table: &str,
    keep: Keep,
    returning: &[Field],
    append: impl FnOnce(&mut Builder),
) -> Statement {
    let mut sql = Builder::new(dialect);
    append(&mut sql);
    if !returning.is_empty() {
        sql.sql(" RETURNING ");
        selected(&mut sql, "", table, returning);
    }
    let columns = scalars(returning);
    finish(sql, operation, table, Access::Write, keep, columns)
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
    match sql.dialect.first_match() {
        FirstMatch::Limit => {
            filter(sql, table, "", clauses, first_slot);
            sql.sql(" LIMIT 1");
        }
        FirstMatch::Subquery(locking) => {
            sql.sql(" WHERE ")
                .name(key)
                .sql(" = (SELECT ")
                .name(key)
                .sql(" FROM ")
                .table(table);
            filter(sql, table, "", clauses, first_slot);
            sql.sql(" LIMIT 1").sql(locking).sql(")");
        }
    }
}

/// Reads the row that a write of `operation` wrote.
fn read_row(
    dialect: &dyn Dialect,
    operation: &'static str,
    table: &str,
    fields: &[Field],
    restrict: impl FnOnce(&mut Builder),
) -> Statement {
    let mut sql = Builder::new(dialect);
    sql.sql("SELECT ");
    selected(&mut sql, "", table, fields);
    sql.sql(" FROM ").table(table);
    restrict(&mut sql);
    sql.sql(" LIMIT 1");
    let columns = scalars(fields);
    finish(sql, operation, table, Access::Write, Keep::First, columns)
}

/// Locks the first match and gives its cells, the key last.
fn choose_first(
    dialect: &dyn Dialect,
    operation: &'static str,
    table: &str,
    key: &str,
    fields: &[Field],
    clauses: &[Clause],
    first_slot: usize,
) -> Statement {
    let key = Field {
        column: key.to_owned(),
        kind: Kind::Id,
    };
    let fields: Vec<Field> = fields.iter().cloned().chain([key]).collect();
    let mut sql = Builder::new(dialect);
    sql.sql("SELECT ");
    selected(&mut sql, "", table, &fields);
    sql.sql(" FROM ").table(table);
    filter(&mut sql, table, "", clauses, first_slot);
    sql.sql(" LIMIT 1 FOR UPDATE");
    let columns = scalars(&fields);
    finish(sql, operation, table, Access::Write, Keep::First, columns)
}

/// ` WHERE key = value`, for a key the database gave.
fn equals_key(sql: &mut Builder, table: &str, key: &str, slot: usize) {
    let key = Field {
        column: key.to_owned(),
        kind: Kind::Id,
    };
    let dialect = sql.dialect;
    sql.sql(" WHERE ").name(&key.column).sql(" = ");
    dialect.assigned(sql, table, &key, slot);
}

pub fn selected(sql: &mut Builder, qualifier: &str, table: &str, fields: &[Field]) {
    let dialect = sql.dialect;
    sql.list(", ", fields, |sql, field| {
        dialect.selected(sql, qualifier, table, field);
    });
}

pub fn finish(
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

pub fn scalars(fields: &[Field]) -> Vec<Column> {
    fields
        .iter()
        .map(|field| Column::Scalar(field.kind))
        .collect()
}

#[cfg(test)]
mod tests;
