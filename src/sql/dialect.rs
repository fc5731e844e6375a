//! What differs between databases when the same statement is written. The defaults are the
//! common SQL; a dialect overrides only its differences.

use super::{Builder, Field, Term};
use crate::value::{IdKind, Kind};

pub trait Dialect: Send + Sync {
    /// Appends `name` as a quoted identifier. The only place a name enters a statement.
    fn quote(&self, name: &str, text: &mut String) {
        text.push('"');
        for character in name.chars() {
            if character == '"' {
                text.push('"');
            }
            text.push(character);
        }
        text.push('"');
    }

    /// Appends the placeholder of the parameter bound at `number`, counted from 1.
    fn placeholder(&self, number: usize, text: &mut String);

    /// Whether one placeholder may stand for the same parameter several times.
    fn numbered_placeholders(&self) -> bool;

    /// Column equals value, letter for letter, whatever the column's collation, and so that an
    /// index on the column serves.
    fn text_equals(&self, sql: &mut Builder, term: Term);

    /// A term compared letter for letter.
    fn exact(&self, sql: &mut Builder, term: Term);

    /// The lower-case form that case-insensitive comparisons compare.
    fn fold(&self, sql: &mut Builder, inner: &mut dyn FnMut(&mut Builder));

    /// `IN (...)` over a bound list, right side only.
    fn in_list(&self, sql: &mut Builder, term: Term);

    /// As `in_list`, over the folded values of the list.
    fn in_folded_list(&self, sql: &mut Builder, term: Term);

    /// Whether `whole` contains, starts with or ends with `part`; nothing in `part` is a wildcard.
    fn contains(&self, sql: &mut Builder, whole: Piece, part: Piece);
    fn starts_with(&self, sql: &mut Builder, whole: Piece, part: Piece);
    fn ends_with(&self, sql: &mut Builder, whole: Piece, part: Piece);

    /// One expression that holds all rows of `rows` (a SELECT of exactly `fields`) as a JSON
    /// array of arrays.
    fn json_rows(
        &self,
        sql: &mut Builder,
        alias: &str,
        fields: &[Field],
        rows: &mut dyn FnMut(&mut Builder),
    );

    /// The type of a column; `id` tells what ids, and so references to them, are.
    fn column_type(&self, kind: Kind, id: IdKind) -> &'static str;

    /// Whether a statement can add a foreign key to a table that exists.
    fn adds_foreign_keys(&self) -> bool {
        true
    }

    /// Everything that follows the name of the primary key's column.
    fn id_definition(&self, id: IdKind) -> &'static str;
}

/// A part of a text comparison that a dialect places where its functions want it, perhaps twice.
pub type Piece<'a> = &'a dyn Fn(&mut Builder);
