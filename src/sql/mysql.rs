//! The dialect of MySQL and MariaDB.
//!
//! Which texts are equal is the collation's business here, and the usual ones ignore case, accents
//! or spaces at the end. Comparisons are made on the bytes, beside one that an index serves.

use std::borrow::Cow;
use std::collections::HashMap;

use super::dialect::{
    ColumnUse, Dialect, FirstMatch, JoinedRows, Key, NewId, Piece, Quoting, SkipsLocked, Verdict,
    Write, quote_with, regular, touch_trigger,
};
use super::{Builder, Field, Literal, SearchIndex, SearchPart, Term};
use crate::engine::Role;
use crate::engine::mysql::listing::OPENING;
use crate::engine::mysql::types::{self, Collation, ColumnType};
use crate::value::{IdKind, Kind};

/// What the dialect has to know of the database it writes for.
#[derive(Debug, Default)]
pub struct MySql {
    pub mariadb: bool,
    /// Whether it knows SKIP LOCKED: MySQL from 8.0.1, MariaDB from 10.6.
    pub skips_locked: bool,
    /// By table, as operations name it, and column, in lower case: columns differ in more than it.
    pub tables: HashMap<String, HashMap<String, ColumnType>>,
}

/// How a clause's column meets text.
enum Comparison {
    /// As it is, by values bound as its type.
    Direct,
    /// The column's own comparison finds more than is asked for.
    Loose,
    /// As the text that the server writes it out as.
    Text,
}

impl MySql {
    fn column_of(&self, table: &str, column: &str) -> Option<&ColumnType> {
        self.tables.get(table)?.get(&column.to_lowercase())
    }

    fn column(&self, term: Term) -> Option<&ColumnType> {
        self.column_of(term.table, &term.clause.column)
    }

    /// What values are bound as; 0, the kind's own, where the column is not known.
    fn family(&self, table: &str, column: &str) -> u32 {
        self.column_of(table, column)
            .map_or(0, |column| column.family)
    }

    fn comparison(&self, term: Term) -> Comparison {
        match self.column(term) {
            None => Comparison::Loose,
            Some(column) => match column.family {
                types::TEXT if column.collation == Collation::Exact => Comparison::Direct,
                types::TEXT => Comparison::Loose,
                types::JSON | types::OTHER => Comparison::Text,
                _ => Comparison::Direct,
            },
        }
    }

    fn bound(&self, sql: &mut Builder, term: Term, role: Role) {
        let clause = term.clause;
        let family = self.family(term.table, &clause.column);
        if family == types::JSON {
            // A text would be compared as the JSON string of it.
            sql.sql("CAST(")
                .bind_as(term.slot, clause.kind, role, family)
                .sql(" AS JSON)");
        } else {
            sql.bind_as(term.slot, clause.kind, role, family);
        }
    }

    /// The lower case of a collation of utf8mb4, or the best that the server has.
    fn lower(&self, sql: &mut Builder, collation: Option<&str>, inner: Piece) {
        let collation = collation.or(self.mariadb.then_some("utf8mb4_unicode_520_ci"));
        // The lower case of these two letters takes more bytes than MySQL makes room for, and so
        // takes the letters after it away.
        let growing = !self.mariadb
            && collation.is_none_or(|name| name.contains("_0900_") || name.contains("_520_"));
        sql.sql("CAST(LOWER(");
        if growing {
            sql.sql("REPLACE(REPLACE(");
        }
        sql.sql("CONVERT(");
        inner(sql);
        sql.sql(" USING utf8mb4)");
        if growing {
            sql.sql(", 'Ⱥ', 'ⱥ'), 'Ⱦ', 'ⱦ')");
        }
        if let Some(collation) = collation {
            sql.sql(" COLLATE ").sql(collation);
        }
        sql.sql(") AS BINARY)");
    }
}

impl Dialect for MySql {
    /// MySQL 9.7 sorts the whole table for 100 of 10,000 rows: 20 ms instead of 0.5. MariaDB reads
    /// the index by itself.
    fn ordered_hint(&self, sql: &mut Builder, table: &str) {
        if !self.mariadb {
            sql.sql("/*+ ORDER_INDEX(").name(table).sql(") */ ");
        }
    }

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

