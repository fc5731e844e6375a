//! PostgreSQL's errors as the package's, by their SQLSTATE (PostgreSQL documentation, appendix A).
//!
//! Messages of class 22 quote values, and details quote whole rows: neither is passed on.

use std::error::Error as _;

use tokio_postgres::error::{DbError, Severity};

use super::Connection;
use crate::engine::Statement;
use crate::engine::server::{Failure, Fate, Unreachable, lost};
use crate::error::{Code, Error, columns_of};

/// What went wrong while `statement` ran.
pub fn from_statement(
    error: &tokio_postgres::Error,
    connection: &Connection,
    statement: &Statement,
) -> Failure {
    let mut failure = from_server(error, connection, &attempt(statement));
    if failure.error.code == Code::ForeignKeyViolation {
        // The server names the table that refers, which need not be the one written to.
        failure.error.table = None;
    }
    failure.error = failure.error.with_table_if_unknown(&statement.table);
    failure
}

/// Why `statement` was not sent: the connection has ended.
pub fn before_statement(connection: &Connection, statement: &Statement) -> Failure {
    let mut failure = before_sending(connection, &attempt(statement));
    failure.error = failure.error.with_table(&statement.table);
    failure
}

/// As `before_statement`, of whatever `attempt` names.
pub fn before_sending(connection: &Connection, attempt: &str) -> Failure {
    let message = format!("{attempt} found its connection closed, and was not carried out");
    let mut error = Error::new(Code::ConnectionLost, message);
    if let Some(why) = connection.why_ended() {
        error = error.with_cause(why);
    }
    Failure {
        error: error.retryable(),
        fate: Fate::Turned,
    }
}

fn attempt(statement: &Statement) -> String {
    format!("{} on \"{}\"", statement.operation, statement.table)
}

/// What went wrong while `attempt` ("begin a transaction") was under way.
pub fn from_server(
    error: &tokio_postgres::Error,
    connection: &Connection,
    attempt: &str,
) -> Failure {
    let Some(told) = error.as_db_error() else {
        return match connection.why_ended() {
            Some(why) => lost(why, attempt),
            None => lost(describe(error), attempt),
        };
    };
    let state = told.code().code();
    let (code, fate, why) = classify(told);
    let mut error = Error::new(code, format!("{attempt} failed: {why}")).with_sql_state(state);
    error.table = told.table().map(ToOwned::to_owned);
    error.column = told
        .column()
        .map(ToOwned::to_owned)
        .or_else(|| key_columns(told).into_iter().next());
    error.constraint = told.constraint().map(ToOwned::to_owned);
    if !state.starts_with("22") {
        error = error.with_cause(told.message());
    }
    if code == Code::StatementTimeout || fate == Fate::Turned {
        error = error.retryable();
    }
    Failure { error, fate }
}

/// What went wrong while connecting to `server`.
pub fn from_connect(error: &tokio_postgres::Error, server: &str) -> Failure {
    let told = error.as_db_error();
    let (why, passing) = match told.map(|told| told.code().code()) {
        Some("28P01" | "28000") => ("it refuses the user or the password", false),
        Some("3D000") => ("there is no database of that name", false),
        Some("53300") => ("it has no connection left", true),
        Some("57P03" | "57P01" | "57P02") => ("it is starting up or shutting down", true),
        Some(_) => ("it refuses the connection", false),
        None => unreachable(error).why(),
    };
    let mut failed = Error::new(
        Code::ConnectFailed,
        format!("cannot connect to {server}: {why}"),
    );
    failed = match told {
        Some(told) => failed
            .with_sql_state(told.code().code())
            .with_cause(told.message()),
        None => failed.with_cause(describe(error)),
    };
    if passing {
        failed = failed.retryable();
    }
    Failure::refused(failed)
}

/// What is wrong with the certificates for connections to `server`.
pub fn from_certificates(why: &dyn std::error::Error, server: &str) -> Error {
    let (told, _) = Unreachable::Tls.why();
    let message = format!("cannot connect to {server}: {told}");
    Error::new(Code::ConnectFailed, message).with_cause(why)
}

fn unreachable(error: &tokio_postgres::Error) -> Unreachable<'_> {
    if error.is_closed() {
        return Unreachable::Broken;
    }
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(error) => Unreachable::Io(error),
        // Its kinds are private. The server has no TLS, and had to.
        None if error.to_string().contains("TLS") => Unreachable::Tls,
        None => Unreachable::Other,
    }
}

