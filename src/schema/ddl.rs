//! The SQL of a step, there and back.

use super::model::{Index, Table};
use super::script::REMARK;
use super::steps::{Change, ForeignKey, NewColumn, NewIndex, Step};
use crate::sql::{Builder, Dialect, Literal};
use crate::value::{IdKind, Kind};

impl Step<'_> {
    pub fn change(&self, dialect: &dyn Dialect, id: IdKind) -> Change {
        let (table, column, constraint) = self.subject();
        let owned = |name: Option<&str>| name.map(ToOwned::to_owned);
        Change {
            kind: self.kind(),
            what: self.to_string(),
            table: owned(table),
            column: owned(column),
            constraint: owned(constraint),
            up: self.up(dialect, id),
            down: self.down(dialect),
            alone: match self {
                Self::CreateIndex { index, .. } => index.concurrent,
                Self::DropBrokenIndex { .. } => true,
                _ => false,
            },
        }
    }

    /// The statement that takes the step.
    fn up(&self, dialect: &dyn Dialect, id: IdKind) -> String {
        let mut sql = Builder::new(dialect);
        match self {
            Self::CreateSchema(name) => {
                sql.sql("CREATE SCHEMA IF NOT EXISTS ").name(name);
            }
            Self::CreateTable {
                table,
                columns,
                indexes,
            } => create_table(&mut sql, table, columns, indexes, id),
            Self::AddColumn { table, column } => add_column(&mut sql, table, column),
            Self::CreateIndex { table, index } => create_index(&mut sql, table, index),
            Self::DropBrokenIndex { table, name } => drop_index(&mut sql, table, name, true),
            Self::AddForeignKey { table, key } => add_foreign_key(&mut sql, table, key),
            Self::CreateTouchFunction { table, column } => {
                dialect.create_touch_function(&mut sql, &table.name, column);
            }
            Self::CreateTouchTrigger { table, column } => {
                dialect.create_touch_trigger(&mut sql, &table.name, column);
            }
            Self::CreateSearch { part, .. } => {
                sql.sql(&part.up);
            }
        }
        sql.finish().0
    }

    /// The statement that takes it back.
    fn down(&self, dialect: &dyn Dialect) -> String {
        let mut sql = Builder::new(dialect);
        match self {
            Self::CreateSchema(name) => {
                sql.sql(REMARK).sql("leaves the schema ").name(name);
            }
            Self::CreateTable { table, .. } => {
                sql.sql("DROP TABLE ").table(&table.name);
            }
            Self::AddColumn { table, column } => drop_column(&mut sql, table, column),
            Self::CreateIndex { table, index } if index.index.folded => {
                dialect.drop_folded_index(&mut sql, &table.name, &index.name);
            }
            // Not concurrently, which is quick enough: going back is one transaction.
            Self::CreateIndex { table, index } => match &index.replaces {
                None => drop_index(&mut sql, table, &index.name, false),
                Some(replaced) => {
                    sql.sql("ALTER TABLE ").table(&table.name);
                    sql.sql(" DROP INDEX ").name(&index.name);
                    sql.sql(", ADD INDEX ").name(replaced);
                    sql.sql(" (").name(&index.index.columns[0]).sql(")");
                }
            },
            Self::DropBrokenIndex { name, .. } => {
                sql.sql(REMARK)
                    .sql("does not break ")
                    .name(name)
                    .sql(" again");
            }
            Self::AddForeignKey { table, key } => drop_foreign_key(&mut sql, table, key),
            Self::CreateTouchFunction { table, column } => {
                dialect.drop_touch_function(&mut sql, &table.name, column);
            }
            Self::CreateTouchTrigger { table, column } => {
                dialect.drop_touch_trigger(&mut sql, &table.name, column);
            }
            Self::CreateSearch { part, .. } => {
                match &part.down {
                    Some(down) => sql.sql(down),
                    None => sql.sql(REMARK).sql("needs nothing to undo ").sql(part.what),
                };
            }
        }
        sql.finish().0
    }
}

fn drop_column(sql: &mut Builder, table: &Table, column: &NewColumn) {
    let dialect = sql.dialect;
    sql.sql("ALTER TABLE ").table(&table.name);
    let key = column.foreign_key.as_ref();
    // Elsewhere it goes with its column.
    if let Some(name) = key.and_then(|key| key.name.as_ref())
        && dialect.foreign_keys_hold_columns()
    {
        sql.sql(" DROP FOREIGN KEY ").name(name).sql(",");
    }
    sql.sql(" DROP COLUMN ").name(&column.column.name);
}

fn drop_index(sql: &mut Builder, table: &Table, name: &str, concurrent: bool) {
    let dialect = sql.dialect;
    sql.sql(if concurrent {
        "DROP INDEX CONCURRENTLY "
    } else {
        "DROP INDEX "
    });
    dialect.dropped_index(sql, &table.name, name);
}