    /// A subquery may not read the table that the statement writes.
    fn skips_locked(&self) -> SkipsLocked {
        if self.skips_locked {
            SkipsLocked::Before
        } else {
            SkipsLocked::Never
        }
    }

    fn new_id(&self, table: &str, key: &str) -> NewId {
        let expression = self
            .column_of(table, key)
            .and_then(|column| column.expression.clone());
        expression.map_or(NewId::Counted, NewId::Expression)
    }

    fn default_row(&self) -> &'static str {
        " () VALUES ()"
    }

    fn assigned(&self, sql: &mut Builder, table: &str, field: &Field, slot: usize) {
        let family = self.family(table, &field.column);
        sql.bind_as(slot, field.kind, Role::Stored, family);
    }

    fn compared(&self, sql: &mut Builder, term: Term) {
        self.bound(sql, term, Role::Compared);
    }

    fn text_column(&self, sql: &mut Builder, term: Term) {
        if self.family(term.table, &term.clause.column) == types::OTHER {
            written_out(sql, &|sql| term.column(sql));
        } else {
            term.column(sql);
        }
    }

    fn text_equals(&self, sql: &mut Builder, term: Term) {
        match self.comparison(term) {
            Comparison::Direct => {
                term.column(sql);
                sql.sql(" = ");
                self.bound(sql, term, Role::Compared);
            }
            Comparison::Text => {
                self.exact(sql, term);
                sql.sql(" = ");
                term.text_value(sql);
            }
            // The first comparison uses the index.
            Comparison::Loose => {
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
        }
    }

    fn exact(&self, sql: &mut Builder, term: Term) {
        bytes(sql, &|sql| self.text_column(sql, term));
    }

    fn fold(&self, sql: &mut Builder, inner: &mut dyn FnMut(&mut Builder)) {
        let inner = std::cell::RefCell::new(inner);
        self.lower(sql, None, &|sql| (inner.borrow_mut())(sql));
    }

    fn folded_equals(&self, sql: &mut Builder, term: Term) {
        let column = |sql: &mut Builder| self.text_column(sql, term);
        let collation = self.column(term).map(|column| &column.collation);
        if let Some(Collation::IgnoresCase(collation)) = collation {
            // The first comparison uses the index.
            sql.sql("(");
            term.column(sql);
            sql.sql(" = ");
            term.text_value(sql);
            sql.sql(" AND ");
            self.lower(sql, Some(collation), &column);
            sql.sql(" = ");
            self.lower(sql, Some(collation), &|sql| term.text_value(sql));
            sql.sql(")");
        } else {
            self.lower(sql, None, &column);
            sql.sql(" = ");
            self.lower(sql, None, &|sql| term.text_value(sql));
        }
    }

    fn is_in(&self, sql: &mut Builder, term: Term, negated: bool) {
        let column = |sql: &mut Builder| term.column(sql);
        let exact = |sql: &mut Builder| self.exact(sql, term);
        let typed = |sql: &mut Builder| self.bound(sql, term, Role::Listed);
        let text = |sql: &mut Builder| listed_text(sql, term);
        if !term.clause.kind.is_text() {
            list(sql, negated, &column, &typed);
            return;
        }
        match self.comparison(term) {
            Comparison::Direct if !negated => list(sql, negated, &column, &typed),
            Comparison::Loose if !negated => {
                sql.sql("(");
                list(sql, negated, &column, &text);
                sql.sql(" AND ");
                list(sql, negated, &exact, &text);
                sql.sql(")");
            }
            _ => list(sql, negated, &exact, &text),
        }
    }

    fn tells_apart(&self, term: Term) -> bool {
        let family = self.column(term).map(|column| column.family);
        term.clause.kind.is_text() && family == Some(types::TEXT)
    }

    fn is_in_folded(&self, sql: &mut Builder, term: Term, negated: bool) {
        let column = |sql: &mut Builder| self.lower(sql, None, &|sql| self.text_column(sql, term));
        let text = |sql: &mut Builder| self.lower(sql, None, &|sql| listed_text(sql, term));
        list(sql, negated, &column, &text);
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

    fn selected(&self, sql: &mut Builder, qualifier: &str, table: &str, field: &Field) {
        let column = |sql: &mut Builder| {
            sql.column(qualifier, &field.column);
        };
        if self.family(table, &field.column) == types::OTHER {
            written_out(sql, &column);
        } else {
            column(sql);
        }
    }

    fn json_rows(&self, sql: &mut Builder, rows: JoinedRows) {
        let alias = rows.alias;
        sql.sql("SELECT JSON_ARRAYAGG(JSON_ARRAY(");
        sql.list(", ", &rows.join.columns, |sql, field| {
            let column = |sql: &mut Builder| {
                sql.column(alias, &field.column);
            };
            match self.family(&rows.join.table, &field.column) {
                types::INTEGER | types::FRACTION | types::MOMENT | types::DAY => column(sql),
                types::BIT => {
                    column(sql);
                    sql.sql(" + 0");
                }
                // As it is, not in the six digits it is shown with.
                types::FLOAT => {
                    column(sql);
                    sql.sql(" + 0e0");
                }
                // JSON as it is stored: inside, it could not be told from the rest.
                _ => written_out(sql, &column),
            }
        });
        if self.mariadb {
            // It has no derived tables that see the row outside, but a LIMIT in here.
            sql.sql(")");
            rows.limit(sql);
            sql.sql(")");
            rows.append_matches(sql);
        } else {
            sql.sql(")) FROM (");
            rows.select(sql);
            sql.sql(") AS ").name(alias);
        }
    }

    fn column_type(&self, ColumnUse { kind, id, key }: ColumnUse) -> Cow<'static, str> {
        let name = match (kind, id) {
            (Kind::Id, IdKind::Serial) | (Kind::BigInt, _) => "bigint",
            (Kind::Id | Kind::String, _) => return self.text_type(kind, key).into(),
            // What JavaScript's numbers are.
            (Kind::Number, _) => "double",
            (Kind::Boolean, _) => "boolean",
            // Not `timestamp`, which ends in 2038 and may update itself.
            (Kind::Date, _) => "datetime(3)",
            (Kind::Json | Kind::StringList | Kind::NumberList, _) => "json",
        };
        name.into()
    }

    fn id_definition(&self, id: IdKind) -> Cow<'static, str> {
        if id == IdKind::Serial {
            return "bigint NOT NULL PRIMARY KEY AUTO_INCREMENT".into();
        }
        let mut definition = self.text_type(Kind::Id, None);
        definition.push_str(" NOT NULL PRIMARY KEY");
        if id == IdKind::Generated {
            definition.push_str(" DEFAULT (uuid())");
        }
        definition.into()
    }

    /// Columns of long text take expressions only.
    fn default_value(&self, literal: &Literal) -> String {
        match literal {
            Literal::Boolean(boolean) => boolean.to_string(),
            Literal::Number(number) => number.to_string(),
            Literal::Text(text) => format!("({})", self.text_literal(text)),
        }
    }

    /// Whether a backslash stands for itself is a setting, and what other letters are is the
    /// business of whoever runs a script.
    fn text_literal(&self, text: &str) -> String {
        if text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~' if byte != b'\\'))
        {
            return format!("'{}'", text.replace('\'', "''"));
        }
        let bytes = text.bytes().map(|byte| format!("{byte:02X}"));
        format!("CONVERT(X'{}' USING utf8mb4)", bytes.collect::<String>())
    }

    /// With the collation, because columns that others add later take it from the table, and must
    /// be able to refer to these.
    fn table_options(&self) -> &'static str {
        if self.mariadb {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
        } else {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin"
        }
    }

    /// A statement that fails leaves those before it, so the fewer the better.
    fn indexes_with_table(&self) -> bool {
        true
    }

    fn key_prefix(&self, characters: u64, key: Key) -> Option<usize> {
        let share = share(key);
        (characters > share as u64).then_some(share)
    }

    /// Texts have to have the same collation, and what is indexed by a part only cannot refer.
    fn can_refer(&self, from: &str, to: &str) -> bool {
        match (comparison(from), comparison(to)) {
            (Some(from), Some(to)) => from == to,
            _ => false,
        }
    }

    fn same_name(&self, one: &str, other: &str) -> bool {
        one.to_lowercase() == other.to_lowercase()
    }

    fn foreign_keys_hold_columns(&self) -> bool {
        true
    }

    fn indexes_foreign_keys(&self) -> bool {
        true
    }

    fn dropped_index(&self, sql: &mut Builder, table: &str, name: &str) {
        sql.name(name).sql(" ON ").table(table);
    }

    /// MariaDB has no indexes on expressions, and so a column that nobody sees.
    fn create_folded_index(&self, sql: &mut Builder, table: &str, name: &str, column: &str) {
        if !self.mariadb {
            sql.sql("CREATE UNIQUE INDEX ").name(name).sql(" ON ");
            sql.table(table).sql(" ((");
            self.folded_key(sql, column);
            sql.sql("))");
            return;
        }
        sql.sql("ALTER TABLE ").table(table).sql(" ADD COLUMN ");
        sql.name(name).sql(" varchar(255) GENERATED ALWAYS AS (");
        self.folded_key(sql, column);
        sql.sql(") VIRTUAL INVISIBLE, ADD UNIQUE INDEX ").name(name);
        sql.sql(" (").name(name).sql(")");
    }

    fn drop_folded_index(&self, sql: &mut Builder, table: &str, name: &str) {
        sql.sql("ALTER TABLE ").table(table);
        sql.sql(" DROP INDEX ").name(name);
        if self.mariadb {
            sql.sql(", DROP COLUMN ").name(name);
        }
    }

    fn create_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str) {
        let (schema, bare) = self.qualified(table);
        sql.sql("CREATE TRIGGER ");
        if let Some(schema) = schema {
            sql.name(schema).sql(".");
        }
        sql.name(&touch_trigger(bare, column));
        sql.sql(" BEFORE UPDATE ON ").table(table);
        sql.sql(" FOR EACH ROW SET NEW.").name(column);
        sql.sql(" = IF(NEW.")
            .name(column)
            .sql(" <=> OLD.")
            .name(column);
        sql.sql(", UTC_TIMESTAMP(3), NEW.").name(column).sql(")");
    }

    fn drop_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str) {
        let (schema, bare) = self.qualified(table);
        sql.sql("DROP TRIGGER ");
        if let Some(schema) = schema {
            sql.name(schema).sql(".");
        }
        sql.name(&touch_trigger(bare, column));
    }

    fn search_index(&self, index: &SearchIndex) -> Vec<SearchPart> {
        self.made_search_index(index)
    }

    fn has_words(&self, sql: &mut Builder, _: &str, _: &[String], index: &[String], slot: usize) {
        sql.sql("MATCH (").list(", ", index, |sql, column| {
            sql.name(column);
        });
        sql.sql(") AGAINST (").bind(slot, Kind::String);
        sql.sql(" IN BOOLEAN MODE)");
    }

    fn matches(&self, sql: &mut Builder, column: &str, placeholder: &str) {
        sql.sql("CONVERT(").name(column);
        sql.sql(" USING utf8mb4) COLLATE utf8mb4_bin REGEXP ")
            .sql(placeholder);
    }

    /// The end of a line is not the end of the text, and any character is one.
    fn pattern(&self, glob: &str) -> String {
        format!("(?s)^{}\\z", regular(glob))
    }

    fn json_object(&self, sql: &mut Builder, key: &str, value: &str) {
        sql.sql(&format!("CAST(JSON_OBJECTAGG({key}, {value}) AS CHAR)"));
    }

    fn judge(&self, kind: Kind, id: IdKind, data_type: &str) -> Verdict {
        let text = data_type.ends_with("char") || data_type.ends_with("text");
        let integer = data_type.ends_with("int");
        let fraction = matches!(data_type, "double" | "float" | "decimal");
        let fits = match kind {
            Kind::BigInt if integer && data_type != "bigint" => return Verdict::Narrow,
            Kind::Id if id == IdKind::Serial => integer,
            Kind::Id => text || matches!(data_type, "uuid") || (id == IdKind::Generated && integer),
            Kind::String => text || matches!(data_type, "enum" | "set"),
            Kind::Number => integer || fraction,
            Kind::BigInt => integer || fraction,
            Kind::Boolean => integer || matches!(data_type, "bit"),
            Kind::Date => matches!(data_type, "datetime" | "timestamp"),
            Kind::Json | Kind::StringList | Kind::NumberList => text || data_type == "json",
        };
        if fits { Verdict::Fits } else { Verdict::Wrong }
    }

    fn widen(&self, table: &str, column: &str, required: bool) -> Option<String> {
        Some(modified(self, table, column, "bigint", required))
    }

    fn hold_still(&self, table: &str, column: &str, required: bool) -> Option<String> {
        Some(modified(self, table, column, "datetime(3)", required))
    }

    fn moment(&self, iso: &str) -> String {
        iso.trim_end_matches('Z').replace('T', " ")
    }

    fn moment_as_text(&self, sql: &mut Builder, column: &str) {
        sql.sql("CAST(").name(column).sql(" AS CHAR(30))");
    }

    fn quoting(&self) -> Quoting {
        Quoting::Backslashes
    }
}

