//! SQLite's result codes as the package's errors. SQLite's messages name tables and columns and
//! never values, so they may be passed on.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::config::{Config, Location};
use super::{locks, reason};
use crate::engine::Statement;
use crate::error::{Code, Error};

/// What went wrong while `statement` ran on `connection`.
pub fn from_sqlite(
    error: rusqlite::Error,
    statement: &Statement,
    connection: &rusqlite::Connection,
) -> Error {
    let told = match &error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let attempt = attempt_of(statement);
    classify(&error, &told, &attempt, &Place::of(connection))
        .with_table_if_unknown(&statement.table)
        .with_cause(told)
}

/// What went wrong while `attempt` ("begin a transaction") was under way on `connection`.
pub fn from_control(
    error: &rusqlite::Error,
    attempt: &str,
    connection: &rusqlite::Connection,
) -> Error {
    let told = error.to_string();
    classify(error, &told, attempt, &Place::of(connection)).with_cause(told)
}

/// What to tell who waited for a lock in vain.
pub fn locked(statement: &Statement) -> Error {
    let attempt = attempt_of(statement);
    Error::new(Code::DatabaseLocked, given_up(&attempt)).with_table(&statement.table)
}

fn given_up(attempt: &str) -> String {
    format!("{attempt} gave up: another process kept the database locked")
}

fn attempt_of(statement: &Statement) -> String {
    format!("{} on \"{}\"", statement.operation, statement.table)
}

/// What went wrong while `attempt` copied from one database to another.
pub fn from_copying(error: &rusqlite::Error, attempt: &str) -> Error {
    let told = error.to_string();
    classify(error, &told, attempt, &Place::default()).with_cause(told)
}

/// What went wrong while the database was opened, on `connection` where it came that far.
pub fn from_open(
    error: &rusqlite::Error,
    config: &Config,
    connection: Option<&rusqlite::Connection>,
) -> Error {
    let name = config.name();
    let place = Place {
        file: match &config.location {
            Location::File(path) => Some(path),
            Location::Memory => None,
        },
        system: connection.and_then(reason::last_of),
    };
    let told = error.to_string();
    let trouble = failure_of(error).and_then(|failure| trouble(failure, &told, &place));
    let (code, message) = match (error.sqlite_error_code(), trouble) {
        (Some(ErrorCode::NotADatabase), _) => (
            Code::ConnectFailed,
            format!(
                "{name} is not a SQLite database, or its beginning is damaged; nothing in it was \
                 changed"
            ),
        ),
        (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => (
            Code::DatabaseLocked,
            format!(
                "cannot open {name}: another process kept it locked for {} ms",
                config.busy_timeout.as_millis()
            ),
        ),
        (Some(ErrorCode::CannotOpen), _) if place.file.is_some_and(locks::is_refused) => (
            Code::FileOpenElsewhere,
            format!(
                "{name} is open elsewhere in this process, by another driver or a second copy of \
                 this package, and this system has no locks that would keep the two from \
                 overwriting each other. Close it there and use database.query() or \
                 database.kysely() instead, or open it in another process"
            ),
        ),
        (Some(ErrorCode::CannotOpen), _) => {
            let why = place.reason_to_open().unwrap_or(told.clone());
            (Code::ConnectFailed, format!("cannot open {name}: {why}"))
        }
        (Some(ErrorCode::ReadOnly), Some((_, why))) => {
            (Code::ConnectFailed, format!("cannot open {name}: {why}"))
        }
        (_, Some((code, why))) => (code, format!("cannot open {name}: {why}")),
        (_, None) => (Code::ConnectFailed, format!("cannot open {name}: {told}")),
    };
    Error::new(code, message).with_cause(told)
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

/// Where something went wrong.
#[derive(Default)]
struct Place<'p> {
    /// None of a database in memory.
    file: Option<&'p Path>,
    /// What the operating system said last.
    system: Option<io::Error>,
}

impl<'p> Place<'p> {
    fn of(connection: &'p rusqlite::Connection) -> Self {
        Self {
            file: connection
                .path()
                .filter(|path| !path.is_empty())
                .map(Path::new),
            system: reason::last_of(connection),
        }
    }

    /// The reason of a failure to read or write.
    fn reason(&self) -> Option<String> {
        self.system.as_ref().map(reason::in_words)
    }

    /// The reason of a failure to open the file, or a log beside it.
    fn reason_to_open(&self) -> Option<String> {
        self.file
            .and_then(reason::not_opened)
            .or_else(|| self.reason())
    }
}

fn failure_of(error: &rusqlite::Error) -> Option<ffi::Error> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(*failure),
        rusqlite::Error::SqlInputError { error, .. } => Some(*error),
        _ => None,
    }
}

