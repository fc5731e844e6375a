//! What differs between databases when the same statement is written. The defaults are the
//! common SQL; a dialect overrides only its differences.

use std::borrow::Cow;

use super::{Builder, Field, Join, Literal, SearchIndex, SearchPart, Term};
use crate::engine::Role;
use crate::value::{IdKind, Kind};

pub trait Dialect: Send + Sync {
    /// Appends `name` as a quoted identifier. The only place a name enters a statement.
    fn quote(&self, name: &str, text: &mut String) {
        quote_with('"', name, text);
    }

    /// The schema and the name of a table: `schema.table` is qualified.
    fn qualified<'n>(&'n self, table: &'n str) -> (Option<&'n str>, &'n str) {
        match table.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, table),
        }
    }

    /// Appends the placeholder of the parameter bound at `number`, counted from 1.
    fn placeholder(&self, number: usize, text: &mut String);

    /// Whether one placeholder may stand for the same parameter several times.
    fn numbered_placeholders(&self) -> bool;

    /// Whether a write of that kind gives back the rows it wrote.
    fn returns(&self, _write: Write) -> bool {
        true
    }

    /// How a write is held to one row.
    fn first_match(&self) -> FirstMatch {
        FirstMatch::Subquery("")
    }

    /// How a delete passes over rows that somebody else has locked.
    fn skips_locked(&self) -> SkipsLocked {
        SkipsLocked::Never
    }

    /// How a new row gets the id that the application leaves to the database.
    fn new_id(&self, _table: &str, _key: &str) -> NewId {
        NewId::Returned
    }

    /// What stands for the values of a row that sets none.
    fn default_row(&self) -> &'static str {
        " DEFAULT VALUES"
    }

    /// A value on its way into a column.
    fn assigned(&self, sql: &mut Builder, _table: &str, field: &Field, slot: usize) {
        sql.bind_as(slot, field.kind, Role::Stored, 0);
    }

    /// The clause's value, to be compared with its column.
    fn compared(&self, sql: &mut Builder, term: Term) {
        sql.bind(term.slot, term.clause.kind);
    }

    /// The clause's column where it is compared as the value that it holds.
    fn compared_column(&self, sql: &mut Builder, term: Term) {
        term.column(sql);
    }

    /// The clause's column as text, whatever it holds.
    fn text_column(&self, sql: &mut Builder, term: Term) {
        term.column(sql);
    }

    /// Column equals value, letter for letter, whatever the column's collation, and so that an
    /// index on the column serves.
    fn text_equals(&self, sql: &mut Builder, term: Term);

    /// The clause's column compared letter for letter, by the code points of its text.
    fn exact(&self, sql: &mut Builder, term: Term);

    /// The lower-case form that case-insensitive comparisons compare.
    fn fold(&self, sql: &mut Builder, inner: &mut dyn FnMut(&mut Builder));

    /// Column equals value without regard to case.
    fn folded_equals(&self, sql: &mut Builder, term: Term) {
        self.fold(sql, &mut |sql| self.text_column(sql, term));
        sql.sql(" = ");
        self.fold(sql, &mut |sql| term.text_value(sql));
    }

    /// Column is one of the values of the bound list; letter for letter where it is text.
    fn is_in(&self, sql: &mut Builder, term: Term, negated: bool);

    /// As `is_in`, without regard to case.
    fn is_in_folded(&self, sql: &mut Builder, term: Term, negated: bool);

    /// Whether `whole` contains, starts with or ends with `part`; nothing in `part` is a wildcard.
    fn contains(&self, sql: &mut Builder, whole: Piece, part: Piece);
    fn starts_with(&self, sql: &mut Builder, whole: Piece, part: Piece);
    fn ends_with(&self, sql: &mut Builder, whole: Piece, part: Piece);

    /// Whether the rows that `is_in` finds tell by the column which value each was found for.
    fn tells_apart(&self, _term: Term) -> bool {
        false
    }

    /// A column on its way out.
    fn selected(&self, sql: &mut Builder, qualifier: &str, _table: &str, field: &Field) {
        sql.column(qualifier, &field.column);
    }

    /// Has rows that come in some order, and of which the first are wanted, read in the order of an
    /// index where there is one.
    fn ordered_hint(&self, _sql: &mut Builder, _table: &str) {}

    /// Nulls come before everything else, as if they were the smallest value.
    fn nulls_first(&self, _descending: bool) -> &'static str {
        ""
    }

    /// A subquery of one cell that holds all rows of a join as a JSON array of arrays.
    fn json_rows(&self, sql: &mut Builder, rows: JoinedRows);

    /// The type of a new column.
    fn column_type(&self, column: ColumnUse) -> Cow<'static, str>;

    /// Everything that follows the name of a new primary key's column.
    fn id_definition(&self, id: IdKind) -> Cow<'static, str>;

    /// A literal as the default of a column. With `text_literal`, the one place where a value
    /// becomes text: what defines tables takes no parameters.
    fn default_value(&self, literal: &Literal) -> String {
        match literal {
            Literal::Boolean(boolean) => boolean.to_string(),
            Literal::Number(number) => number.to_string(),
            Literal::Text(text) => self.text_literal(text),
        }
    }

    fn text_literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// What follows the columns of a new table.
    fn table_options(&self) -> &'static str {
        ""
    }

    /// Whether a statement can add a foreign key to a table that exists. Where none can, tables
    /// may refer to others that do not exist yet.
    fn adds_foreign_keys(&self) -> bool {
        true
    }

    /// Whether the indexes of a new table are part of the statement that creates it.
    fn indexes_with_table(&self) -> bool {
        false
    }

    /// How much of a column of that many characters goes into an index; all of it where none is
    /// told.
    fn key_prefix(&self, _characters: u64, _key: Key) -> Option<usize> {
        None
    }

    /// Whether a foreign key can lead from a column of one type to a column of the other.
    fn can_refer(&self, _from: &str, _to: &str) -> bool {
        true
    }

    /// Whether two names are the same column's.
    fn same_name(&self, one: &str, other: &str) -> bool {
        one == other
    }

    /// Whether a foreign key has to go before its column can, by statements of its own kind.
    fn foreign_keys_hold_columns(&self) -> bool {
        false
    }

    /// Whether the database makes an index for every foreign key that finds none.
    fn indexes_foreign_keys(&self) -> bool {
        false
    }

    /// Whether indexes can be made while others write to their tables.
    fn makes_indexes_concurrently(&self) -> bool {
        false
    }

    /// What follows DROP INDEX.
    fn dropped_index(&self, sql: &mut Builder, table: &str, name: &str) {
        if let (Some(schema), _) = self.qualified(table) {
            sql.name(schema).sql(".");
        }
        sql.name(name);
    }

    /// A column as a unique index without regard to case compares it.
    fn folded_key(&self, sql: &mut Builder, column: &str) {
        sql.sql("lower(").name(column).sql(")");
    }

    fn create_folded_index(&self, sql: &mut Builder, table: &str, name: &str, column: &str) {
        sql.sql("CREATE UNIQUE INDEX ").name(name).sql(" ON ");
        sql.table(table).sql(" (");
        self.folded_key(sql, column);
        sql.sql(")");
    }

    fn drop_folded_index(&self, sql: &mut Builder, table: &str, name: &str) {
        sql.sql("DROP INDEX ");
        self.dropped_index(sql, table, name);
    }

    /// Whether a trigger is not enough, and calls a function.
    fn triggers_call_functions(&self) -> bool {
        false
    }

    fn create_touch_function(&self, _sql: &mut Builder, _table: &str, _column: &str) {}

    fn drop_touch_function(&self, _sql: &mut Builder, _table: &str, _column: &str) {}

    /// A trigger that sets the column to the moment of an update that leaves it as it is.
    fn create_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str);

    fn drop_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str) {
        sql.sql("DROP TRIGGER ");
        self.dropped_index(sql, table, &touch_trigger(self.qualified(table).1, column));
    }

    /// The statements that make an index of words, in their order.
    fn search_index(&self, index: &SearchIndex) -> Vec<SearchPart>;

    /// What has to go where the table has gone, and its index of words has not gone with it.
    fn drop_rest_of_search(&self, _name: &str) -> Option<String> {
        None
    }

    /// Whether the index of words has what the bound query asks for. `index` are its columns, or
    /// its name, as the engine's `full_text` tells.
    fn has_words(
        &self,
        sql: &mut Builder,
        key: &str,
        columns: &[String],
        index: &[String],
        slot: usize,
    );

    /// Whether a column matches the bound pattern, which `pattern` has made.
    fn matches(&self, sql: &mut Builder, column: &str, placeholder: &str);

    /// A pattern of SQLite's GLOB in the dialect's own words.
    fn pattern(&self, glob: &str) -> String;

    /// The rows of a derived table as one JSON object, in text: its columns `key` and `value`.
    fn json_object(&self, sql: &mut Builder, key: &str, value: &str);

    /// Whether a column of that type, in the database's own words and in lower case, holds what a
    /// field of that kind has.
    fn judge(&self, kind: Kind, id: IdKind, data_type: &str) -> Verdict;

    /// The statements that mend what a column cannot hold, where there are such.
    fn widen(&self, _table: &str, _column: &str, _required: bool) -> Option<String> {
        None
    }

    fn add_zone(&self, _table: &str, _column: &str) -> Option<String> {
        None
    }

    fn hold_still(&self, _table: &str, _column: &str, _required: bool) -> Option<String> {
        None
    }

    /// How to count the rows that hold a moment as a number, where others hold it as text, and the
    /// statement that makes it text.
    fn dates_as_numbers(&self, _table: &str, _column: &str) -> Option<(String, String)> {
        None
    }

    fn quoting(&self) -> Quoting {
        Quoting::Standard
    }

    /// Text as a value of a column of that kind; the schema's own tables are written as text.
    fn text_as(&self, _kind: Kind, text: &str) -> String {
        text.to_owned()
    }

    /// A moment in ISO 8601, in the words that `text_as` takes.
    fn moment(&self, iso: &str) -> String {
        iso.to_owned()
    }

    /// A column of moments as text, in UTC.
    fn moment_as_text(&self, sql: &mut Builder, column: &str) {
        sql.name(column);
    }
}

