//! One change of a schema each, and its SQL.

use super::model::{Column, Index, Literal, Reference, Table};
use crate::sql::{Builder, Dialect};
use crate::value::IdKind;

#[derive(Debug)]
pub enum Step<'s> {
    CreateTable(&'s Table),
    AddColumn(&'s Table, &'s Column),
    AddForeignKey(&'s Table, &'s Column, &'s Reference),
    CreateIndex(&'s Table, &'s Index),
}

impl Step<'_> {
    /// The statement that takes the step.
    pub fn sql(&self, dialect: &dyn Dialect, id: IdKind) -> String {
        let mut sql = Builder::new(dialect);
        match self {
            Self::CreateTable(table) => create_table(&mut sql, table, id),
            Self::AddColumn(table, column) => add_column(&mut sql, table, column, id),
            Self::AddForeignKey(table, column, reference) => {
                add_foreign_key(&mut sql, table, column, reference);
            }
            Self::CreateIndex(table, index) => create_index(&mut sql, table, index),
        }
        sql.finish().0
    }
}

fn create_table(sql: &mut Builder, table: &Table, id: IdKind) {
    let dialect = sql.dialect;
    sql.sql("CREATE TABLE ").table(&table.name).sql(" (\n  ");
    sql.name("id").sql(" ").sql(dialect.id_definition(id));
    for column in &table.columns {
        sql.sql(",\n  ")
            .name(&column.name)
            .sql(" ")
            .sql(dialect.column_type(column.kind, id));
        if column.required {
            sql.sql(" NOT NULL");
        }
    }
    for column in &table.columns {
        if let Some(reference) = &column.references {
            sql.sql(",\n  ");
            foreign_key(sql, column, reference);
        }
    }
    sql.sql("\n)");
}

fn add_column(sql: &mut Builder, table: &Table, column: &Column, id: IdKind) {
    sql.sql("ALTER TABLE ")
        .table(&table.name)
        .sql(" ADD COLUMN ")
        .name(&column.name)
        .sql(" ");
    let column_type = sql.dialect.column_type(column.kind, id);
    sql.sql(column_type);
    if column.required {
        sql.sql(" NOT NULL");
    }
    if let Some(default) = &column.default {
        sql.sql(" DEFAULT ").sql(&literal(default));
    }
    if let Some(reference) = &column.references {
        sql.sql(" ");
        references(sql, reference);
    }
}

/// DDL takes no parameters, so this is the one place where a value becomes text.
fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Boolean(boolean) => u8::from(*boolean).to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Where no statement does it, a comment says so: `migrate` knows how, a script does not.
fn add_foreign_key(sql: &mut Builder, table: &Table, column: &Column, reference: &Reference) {
    if !sql.dialect.adds_foreign_keys() {
        sql.sql("-- database.migrate() does this, which no statement can: ");
    }
    sql.sql("ALTER TABLE ").table(&table.name).sql(" ADD ");
    foreign_key(sql, column, reference);
}

/// The table constraint. MySQL before 9 parses and ignores references written at the column.
pub fn foreign_key(sql: &mut Builder, column: &Column, reference: &Reference) {
    sql.sql("FOREIGN KEY (").name(&column.name).sql(") ");
    references(sql, reference);
}

fn references(sql: &mut Builder, reference: &Reference) {
    sql.sql("REFERENCES ")
        .table(&reference.table)
        .sql(" (")
        .name(&reference.column)
        .sql(")");
    sql.sql(" ON DELETE ").sql(reference.on_delete.sql());
}

fn create_index(sql: &mut Builder, table: &Table, index: &Index) {
    sql.sql(if index.unique {
        "CREATE UNIQUE INDEX "
    } else {
        "CREATE INDEX "
    });
    sql.name(&index.name)
        .sql(" ON ")
        .table(&table.name)
        .sql(" (");
    sql.list(", ", &index.columns, |sql, column| {
        sql.name(column);
    });
    sql.sql(")");
}
