//! The dialect of MySQL and MariaDB.
//!
//! Which texts are equal is the collation's business here, and the usual ones ignore case, accents
//! or spaces at the end. Comparisons are made on the bytes, beside one that an index serves.

use std::collections::HashMap;

use super::dialect::{Dialect, FirstMatch, JoinedRows, NewId, Piece, Write, quote_with};
use super::{Builder, Term};
use crate::engine::Role;
use crate::value::{IdKind, Kind};

/// What the dialect has to know of the database it writes for.
#[derive(Debug, Default)]
pub struct MySql {
    pub mariadb: bool,
    /// By table, as operations name it, and column.
    pub tables: HashMap<String, HashMap<String, ColumnType>>,
}

/// How a column is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub collation: Collation,
    /// Whether the database counts its values.
    pub counted: bool,
    /// The expression that is its default.
    pub expression: Option<String>,
}

/// What a column takes for equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collation {
    /// Equal bytes only.
    Exact,
    /// Equal bytes, or texts that differ in spaces at the end, or in case and more.
    Loose,
    /// As `Loose`, and all texts that differ in nothing but their case.
    IgnoresCase,
}

impl MySql {
    fn column(&self, table: &str, column: &str) -> Option<&ColumnType> {
        self.tables.get(table)?.get(column)
    }

    fn collation(&self, term: Term) -> Collation {
        self.column(term.table, &term.clause.column)
            .map_or(Collation::Loose, |column| column.collation)
    }
}

impl Dialect for MySql {
    fn quote(&self, name: &str, text: &mut String) {
        quote_with('`', name, text);
    }

    fn placeholder(&self, _number: usize, text: &mut String) {
        text.push('?');
    }

    fn numbered_placeholders(&self) -> bool {
        false
    }

    fn returns(&self, write: Write) -> bool {
        self.mariadb && write != Write::Update
    }

    /// A subquery may not read the table that the statement writes.
    fn first_match(&self) -> FirstMatch {
        FirstMatch::Limit
    }

    fn new_id(&self, table: &str, key: &str) -> NewId {
        match self.column(table, key) {
            Some(ColumnType {
                expression: Some(expression),
                counted: false,
                ..
            }) => NewId::Expression(expression.clone()),
            _ => NewId::Counted,
        }
    }