/// How scripts quote, beside the standard's ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    Standard,
    /// Between `$tag$`, and with backslashes in `E''`.
    Dollars,
    /// A backslash makes something else of what follows it.
    Backslashes,
}

/// The name of the trigger, and of what it calls.
pub fn touch_trigger(table: &str, column: &str) -> String {
    let mut name = format!("{table}_{column}_touch");
    // PostgreSQL cuts names at 63 bytes by itself, and would not be asked for the same name then.
    while name.len() > 63 {
        name.pop();
    }
    name
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fits,
    /// It holds other values.
    Wrong,
    /// It has no room for milliseconds since 1970.
    Narrow,
    /// Whose moments depend on the time zone of whoever reads them.
    Zoneless,
}

/// What the type of a new column depends on.
#[derive(Clone, Copy, Debug)]
pub struct ColumnUse {
    pub kind: Kind,
    /// What ids, and so references to them, are.
    pub id: IdKind,
    /// None where neither an index nor a foreign key has the column.
    pub key: Option<Key>,
}

/// The columns of an index, as far as its size depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub texts: usize,
    pub others: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Insert,
    Update,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstMatch {
    /// Its key is selected inside the write; what follows that SELECT is the dialect's.
    Subquery(&'static str),
    /// The write itself takes a LIMIT.
    Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipsLocked {
    /// There are no locks on rows, or it waits for them.
    Never,
    /// Its keys are locked and selected inside of it.
    Inside,
    /// Its keys are locked by a statement before it.
    Before,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The INSERT returns it.
    Returned,
    /// The database counts, and tells the number it gave.
    Counted,
    /// The column's default is this expression, in the database's own words.
    Expression(String),
}

/// The rows of a join that is no look-up by key.
#[derive(Clone, Copy)]
pub struct JoinedRows<'a> {
    pub join: &'a Join,
    pub alias: &'a str,
    /// Alias of the table that is searched.
    pub base: &'a str,
    pub limit_slot: usize,
}

impl JoinedRows<'_> {
    /// ` FROM table AS alias WHERE alias.to = base.from`
    pub fn append_matches(&self, sql: &mut Builder) {
        let Self {
            join, alias, base, ..
        } = self;
        sql.sql(" FROM ")
            .table(&join.table)
            .sql(" AS ")
            .name(alias)
            .sql(" WHERE ");
        sql.column(alias, &join.to)
            .sql(" = ")
            .column(base, &join.from);
    }

    /// A SELECT of the columns of up to as many rows as the limit says.
    pub fn select(&self, sql: &mut Builder) {
        sql.sql("SELECT ")
            .list(", ", &self.join.columns, |sql, field| {
                sql.name(&field.column);
            });
        self.append_matches(sql);
        self.limit(sql);
    }

    pub fn limit(&self, sql: &mut Builder) {
        sql.sql(" LIMIT ").bind(self.limit_slot, Kind::Number);
    }
}

