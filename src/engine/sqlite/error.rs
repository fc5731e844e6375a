//! SQLite's result codes as the package's errors. SQLite's messages name tables and columns and
//! never values, so they may be passed on.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::config::Config;
use crate::engine::Statement;
use crate::error::{Code, Error};

/// What went wrong while `statement` ran.
pub fn from_sqlite(error: rusqlite::Error, statement: &Statement) -> Error {
    let told = match &error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let attempt = format!("{} on \"{}\"", statement.operation, statement.table);
    classify(&error, &told, &attempt)
        .with_table_if_unknown(&statement.table)
        .with_cause(told)
}

/// What went wrong while `attempt` ("begin a transaction") was under way.
pub fn from_control(error: &rusqlite::Error, attempt: &str) -> Error {
    let told = error.to_string();
    classify(error, &told, attempt).with_cause(told)
}

/// What went wrong while the database was opened.
pub fn from_open(error: &rusqlite::Error, config: &Config) -> Error {
    let name = config.name();
    let (code, message) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            Code::ConnectFailed,
            format!("{name} is not a SQLite database; nothing in it was changed"),
        ),
        Some(ErrorCode::CannotOpen) => (
            Code::ConnectFailed,
            format!("cannot open {name}: check that its directory exists and may be written to"),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Code::DatabaseLocked,
            format!(
                "cannot open {name}: another process kept it locked for {} ms",
                config.busy_timeout.as_millis()
            ),
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            Code::StorageFailed,
            format!("{name} is damaged; restore it from a back-up"),
        ),
        _ => (Code::ConnectFailed, format!("cannot open {name}")),
    };
    Error::new(code, message).with_cause(error)
}

/// Whether the operation only has to wait, or to be run where it may take its time.
pub fn would_wait(error: &rusqlite::Error) -> bool {
    is_locked(error) || is_interrupted(error)
}

pub fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

pub fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Whether the statement or its values are at fault, and not what it ran on.
pub fn is_of_the_statement(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::Unknown
        )
    )
}

fn classify(error: &rusqlite::Error, told: &str, attempt: &str) -> Error {
    let failure = match error {
        rusqlite::Error::SqliteFailure(failure, _) => *failure,
        rusqlite::Error::SqlInputError { error, .. } => *error,
        _ => return Error::new(Code::Internal, format!("{attempt} failed")),
    };
    match failure.code {
        ErrorCode::ConstraintViolation => constraint(failure.extended_code, told, attempt),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::new(
            Code::DatabaseLocked,
            format!("{attempt} gave up: another process kept the database locked"),
        ),
        ErrorCode::ReadOnly => Error::new(
            Code::ReadOnly,
            format!("{attempt} failed: the database is read-only"),
        ),
        ErrorCode::DiskFull => Error::new(
            Code::StorageFailed,
            format!("{attempt} failed: the disk is full"),
        ),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::new(
            Code::StorageFailed,
            format!("{attempt} failed: the database file is damaged; restore it from a back-up"),
        ),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => Error::new(
            Code::StorageFailed,
            format!("{attempt} failed: the database file cannot be read or written"),
        ),
        ErrorCode::TypeMismatch => Error::invalid_input(format!(
            "{attempt} failed: a value does not fit the type of its column"
        )),
        ErrorCode::TooBig => Error::invalid_input(format!("{attempt} failed: a value is too long")),
        ErrorCode::Unknown if is_schema_mismatch(told) => Error::new(
            Code::SchemaMismatch,
            format!("{attempt} failed: {told}. Run `await database.migrate()` or your migrations"),
        ),
        _ => Error::new(Code::Internal, format!("{attempt} failed")),
    }
}

fn is_schema_mismatch(told: &str) -> bool {
    [
        "no such table",
        "no such column",
        "has no column named",
        "unknown database",
    ]
    .iter()
    .any(|sign| told.contains(sign))
}

/// `UNIQUE constraint failed: user.email`, `NOT NULL constraint failed: user.name`, ...
fn constraint(extended_code: i32, told: &str, attempt: &str) -> Error {
    let subject = told.split_once("failed: ").map(|(_, subject)| subject);
    let named = |code, message: String| {
        let error = Error::new(code, message);
        match subject.and_then(|subject| subject.split(',').next()?.trim().split_once('.')) {
            Some((table, column)) => error.with_table(table).with_column(column),
            None => error,
        }
    };
    let subject_text = subject.unwrap_or("a column");
    let foreign_key = || {
        Error::new(
            Code::ForeignKeyViolation,
            format!(
                "{attempt} failed: it would leave a foreign key that points to no row (a missing \
                 parent, or a parent still referenced)"
            ),
        )
    };
    match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => named(
            Code::UniqueViolation,
            format!("{attempt} failed: a row with the same {subject_text} exists"),
        )
        .with_constraint(subject_text),
        ffi::SQLITE_CONSTRAINT_NOTNULL => named(
            Code::NotNullViolation,
            format!("{attempt} failed: {subject_text} needs a value"),
        ),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => foreign_key(),
        // ON DELETE RESTRICT is carried out as a trigger.
        ffi::SQLITE_CONSTRAINT_TRIGGER if told.starts_with("FOREIGN KEY") => foreign_key(),
        ffi::SQLITE_CONSTRAINT_CHECK => Error::new(
            Code::CheckViolation,
            format!("{attempt} failed: CHECK {subject_text}"),
        )
        .with_constraint(subject_text),
        _ => Error::new(
            Code::CheckViolation,
            format!("{attempt} failed: a constraint refuses it"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(extended_code: i32, told: &str) -> Error {
        let error =
            rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), Some(told.to_owned()));
        classify(&error, told, "create on \"user\"")
    }

    #[test]
    fn constraints_name_their_table_and_column() {
        let error = classified(
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: user.email",
        );
        assert_eq!(error.code, Code::UniqueViolation);
        assert_eq!(error.table.as_deref(), Some("user"));
        assert_eq!(error.column.as_deref(), Some("email"));
        let error = classified(
            ffi::SQLITE_CONSTRAINT_NOTNULL,
            "NOT NULL constraint failed: user.name",
        );
        assert_eq!(error.code, Code::NotNullViolation);
        assert_eq!(error.column.as_deref(), Some("name"));
        for code in [
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
            ffi::SQLITE_CONSTRAINT_TRIGGER,
        ] {
            let error = classified(code, "FOREIGN KEY constraint failed");
            assert_eq!(error.code, Code::ForeignKeyViolation);
        }
    }

    #[test]
    fn a_missing_table_asks_for_a_migration() {
        let error = classified(ffi::SQLITE_ERROR, "no such table: user");
        assert_eq!(error.code, Code::SchemaMismatch);
        assert!(error.message.contains("migrate"));
    }

    #[test]
    fn a_lock_is_retryable() {
        assert!(classified(ffi::SQLITE_BUSY_SNAPSHOT, "database is locked").retryable);
    }
}