    fn default_row(&self) -> &'static str {
        " () VALUES ()"
    }

    fn text_equals(&self, sql: &mut Builder, term: Term) {
        if self.collation(term) == Collation::Exact {
            term.column(sql);
            sql.sql(" = ");
            term.text_value(sql);
            return;
        }
        sql.sql("(");
        term.column(sql);
        sql.sql(" = ");
        term.text_value(sql);
        sql.sql(" AND ");
        self.exact(sql, term);
        sql.sql(" = ");
        term.text_value(sql);
        sql.sql(")");
    }

    fn exact(&self, sql: &mut Builder, term: Term) {
        bytes(sql, &|sql| term.column(sql));
    }

    fn fold(&self, sql: &mut Builder, inner: &mut dyn FnMut(&mut Builder)) {
        sql.sql("CAST(LOWER(CONVERT(");
        inner(sql);
        sql.sql(" USING utf8mb4)) AS BINARY)");
    }

    fn folded_equals(&self, sql: &mut Builder, term: Term) {
        let indexed = self.collation(term) == Collation::IgnoresCase;
        if indexed {
            sql.sql("(");
            term.column(sql);
            sql.sql(" = ");
            term.text_value(sql);
            sql.sql(" AND ");
        }
        self.fold(sql, &mut |sql| term.column(sql));
        sql.sql(" = ");
        self.fold(sql, &mut |sql| term.text_value(sql));
        if indexed {
            sql.sql(")");
        }
    }

    fn is_in(&self, sql: &mut Builder, term: Term, negated: bool) {
        let operator = if negated { " NOT IN (" } else { " IN (" };
        let text = term.clause.kind.is_text();
        if !text || self.collation(term) == Collation::Exact {
            term.column(sql);
            sql.sql(operator);
            listed(sql, term);
            sql.sql(")");
            return;
        }
        if negated {
            self.exact(sql, term);
            sql.sql(operator);
            listed(sql, term);
            sql.sql(")");
            return;
        }
        sql.sql("(");
        term.column(sql);
        sql.sql(operator);
        listed(sql, term);
        sql.sql(") AND ");
        self.exact(sql, term);
        sql.sql(operator);
        listed(sql, term);
        sql.sql("))");
    }

    /// The engine folds the values of the list.
    fn is_in_folded(&self, sql: &mut Builder, term: Term, negated: bool) {
        self.fold(sql, &mut |sql| term.column(sql));
        sql.sql(if negated { " NOT IN (" } else { " IN (" });
        sql.bind_as(term.slot, Kind::String, Role::ListedFolded, 0);
        sql.sql(")");
    }

    fn contains(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("LOCATE(");
        bytes(sql, part);
        sql.sql(", ");
        bytes(sql, whole);
        sql.sql(") > 0");
    }

    fn starts_with(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("LOCATE(");
        bytes(sql, part);
        sql.sql(", ");
        bytes(sql, whole);
        sql.sql(") = 1");
    }

    /// UTF-8 keeps the comparison of bytes exact: no character's encoding ends another's.
    fn ends_with(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("RIGHT(");
        bytes(sql, whole);
        sql.sql(", LENGTH(");
        bytes(sql, part);
        sql.sql(")) = ");
        bytes(sql, part);
    }

    fn json_rows(&self, sql: &mut Builder, rows: JoinedRows) {
        let alias = rows.alias;
        sql.sql("SELECT JSON_ARRAYAGG(JSON_ARRAY(");
        sql.list(", ", &rows.join.columns, |sql, field| {
            if matches!(
                field.kind,
                Kind::Json | Kind::StringList | Kind::NumberList
            ) {
                // As it is stored: inside, it could not be told from the rest.
                sql.sql("CAST(")
                    .column(alias, &field.column)
                    .sql(" AS CHAR)");
            } else {
                sql.column(alias, &field.column);
            }
        });
        if self.mariadb {
            // It has no derived tables that see the row outside, but a LIMIT in here.
            sql.sql(")");
            rows.limit(sql);
            sql.sql(")");
            rows.from_matches(sql);
        } else {
            sql.sql(")) FROM (");
            rows.select(sql);
            sql.sql(") AS ").name(alias);
        }
    }

    fn column_type(&self, kind: Kind, id: IdKind) -> &'static str {
        match (kind, id) {
            (Kind::Id, IdKind::Serial) | (Kind::BigInt, _) => "bigint",
            (Kind::Id, _) => "varchar(255)",
            (Kind::String, _) => "longtext",
            // What JavaScript's numbers are.
            (Kind::Number, _) => "double",
            (Kind::Boolean, _) => "boolean",
            (Kind::Date, _) => "datetime(3)",
            (Kind::Json | Kind::StringList | Kind::NumberList, _) => "json",
        }
    }

    fn id_definition(&self, id: IdKind) -> &'static str {
        match id {
            IdKind::Text | IdKind::Uuid => "varchar(255) NOT NULL PRIMARY KEY",
            IdKind::Serial => "bigint NOT NULL PRIMARY KEY AUTO_INCREMENT",
            IdKind::Generated => "varchar(255) NOT NULL PRIMARY KEY DEFAULT (uuid())",
        }
    }
}

fn listed(sql: &mut Builder, term: Term) {
    sql.bind_as(term.slot, term.clause.kind, Role::Listed, 0);
}

fn bytes(sql: &mut Builder, inner: Piece) {
    sql.sql("CAST(CONVERT(");
    inner(sql);
    sql.sql(" USING utf8mb4) AS BINARY)");
}