/// A part of a text comparison that a dialect places where its functions want it, perhaps twice.
pub type Piece<'a> = &'a dyn Fn(&mut Builder);

/// A pattern of SQLite's GLOB as a regular expression: `*`, `?`, and classes in brackets.
pub fn regular(glob: &str) -> String {
    let mut regular = String::with_capacity(glob.len() * 2);
    let mut in_class = false;
    for character in glob.chars() {
        match character {
            '[' | ']' => in_class = character == '[',
            '*' if !in_class => regular.push('.'),
            '?' if !in_class => {
                regular.push('.');
                continue;
            }
            '$' | '.' | '+' if !in_class => {
                regular.extend(['[', character, ']']);
                continue;
            }
            _ => {}
        }
        regular.push(character);
    }
    regular
}

pub fn quote_with(quote: char, name: &str, text: &mut String) {
    text.push(quote);
    for character in name.chars() {
        if character == quote {
            text.push(quote);
        }
        text.push(character);
    }
    text.push(quote);
}

#[cfg(test)]
mod tests {
    use super::regular;

    #[test]
    fn a_glob_is_the_regular_expression_that_matches_the_same() {
        assert_eq!(regular("$2[abxy]$?*"), "[$]2[abxy][$]..*");
        assert_eq!(regular("a.b+[./*?]"), "a[.]b[+][./*?]");
    }
}
