//! The SQL function that compares regardless of letter case.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// The function's name; it is known on every connection of this package's and on no other.
pub const FOLD: &str = "better_auth_fold";

/// Full Unicode lower case, where SQLite's own `lower` knows ASCII only. Anything but text stays
/// as it is.
pub fn register(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(FOLD, 1, flags, |context: &Context| {
        Ok(match context.get_raw(0) {
            ValueRef::Text(text) => {
                ToSqlOutput::Owned(Value::Text(String::from_utf8_lossy(text).to_lowercase()))
            }
            other => ToSqlOutput::Owned(other.try_into()?),
        })
    })
}
