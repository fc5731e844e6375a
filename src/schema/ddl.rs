//! The SQL of a step.

use super::model::{Index, Table};
use super::steps::{ForeignKey, NewColumn, NewIndex, Step};
use crate::sql::{Builder, Dialect, Literal};
use crate::value::{IdKind, Kind};

impl Step<'_> {
    /// The statement that takes the step.
    pub fn sql(&self, dialect: &dyn Dialect, id: IdKind) -> String {
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
            Self::AddForeignKey { table, key } => add_foreign_key(&mut sql, table, key),
        }
        sql.finish().0
    }
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
        sql.sql("-- database.migrate() does this, which no statement can: ");
    }
    sql.sql("ALTER TABLE ").table(&table.name).sql(" ADD ");
    foreign_key(sql, key);
}

/// The constraint of a table.
pub fn foreign_key(sql: &mut Builder, key: &ForeignKey) {
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
    sql.sql(if new.index.unique {
        "CREATE UNIQUE INDEX "
    } else {
        "CREATE INDEX "
    });
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