impl MySql {
    /// Texts are equal here as they are in the other databases: letter for letter, and spaces at
    /// the end count.
    fn text_type(&self, kind: Kind, key: Option<Key>) -> String {
        let collation = if self.mariadb {
            "utf8mb4_nopad_bin"
        } else {
            "utf8mb4_0900_bin"
        };
        match key {
            None if kind == Kind::String => format!("longtext COLLATE {collation}"),
            _ => {
                let length = key.map_or(KEY_LENGTH, share).min(KEY_LENGTH);
                format!("varchar({length}) COLLATE {collation}")
            }
        }
    }
}

fn modified(dialect: &MySql, table: &str, column: &str, to: &str, required: bool) -> String {
    let mut sql = Builder::new(dialect);
    sql.sql("ALTER TABLE ").table(table);
    sql.sql(" MODIFY ").name(column).sql(" ").sql(to);
    sql.sql(if required { " NOT NULL" } else { " NULL" });
    sql.finish().0
}

/// Characters of a column that is part of an index, where there is room.
const KEY_LENGTH: usize = 255;

/// How many characters of each text an index has room for, of four bytes each.
fn share(key: Key) -> usize {
    const BYTES: usize = 3072;
    let left = BYTES.saturating_sub(key.others * 16);
    left / 4 / key.texts.max(1)
}

