//! The SQL function that compares regardless of letter case.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// The function's name; it is known on every connection of this package's and on no other.
pub const FOLD: &str = "better_auth_fold";

/// Folds text, where SQLite's own `lower` knows ASCII only. Anything but text stays as it is.
pub fn register(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(FOLD, 1, flags, |context: &Context| {
        Ok(match context.get_raw(0) {
            ValueRef::Text(text) => {
                ToSqlOutput::Owned(Value::Text(fold(&String::from_utf8_lossy(text))))
            }
            other => ToSqlOutput::Owned(other.try_into()?),
        })
    })
}

/// Full Unicode lower case, each character by itself: what a text contains, its folded form has to
/// contain folded. `to_lowercase` looks at the neighbours of a Σ to choose between its two forms.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = |character| match character {
        'ς' => 'σ',
        other => other,
    };
    text.chars()
        .flat_map(char::to_lowercase)
        .map(folded)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn letter_case_is_ignored_in_every_script() {
        for (one, other) in [
            ("ADA", "ada"),
            ("Ärger", "äRGER"),
            ("ΟΔΟΣ", "οδος"),
            ("ЖУК", "жук"),
            ("𐐀", "𐐨"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("a"), fold("ä"));
        assert_eq!(fold("İ\0%"), "i\u{307}\0%");
    }

    #[test]
    fn parts_of_a_text_are_parts_of_its_folded_form() {
        for (head, tail) in [("ΟΔΟΣ", "ΑΒ"), ("ΑΣ", ""), ("İ", "I"), ("Straß", "E")] {
            let whole = format!("{head}{tail}");
            assert_eq!(fold(&whole), fold(head) + &fold(tail));
        }
    }
}
