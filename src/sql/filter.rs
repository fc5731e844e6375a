//! Every filter operator, exactly once.
//!
//! A filter is (every clause connected by AND) AND (any clause connected by OR), as in Better
//! Auth's own adapters. Nulls follow SQL: only `eq null` and `ne null` match by nullness.

use serde::Deserialize;

use super::Builder;
use crate::value::Kind;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clause {
    pub column: String,
    pub kind: Kind,
    pub operator: Operator,
    /// Connected by OR; a filter is (all others) AND (any of these).
    #[serde(default)]
    pub or: bool,
    #[serde(default)]
    pub insensitive: bool,
    /// The value is null, which SQL compares with its own operators.
    #[serde(default)]
    pub null: bool,
    /// No two rows have the same value in this column.
    #[serde(default)]
    pub unique: bool,
}

impl Clause {
    /// Whether it holds for one row at most.
    pub fn finds_one(&self) -> bool {
        let plain = self.operator == Operator::Eq && !self.null && !self.insensitive;
        self.unique && plain && !self.or
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    /// After the value in the order that sorting by the column has.
    After,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
}

/// A clause in its place: where its column is qualified and which value it takes.
#[derive(Clone, Copy)]
pub struct Term<'a> {
    pub table: &'a str,
    pub qualifier: &'a str,
    pub clause: &'a Clause,
    pub slot: usize,
}

impl Term<'_> {
    pub fn column(&self, sql: &mut Builder) {
        sql.column(self.qualifier, &self.clause.column);
    }

    /// The value as text, whatever the column holds.
    pub fn text_value(&self, sql: &mut Builder) {
        sql.bind(self.slot, Kind::String);
    }
}

/// Appends ` WHERE ...`, or nothing where there is no clause. Values start at `first_slot`.
pub fn filter(
    sql: &mut Builder,
    table: &str,
    qualifier: &str,
    clauses: &[Clause],
    first_slot: usize,
) {
    if clauses.is_empty() {
        return;
    }
    let terms = || {
        clauses.iter().enumerate().map(|(index, clause)| Term {
            table,
            qualifier,
            clause,
            slot: first_slot + index,
        })
    };
    sql.sql(" WHERE ");
    sql.list(" AND ", terms().filter(|term| !term.clause.or), comparison);
    if clauses.iter().any(|clause| clause.or) {
        if !clauses.iter().all(|clause| clause.or) {
            sql.sql(" AND ");
        }
        sql.sql("(")
            .list(" OR ", terms().filter(|term| term.clause.or), comparison)
            .sql(")");
    }
}

/// Appends the test of one clause.
pub fn comparison(sql: &mut Builder, term: Term) {
    let dialect = sql.dialect;
    let text = term.clause.kind.is_text();
    let folded = text && term.clause.insensitive;
    match term.clause.operator {
        Operator::Eq if term.clause.null => null_test(sql, term, " IS NULL"),
        Operator::Ne if term.clause.null => null_test(sql, term, " IS NOT NULL"),
        Operator::After => after(sql, term),
        Operator::Eq if folded => dialect.folded_equals(sql, term),
        Operator::Ne if folded => folded_differs(sql, term),
        Operator::Eq if text => dialect.text_equals(sql, term),
        Operator::Eq => binary(sql, term, " = "),
        Operator::Ne => binary(sql, term, " <> "),
        Operator::Lt => binary(sql, term, " < "),
        Operator::Lte => binary(sql, term, " <= "),
        Operator::Gt => binary(sql, term, " > "),
        Operator::Gte => binary(sql, term, " >= "),
        Operator::In if folded => dialect.is_in_folded(sql, term, false),
        Operator::NotIn if folded => dialect.is_in_folded(sql, term, true),
        Operator::In => dialect.is_in(sql, term, false),
        Operator::NotIn => dialect.is_in(sql, term, true),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => substring(sql, term),
    }
}

fn null_test(sql: &mut Builder, term: Term, test: &str) {
    term.column(sql);
    sql.sql(test);
}

fn binary(sql: &mut Builder, term: Term, operator: &str) {
    let dialect = sql.dialect;
    if term.clause.kind.is_text() {
        dialect.exact(sql, term);
        sql.sql(operator);
        term.text_value(sql);
    } else {
        dialect.compared_column(sql, term);
        sql.sql(operator);
        dialect.compared(sql, term);
    }
}

/// Compared as the column itself compares, whatever its collation, so that its index serves.
fn after(sql: &mut Builder, term: Term) {
    let dialect = sql.dialect;
    term.column(sql);
    sql.sql(" > ");
    dialect.compared(sql, term);
}

fn folded_differs(sql: &mut Builder, term: Term) {
    let dialect = sql.dialect;
    dialect.fold(sql, &mut |sql| dialect.text_column(sql, term));
    sql.sql(" <> ");
    dialect.fold(sql, &mut |sql| term.text_value(sql));
}

fn substring(sql: &mut Builder, term: Term) {
    let dialect = sql.dialect;
    let folded = term.clause.insensitive;
    let whole = |sql: &mut Builder| {
        if folded {
            dialect.fold(sql, &mut |sql| dialect.text_column(sql, term))
        } else {
            dialect.text_column(sql, term)
        }
    };
    let part = |sql: &mut Builder| {
        if folded {
            dialect.fold(sql, &mut |sql| term.text_value(sql))
        } else {
            term.text_value(sql)
        }
    };
    match term.clause.operator {
        Operator::StartsWith => dialect.starts_with(sql, &whole, &part),
        Operator::EndsWith => dialect.ends_with(sql, &whole, &part),
        _ => dialect.contains(sql, &whole, &part),
    }
}

#[cfg(test)]
mod tests;