/// The driver's words, and those of what caused it.
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn classify(told: &DbError) -> (Code, Fate, String) {
    let conflict = Fate::Conflict { whole: false };
    let fatal = matches!(
        told.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    );
    let named = |name: Option<&str>, otherwise: &str| name.unwrap_or(otherwise).to_owned();
    let constraint = || named(told.constraint(), "a constraint");
    let table = told.table().unwrap_or_default();
    let (code, fate, why) = match told.code().code() {
        "23505" => (
            Code::UniqueViolation,
            Fate::Refused,
            match &key_columns(told)[..] {
                [] => format!("a row with the same key exists ({})", constraint()),
                columns => format!("a row with the same {} exists", columns_of(table, columns)),
            },
        ),
        "23503" => (
            Code::ForeignKeyViolation,
            Fate::Refused,
            format!(
                "it would leave a foreign key that points to no row (a missing parent, or a parent \
                 still referenced: {})",
                constraint()
            ),
        ),
        "23001" => (
            Code::ForeignKeyViolation,
            Fate::Refused,
            format!("it is still referenced ({})", constraint()),
        ),
        "23502" => (
            Code::NotNullViolation,
            Fate::Refused,
            match told.column() {
                None => "a column needs a value".to_owned(),
                Some(column) => format!("{} needs a value", columns_of(table, &[column])),
            },
        ),
        "23514" | "23P01" => (
            Code::CheckViolation,
            Fate::Refused,
            format!("the constraint {} refuses it", constraint()),
        ),
        "40001" => (
            Code::SerializationFailure,
            conflict,
            "the server undid it because of a concurrent transaction".to_owned(),
        ),
        "40P01" => (
            Code::Deadlock,
            conflict,
            "it and another transaction waited for each other".to_owned(),
        ),
        "55P03" => (
            Code::DatabaseLocked,
            Fate::Refused,
            "a lock was not released in time".to_owned(),
        ),
        "57014" => (
            Code::StatementTimeout,
            Fate::Refused,
            "the server cancelled it, most likely for the statement timeout".to_owned(),
        ),
        "42P01" | "42703" | "3F000" | "42804" | "42883" | "0A000" | "42846" => (
            Code::SchemaMismatch,
            Fate::Outdated,
            format!(
                "{}. Run `await database.migrate()` or your migrations",
                told.message()
            ),
        ),
        "26000" | "42P05" => (
            Code::ConnectFailed,
            Fate::Turned,
            "a pooler between here and the server lost a prepared statement; set prepare: false"
                .to_owned(),
        ),
        "25006" => (
            Code::ReadOnly,
            Fate::Turned,
            "the server only reads: it is a replica, or was made one".to_owned(),
        ),
        "42501" => (
            Code::PermissionDenied,
            Fate::Refused,
            told.message().to_owned(),
        ),
        "54000" => (
            Code::InvalidInput,
            Fate::Refused,
            "a value is too long for an index".to_owned(),
        ),
        // The words of a pooler that has lost the server, whatever that did before.
        code if code.starts_with("08") => (
            Code::ConnectionLost,
            Fate::Lost,
            "its connection broke; whether it was carried out is not known".to_owned(),
        ),
        code if fatal || code.starts_with("57P") => (
            Code::ConnectionLost,
            Fate::Turned,
            "the server ended the connection".to_owned(),
        ),
        code if code.starts_with("22") => (
            Code::InvalidInput,
            Fate::Refused,
            "a value does not fit the type of its column".to_owned(),
        ),
        code if ["53", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            (
                Code::StorageFailed,
                Fate::Refused,
                "the server is out of a resource, or its storage fails".to_owned(),
            )
        }
        _ => (
            Code::Internal,
            Fate::Refused,
            "the server refuses it".to_owned(),
        ),
    };
    let ended = fatal && fate != Fate::Lost;
    (code, if ended { Fate::Turned } else { fate }, why)
}

/// Of `Key (email, name)=(...) already exists.` the columns, where it names no others; what follows
/// them are values.
fn key_columns(told: &DbError) -> Vec<String> {
    let columns = told
        .detail()
        .and_then(|detail| detail.strip_prefix("Key (")?.split_once(")="))
        .map(|(columns, _)| columns)
        .filter(|columns| !columns.contains('('));
    let names = columns.into_iter().flat_map(|columns| columns.split(", "));
    names
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}
