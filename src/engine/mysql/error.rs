//! MySQL's and MariaDB's errors as the package's, by their numbers (MySQL error reference;
//! MariaDB error codes).
//!
//! Many messages quote values: only those are passed on that name tables, columns or constraints.

use sqlx::mysql::MySqlDatabaseError;

use crate::engine::Statement;
use crate::engine::server::{Failure, Fate, Unreachable, lost};
use crate::error::{Code, Error, columns_of};

/// What went wrong while `statement` ran.
pub fn from_statement(error: &sqlx::Error, statement: &Statement) -> Failure {
    let attempt = format!("{} on \"{}\"", statement.operation, statement.table);
    let mut failure = from_server(error, &attempt);
    if let (Code::NotNullViolation, Some(column)) = (failure.error.code, &failure.error.column) {
        let column = columns_of(&statement.table, &[column]);
        failure.error.message = format!("{attempt} failed: {column} needs a value");
    }
    failure.error = failure.error.with_table_if_unknown(&statement.table);
    failure
}

/// What went wrong while `attempt` ("begin a transaction") was under way.
pub fn from_server(error: &sqlx::Error, attempt: &str) -> Failure {
    let Some(told) = told(error) else {
        return lost(error, attempt);
    };
    let Meaning { code, fate, why } = classify(told.number(), told.message());
    let mut error = Error::new(code, format!("{attempt} failed: {why}"));
    error.sql_state = told.code().map(ToOwned::to_owned);
    match code {
        Code::UniqueViolation => error.constraint = key(told.message()).map(ToOwned::to_owned),
        Code::ForeignKeyViolation => {
            error.constraint = between(told.message(), "CONSTRAINT `", "`").map(ToOwned::to_owned);
        }
        Code::CheckViolation => error.constraint = check(told.message()).map(ToOwned::to_owned),
        Code::NotNullViolation => error.column = quoted(told.message()).map(ToOwned::to_owned),
        _ => {}
    }
    if is_discreet(code) {
        error = error.with_cause(told.message());
    }
    let undone = matches!(code, Code::StatementTimeout | Code::ConnectionLost);
    if undone || fate == Fate::Turned {
        error = error.retryable();
    }
    Failure { error, fate }
}

/// As `from_server`, of a statement of the application's: what is wrong with it is no lack of a
/// migration, and the server's words about that are about the application's own text.
pub fn from_own(error: &sqlx::Error, attempt: &str) -> Failure {
    let failure = from_server(error, attempt);
    let Some(told) = told(error) else {
        return failure;
    };
    if !matches!(failure.error.code, Code::Internal | Code::SchemaMismatch)
        || matches!(told.number(), 1054 | 1109 | 1146 | 1049)
    {
        return failure;
    }
    let mut error = Error::invalid_input(format!("{attempt} failed: {}", told.message()));
    error.sql_state = failure.error.sql_state.clone();
    Failure {
        error,
        fate: failure.fate,
    }
}

/// Whether the server runs such statements only as they are.
pub fn is_unpreparable(error: &sqlx::Error) -> bool {
    told(error).is_some_and(|told| told.number() == 1295)
}

/// What went wrong while connecting to `server`.
pub fn from_connect(error: &sqlx::Error, server: &str) -> Failure {
    let told = told(error);
    let (why, passing) = match told.map(MySqlDatabaseError::number) {
        Some(1044 | 1045 | 1698 | 1862 | 3118) => ("it refuses the user or the password", false),
        Some(1049) => ("there is no database of that name", false),
        Some(1040 | 1203 | 1226) => ("it has no connection left", true),
        Some(1129 | 1130) => ("it refuses connections from this host", false),
        Some(1047 | 1053 | 1077 | 1079 | 3168) => ("it is starting up or shutting down", true),
        Some(3159) => (
            "it takes encrypted connections only; tls has to be on",
            false,
        ),
        Some(_) => ("it refuses the connection", false),
        None => unreachable(error).why(),
    };
    let message = format!("cannot connect to {server}: {why}");
    let mut failed = Error::new(Code::ConnectFailed, message);
    match told {
        Some(told) => failed.sql_state = told.code().map(ToOwned::to_owned),
        None => failed = failed.with_cause(error),
    }
    if passing {
        failed = failed.retryable();
    }
    Failure::refused(failed)
}