fn create_table(
    sql: &mut Builder,
    table: &Table,
    columns: &[NewColumn],
    indexes: &[NewIndex],
    id: IdKind,
) {
    let dialect = sql.dialect;
    sql.sql("CREATE TABLE ").table(&table.name).sql(" (\n  ");
    sql.name("id").sql(" ").sql(&dialect.id_definition(id));
    for column in columns {
        sql.sql(",\n  ");
        define(sql, column);
    }
    for NewIndex {
        index,
        name,
        prefixes,
        ..
    } in indexes
    {
        sql.sql(",\n  ")
            .sql(if index.unique {
                "UNIQUE INDEX "
            } else {
                "INDEX "
            })
            .name(name)
            .sql(" ");
        indexed(sql, index, prefixes);
    }
    for key in columns
        .iter()
        .filter_map(|column| column.foreign_key.as_ref())
    {
        sql.sql(",\n  ");
        foreign_key(sql, key);
    }
    sql.sql("\n)").sql(dialect.table_options());
}

fn add_column(sql: &mut Builder, table: &Table, column: &NewColumn) {
    let dialect = sql.dialect;
    sql.sql("ALTER TABLE ")
        .table(&table.name)
        .sql(" ADD COLUMN ");
    define(sql, column);
    if let Some(default) = &column.column.default {
        let default = stored(default, column.column.kind);
        sql.sql(" DEFAULT ").sql(&dialect.default_value(&default));
    }
    if let Some(key) = &column.foreign_key {
        if dialect.adds_foreign_keys() {
            // MySQL before 9 reads references at a column, and ignores them.
            sql.sql(", ADD ");
            foreign_key(sql, key);
        } else {
            sql.sql(" ");
            references(sql, key);
        }
    }
}

/// The column and its type.
fn define(sql: &mut Builder, column: &NewColumn) {
    sql.name(&column.column.name)
        .sql(" ")
        .sql(&column.column_type);
    if column.column.required {
        sql.sql(" NOT NULL");
    }
}

/// The default as a column of that kind holds it.
fn stored(default: &Literal, kind: Kind) -> Literal {
    match (kind, default) {
        (Kind::Json, Literal::Text(text)) => {
            Literal::Text(serde_json::Value::from(text.as_str()).to_string())
        }
        (Kind::Json, Literal::Boolean(boolean)) => Literal::Text(boolean.to_string()),
        (Kind::Json, Literal::Number(number)) => Literal::Text(number.to_string()),
        _ => default.clone(),
    }
}

/// Where no statement does it, a comment says so: `migrate` knows how, a script does not.
fn add_foreign_key(sql: &mut Builder, table: &Table, key: &ForeignKey) {
    if !sql.dialect.adds_foreign_keys() {
        sql.sql(REMARK).sql("does what no statement can: ");
    }
    sql.sql("ALTER TABLE ").table(&table.name).sql(" ADD ");
    foreign_key(sql, key);
}

fn drop_foreign_key(sql: &mut Builder, table: &Table, key: &ForeignKey) {
    let dialect = sql.dialect;
    let Some(name) = &key.name else {
        sql.sql(REMARK).sql("does what no statement can: ");
        sql.sql("ALTER TABLE ").table(&table.name).sql(" DROP ");
        foreign_key(sql, key);
        return;
    };
    sql.sql("ALTER TABLE ").table(&table.name);
    if dialect.foreign_keys_hold_columns() {
        sql.sql(" DROP FOREIGN KEY ").name(name);
    } else {
        sql.sql(" DROP CONSTRAINT ").name(name);
    }
    if key.makes_index {
        sql.sql(", DROP INDEX ").name(name);
    }
}

/// The constraint of a table.
fn foreign_key(sql: &mut Builder, key: &ForeignKey) {
    if let Some(name) = &key.name {
        sql.sql("CONSTRAINT ").name(name).sql(" ");
    }
    sql.sql("FOREIGN KEY (").name(&key.column.name).sql(") ");
    references(sql, key);
}

fn references(sql: &mut Builder, key: &ForeignKey) {
    sql.sql("REFERENCES ")
        .table(&key.reference.table)
        .sql(" (")
        .name(&key.reference.column)
        .sql(") ON DELETE ")
        .sql(key.reference.on_delete.sql());
}

fn create_index(sql: &mut Builder, table: &Table, new: &NewIndex) {
    let dialect = sql.dialect;
    if new.index.folded {
        dialect.create_folded_index(sql, &table.name, &new.name, &new.index.columns[0]);
        return;
    }
    sql.sql(if new.index.unique {
        "CREATE UNIQUE INDEX "
    } else {
        "CREATE INDEX "
    });
    if new.concurrent {
        sql.sql("CONCURRENTLY ");
    }
    sql.name(&new.name).sql(" ON ").table(&table.name).sql(" ");
    indexed(sql, new.index, &new.prefixes);
}

fn indexed(sql: &mut Builder, index: &Index, prefixes: &[Option<usize>]) {
    let columns = index.columns.iter().zip(prefixes);
    sql.sql("(").list(", ", columns, |sql, (column, prefix)| {
        sql.name(column);
        if let Some(prefix) = prefix {
            sql.sql(&format!("({prefix})"));
        }
    });
    sql.sql(")");
}