/// By what a foreign key compares columns of that type; none where it cannot.
fn comparison(column_type: &str) -> Option<String> {
    let (name, collation) = match column_type.split_once(" COLLATE ") {
        Some((text, collation)) => (text, Some(collation)),
        None => (column_type, None),
    };
    let bare = name.split('(').next().unwrap_or(name);
    match collation {
        _ if bare.contains("text") || bare.contains("blob") || bare == "json" => None,
        Some(collation) => Some(collation.to_owned()),
        // The width that integers are shown with does not count.
        None => Some(match name.split_once(')') {
            Some((_, rest)) => format!("{bare}{rest}"),
            None => name.to_owned(),
        }),
    }
}

/// `column IN (each)`, or its opposite; the engine repeats `each`.
fn list(sql: &mut Builder, negated: bool, column: Piece, each: Piece) {
    column(sql);
    sql.sql(if negated { " NOT" } else { "" }).sql(OPENING);
    each(sql);
    sql.sql(")");
}

/// A value of the list as text, whatever the column holds.
fn listed_text(sql: &mut Builder, term: Term) {
    sql.bind_as(term.slot, Kind::String, Role::Listed, types::TEXT);
}

fn written_out(sql: &mut Builder, inner: Piece) {
    sql.sql("CAST(");
    inner(sql);
    sql.sql(" AS CHAR)");
}

fn bytes(sql: &mut Builder, inner: Piece) {
    sql.sql("CAST(CONVERT(");
    inner(sql);
    sql.sql(" USING utf8mb4) AS BINARY)");
}

#[cfg(test)]
mod tests;