fn unreachable(error: &sqlx::Error) -> Unreachable<'_> {
    match error {
        sqlx::Error::Tls(_) => Unreachable::Tls,
        sqlx::Error::Io(error) => Unreachable::Io(error),
        sqlx::Error::Configuration(_) => Unreachable::Options,
        _ => Unreachable::Other,
    }
}

/// The name of the unique key of which there is a row, and nothing of that row.
pub fn duplicate_key(error: &sqlx::Error) -> Option<&str> {
    let told = told(error).filter(|told| matches!(told.number(), 1062 | 1586))?;
    key(told.message())
}

/// Names the columns of the unique key, once they are known.
pub fn name_key(failure: &mut Failure, statement: &Statement, columns: &[String]) {
    let Some(first) = columns.first() else { return };
    failure.error.column = Some(first.clone());
    failure.error.message = format!(
        "{} on \"{}\" failed: a row with the same {} exists",
        statement.operation,
        statement.table,
        columns_of(&statement.table, columns),
    );
}

/// Whether the server knows no such user with such a password.
pub fn is_access_denied(error: &sqlx::Error) -> bool {
    told(error).is_some_and(|told| told.number() == 1045)
}

fn told(error: &sqlx::Error) -> Option<&MySqlDatabaseError> {
    match error {
        sqlx::Error::Database(told) => told.try_downcast_ref(),
        _ => None,
    }
}

/// Whether the server's words for it quote no value.
fn is_discreet(code: Code) -> bool {
    matches!(
        code,
        Code::ForeignKeyViolation
            | Code::NotNullViolation
            | Code::CheckViolation
            | Code::SchemaMismatch
    )
}

struct Meaning {
    code: Code,
    fate: Fate,
    why: String,
}