/// What is wrong with the file, the disk or the right to use them, and what to do about it.
fn trouble(failure: ffi::Error, told: &str, place: &Place) -> Option<(Code, String)> {
    let with = |what: &str, reason: Option<String>| match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    };
    let storage = |message: String| Some((Code::StorageFailed, message));
    match failure.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            storage("the database file is damaged; restore it from a back-up".to_owned())
        }
        // The file's beginning names a format that this SQLite does not know.
        ErrorCode::Unknown if told.contains("unsupported file format") => storage(
            "the database file is damaged, or of a later SQLite; restore it from a back-up"
                .to_owned(),
        ),
        ErrorCode::DiskFull => storage("the disk is full; make room and try again".to_owned()),
        ErrorCode::CannotOpen => storage(with(
            "the database file, or the log beside it, cannot be opened",
            place.reason_to_open(),
        )),
        ErrorCode::SystemIoFailure | ErrorCode::NoLargeFileSupport => {
            storage(with(io_failure(failure.extended_code), place.reason()))
        }
        ErrorCode::ReadOnly => Some(match failure.extended_code {
            ffi::SQLITE_READONLY_DBMOVED => (
                Code::StorageFailed,
                "the database file was moved or deleted while it was open; put it back, and \
                 restart what uses it"
                    .to_owned(),
            ),
            ffi::SQLITE_READONLY_DIRECTORY | ffi::SQLITE_READONLY_CANTINIT => (
                Code::ReadOnly,
                "SQLite writes a log beside the database file, and its folder may not be written"
                    .to_owned(),
            ),
            _ => (
                Code::ReadOnly,
                "the database is read-only: the user of this process may not write its file, or \
                 the -shm file beside it"
                    .to_owned(),
            ),
        }),
        ErrorCode::PermissionDenied => Some((
            Code::PermissionDenied,
            "the database file may not be used so".to_owned(),
        )),
        _ => None,
    }
}

fn io_failure(extended_code: i32) -> &'static str {
    match extended_code {
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ => {
            "the database file cannot be read to its end"
        }
        ffi::SQLITE_IOERR_CORRUPTFS => "the file system that holds the database is damaged",
        ffi::SQLITE_IOERR_SHMOPEN
        | ffi::SQLITE_IOERR_SHMSIZE
        | ffi::SQLITE_IOERR_SHMMAP
        | ffi::SQLITE_IOERR_SHMLOCK => "the -shm file beside the database cannot be used",
        ffi::SQLITE_IOERR_LOCK
        | ffi::SQLITE_IOERR_UNLOCK
        | ffi::SQLITE_IOERR_RDLOCK
        | ffi::SQLITE_IOERR_CHECKRESERVEDLOCK => {
            "the file system does not lock the database file as SQLite needs it"
        }
        ffi::SQLITE_IOERR_NOMEM => "the system has no memory left",
        _ => "the database file cannot be read or written",
    }
}

fn classify(error: &rusqlite::Error, told: &str, attempt: &str, place: &Place) -> Error {
    let failed = |code, why: &str| Error::new(code, format!("{attempt} failed: {why}"));
    let Some(failure) = failure_of(error) else {
        return match error {
            // What SQLite itself keeps there is text and numbers.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => failed(
                Code::StorageFailed,
                "the database file is damaged; restore it from a back-up",
            ),
            _ => Error::new(Code::Internal, format!("{attempt} failed")),
        };
    };
    if let Some((code, why)) = trouble(failure, told, place) {
        let file = place.file.map(|file| format!(" ({})", file.display()));
        return failed(code, &format!("{why}{}", file.unwrap_or_default()));
    }
    match failure.code {
        ErrorCode::ConstraintViolation => constraint(failure.extended_code, told, attempt),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => {
            Error::new(Code::DatabaseLocked, given_up(attempt))
        }
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
        classify(&error, told, "create on \"user\"", &Place::default())
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

    #[test]
    fn what_is_wrong_with_the_file_is_never_a_defect_of_this_package() {
        for (extended_code, code, why) in [
            (ffi::SQLITE_CORRUPT_INDEX, Code::StorageFailed, "damaged"),
            (ffi::SQLITE_NOTADB, Code::StorageFailed, "damaged"),
            (ffi::SQLITE_FULL, Code::StorageFailed, "disk is full"),
            (ffi::SQLITE_IOERR_FSYNC, Code::StorageFailed, "written"),
            (ffi::SQLITE_IOERR_CORRUPTFS, Code::StorageFailed, "system"),
            (ffi::SQLITE_CANTOPEN_ISDIR, Code::StorageFailed, "opened"),
            (ffi::SQLITE_READONLY_DBMOVED, Code::StorageFailed, "moved"),
            (ffi::SQLITE_READONLY_DIRECTORY, Code::ReadOnly, "folder"),
            (ffi::SQLITE_READONLY, Code::ReadOnly, "read-only"),
            (ffi::SQLITE_PERM, Code::PermissionDenied, "may not"),
        ] {
            let error = classified(extended_code, "SQLite's words");
            assert_eq!(error.code, code, "{extended_code}");
            assert!(error.message.contains(why), "{}", error.message);
        }
    }

    #[test]
    fn the_systems_own_reason_is_passed_on_with_the_file() {
        let failure = ffi::Error::new(ffi::SQLITE_IOERR_WRITE);
        let error = rusqlite::Error::SqliteFailure(failure, None);
        let place = Place {
            file: Some(Path::new("/srv/auth.db")),
            system: Some(io::Error::from(io::ErrorKind::QuotaExceeded)),
        };
        let error = classify(&error, "disk I/O error", "commit", &place);
        assert_eq!(error.code, Code::StorageFailed);
        assert!(error.message.contains("make room"), "{}", error.message);
        assert!(error.message.contains("/srv/auth.db"), "{}", error.message);
    }
}