fn classify(number: u16, message: &str) -> Meaning {
    const REFUSED: Fate = Fate::Refused;
    let named = |name: Option<&str>| name.unwrap_or("a constraint").to_owned();
    let (code, fate, why) = match number {
        1022 | 1062 | 1169 | 1586 => (
            Code::UniqueViolation,
            REFUSED,
            &*format!("a row with the same key exists ({})", named(key(message))),
        ),
        1216 | 1452 => (
            Code::ForeignKeyViolation,
            REFUSED,
            &*format!(
                "it would leave a foreign key that points to no row (a missing parent: {})",
                named(between(message, "CONSTRAINT `", "`"))
            ),
        ),
        1217 | 1451 => (
            Code::ForeignKeyViolation,
            REFUSED,
            &*format!(
                "it is still referenced ({})",
                named(between(message, "CONSTRAINT `", "`"))
            ),
        ),
        1048 | 1364 | 1263 => (
            Code::NotNullViolation,
            REFUSED,
            &*format!("{} needs a value", quoted(message).unwrap_or("a column")),
        ),
        // MySQL has something else at 4025.
        3819 => (
            Code::CheckViolation,
            REFUSED,
            &*format!("the constraint {} refuses it", named(check(message))),
        ),
        4025 if message.starts_with("CONSTRAINT") => (
            Code::CheckViolation,
            REFUSED,
            &*format!("the constraint {} refuses it", named(check(message))),
        ),
        1213 | 1614 | 3101 => (
            Code::Deadlock,
            Fate::Conflict { whole: true },
            "it and another transaction were in each other's way",
        ),
        // MariaDB's innodb_snapshot_isolation.
        1020 => (
            Code::SerializationFailure,
            Fate::Conflict { whole: true },
            "the server undid it because of a concurrent transaction",
        ),
        1205 => (
            Code::DatabaseLocked,
            Fate::Conflict { whole: false },
            "a lock was not released in time",
        ),
        3572 => (Code::DatabaseLocked, REFUSED, "a row is locked"),
        1317 | 1969 | 3024 | 1028 => (
            Code::StatementTimeout,
            REFUSED,
            "the server cancelled it, most likely for the statement timeout",
        ),
        1054 | 1109 | 1146 => (
            Code::SchemaMismatch,
            Fate::Outdated,
            &*format!("{message}. Run `await database.migrate()` or your migrations"),
        ),
        1049 | 1305 => (Code::SchemaMismatch, Fate::Outdated, message),
        1267 | 1270 | 1271 => (
            Code::SchemaMismatch,
            REFUSED,
            "the columns of a join have different collations; give them one",
        ),
        1615 | 1243 => (
            Code::ConnectionLost,
            Fate::Turned,
            "the server, or a proxy before it, lost a prepared statement; set prepare: false",
        ),
        1461 => (
            Code::StorageFailed,
            REFUSED,
            "the server keeps as many prepared statements as max_prepared_stmt_count allows; raise \
             it, or set prepare: false",
        ),
        1290 | 1792 | 1836 | 3100 => (
            Code::ReadOnly,
            Fate::Turned,
            "the server only reads: it is a replica, or was made one",
        ),
        1044 | 1142 | 1143 | 1227 | 1370 => (
            Code::PermissionDenied,
            REFUSED,
            "the database's user lacks a right",
        ),
        // 1047 is a cluster's node that is not part of it, or not yet.
        1047
        | 1053
        | 1077..=1080
        | 1152
        | 1158..=1161
        | 1184
        | 1927
        | 3032
        | 3168
        | 3169
        | 4031 => (
            Code::ConnectionLost,
            Fate::Turned,
            "the server ended the connection",
        ),
        1040 | 1203 => (
            Code::ConnectFailed,
            Fate::Turned,
            "it has no connection left",
        ),
        // The server does not read the rest of it.
        1153 => (
            Code::InvalidInput,
            Fate::Turned,
            "its values are larger than the server's max_allowed_packet",
        ),
        // What changes of the schema meet: what is there already, what is gone already, and what does
        // not go together.
        1005
        | 1050
        | 1051
        | 1060
        | 1061
        | 1071
        | 1072
        | 1091
        | 1101
        | 1170
        | 1215
        | 1359
        | 1360
        | 1553
        | 1822
        | 1824..=1826
        | 1830
        | 3734
        | 3780
        | 6125 => (Code::SchemaMismatch, REFUSED, message),
        1264 | 1265 | 1292 | 1366 | 1406 | 1411 | 1416 | 1425 | 1441 | 1525 | 1690 | 3140
        | 3141 | 3156 | 3854 | 4038 | 4079 => (
            Code::InvalidInput,
            REFUSED,
            "a value does not fit the type of its column",
        ),
        1390 => (
            Code::InvalidInput,
            REFUSED,
            "it has more values than the server takes in one statement",
        ),
        // Up to 40 they are of the library that reads and writes the server's files.
        1..=40
        | 1004
        | 1006
        | 1009
        | 1010
        | 1013..=1018
        | 1021
        | 1023
        | 1024
        | 1026
        | 1030
        | 1034
        | 1037
        | 1038
        | 1041
        | 1114
        | 1135
        | 1194
        | 1195
        | 1206
        | 1257
        | 1712 => (
            Code::StorageFailed,
            REFUSED,
            "the server is out of a resource, or its storage fails",
        ),
        _ => (
            Code::Internal,
            REFUSED,
            &*format!("the server refuses it (error {number})"),
        ),
    };
    let why = why.to_owned();
    Meaning { code, fate, why }
}

/// Of `Duplicate entry 'value' for key 'table.key'` the key. MariaDB does not name the table.
fn key(message: &str) -> Option<&str> {
    let (_, key) = message.rsplit_once(" for key '")?;
    let key = key.strip_suffix('\'')?;
    Some(key.rsplit_once('.').map_or(key, |(_, key)| key))
}

/// `Check constraint 'name' is violated.` and ``CONSTRAINT `name` failed for `db`.`table` ``
fn check(message: &str) -> Option<&str> {
    between(message, "constraint '", "'").or_else(|| between(message, "CONSTRAINT `", "`"))
}

/// `Column 'name' cannot be null`, `Field 'name' doesn't have a default value`
fn quoted(message: &str) -> Option<&str> {
    between(message, "'", "'")
}

fn between<'m>(message: &'m str, before: &str, after: &str) -> Option<&'m str> {
    let (_, rest) = message.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(number: u16, message: &str) -> (Code, Fate, String) {
        let Meaning { code, fate, why } = classify(number, message);
        (code, fate, why)
    }

    #[test]
    fn what_constraints_refuse_names_them_and_no_value() {
        for (number, message, code, expected) in [
            (
                1062,
                "Duplicate entry 's3cr3t' for key 'x' for key 'user.user_email_key'",
                Code::UniqueViolation,
                "a row with the same key exists (user_email_key)",
            ),
            (
                1062,
                "Duplicate entry 's3cr3t' for key 'PRIMARY'",
                Code::UniqueViolation,
                "a row with the same key exists (PRIMARY)",
            ),
            (
                1452,
                "Cannot add or update a child row: a foreign key constraint fails (`d`.`pet`, \
                 CONSTRAINT `pet_keeper` FOREIGN KEY (`k`) REFERENCES `user` (`id`))",
                Code::ForeignKeyViolation,
                "it would leave a foreign key that points to no row (a missing parent: pet_keeper)",
            ),
            (
                1048,
                "Column 'name' cannot be null",
                Code::NotNullViolation,
                "name needs a value",
            ),
            (
                1364,
                "Field 'name' doesn't have a default value",
                Code::NotNullViolation,
                "name needs a value",
            ),
            (
                3819,
                "Check constraint 'positive' is violated.",
                Code::CheckViolation,
                "the constraint positive refuses it",
            ),
            (
                4025,
                "CONSTRAINT `positive` failed for `d`.`pet`",
                Code::CheckViolation,
                "the constraint positive refuses it",
            ),
        ] {
            let expected = (code, Fate::Refused, expected.to_owned());
            assert_eq!(meaning(number, message), expected);
        }
    }

    #[test]
    fn values_that_messages_quote_are_not_passed_on() {
        for (number, message) in [
            (1062, "Duplicate entry 's3cr3t' for key 'k'"),
            (1062, "Duplicate entry 's3cr3t"),
            (
                1292,
                "Incorrect datetime value: 's3cr3t' for column 'd' at row 1",
            ),
            (
                1366,
                "Incorrect string value: 's3cr3t' for column 'c' at row 1",
            ),
            (1690, "BIGINT value is out of range in 's3cr3t'"),
            (1064, "You have an error in your SQL syntax near 's3cr3t'"),
            (1045, "Access denied for user 's3cr3t'@'h'"),
        ] {
            let (code, _, why) = meaning(number, message);
            assert!(!why.contains("s3cr3t"), "{why}");
            assert!(!is_discreet(code), "{code:?}");
        }
    }

    #[test]
    fn what_becomes_of_the_statement_and_of_its_connection() {
        let whole = Fate::Conflict { whole: true };
        let alone = Fate::Conflict { whole: false };
        for (number, code, fate) in [
            (1213, Code::Deadlock, whole),
            (1020, Code::SerializationFailure, whole),
            (1205, Code::DatabaseLocked, alone),
            (1146, Code::SchemaMismatch, Fate::Outdated),
            (1054, Code::SchemaMismatch, Fate::Outdated),
            (3024, Code::StatementTimeout, Fate::Refused),
            (1969, Code::StatementTimeout, Fate::Refused),
            (1290, Code::ReadOnly, Fate::Turned),
            (1053, Code::ConnectionLost, Fate::Turned),
            (1927, Code::ConnectionLost, Fate::Turned),
            (4031, Code::ConnectionLost, Fate::Turned),
            (1047, Code::ConnectionLost, Fate::Turned),
            (1142, Code::PermissionDenied, Fate::Refused),
            (1406, Code::InvalidInput, Fate::Refused),
            (3, Code::StorageFailed, Fate::Refused),
            (1009, Code::StorageFailed, Fate::Refused),
            (1016, Code::StorageFailed, Fate::Refused),
            (4025, Code::Internal, Fate::Refused),
        ] {
            let told = meaning(number, "");
            assert_eq!((told.0, told.1), (code, fate), "{number}");
        }
    }
}
