//! PostgreSQL's errors as the package's, by their SQLSTATE (PostgreSQL documentation, appendix A).
//!
//! Messages of class 22 quote values, and details quote whole rows: neither is passed on.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::engine::Statement;
use crate::engine::server::{Failure, Fate};
use crate::error::{Code, Error, columns_of};

/// What went wrong while `statement` ran.
pub fn from_statement(error: &sqlx::Error, statement: &Statement) -> Failure {
    let attempt = format!("{} on \"{}\"", statement.operation, statement.table);
    let mut failure = from_server(error, &attempt);
    if failure.error.code == Code::ForeignKeyViolation {
        // The server names the table that refers, which need not be the one written to.
        failure.error.table = None;
    }
    failure.error = failure.error.with_table_if_unknown(&statement.table);
    failure
}

/// What went wrong while `attempt` ("begin a transaction") was under way.
pub fn from_server(error: &sqlx::Error, attempt: &str) -> Failure {
    let sqlx::Error::Database(told) = error else {
        return lost(error, attempt);
    };
    let Some(told) = told.try_downcast_ref::<PgDatabaseError>() else {
        return lost(error, attempt);
    };
    let (code, fate, why) = classify(told);
    let mut error =
        Error::new(code, format!("{attempt} failed: {why}")).with_sql_state(told.code());
    error.table = told.table().map(ToOwned::to_owned);
    error.column = told
        .column()
        .map(ToOwned::to_owned)
        .or_else(|| key_columns(told).into_iter().next());
    error.constraint = told.constraint().map(ToOwned::to_owned);
    if !told.code().starts_with("22") {
        error = error.with_cause(told.message());
    }
    if code == Code::StatementTimeout || fate == Fate::Turned {
        error = error.retryable();
    }
    Failure { error, fate }
}

/// What went wrong while connecting to `server`.
pub fn from_connect(error: &sqlx::Error, server: &str) -> Failure {
    let told = match error {
        sqlx::Error::Database(told) => told.try_downcast_ref::<PgDatabaseError>(),
        _ => None,
    };
    let (why, passing) = match told.map(PgDatabaseError::code) {
        Some("28P01" | "28000") => ("it refuses the user or the password", false),
        Some("3D000") => ("there is no database of that name", false),
        Some("53300") => ("it has no connection left", true),
        Some("57P03" | "57P01" | "57P02") => ("it is starting up or shutting down", true),
        Some(_) => ("it refuses the connection", false),
        None => crate::engine::server::why_unreachable(error),
    };
    let mut failed = Error::new(
        Code::ConnectFailed,
        format!("cannot connect to {server}: {why}"),
    );
    failed = match told {
        Some(told) => failed
            .with_sql_state(told.code())
            .with_cause(told.message()),
        None => failed.with_cause(error),
    };
    if passing {
        failed = failed.retryable();
    }
    Failure::refused(failed)
}

fn lost(error: &sqlx::Error, attempt: &str) -> Failure {
    crate::engine::server::lost(error, attempt)
}

fn classify(told: &PgDatabaseError) -> (Code, Fate, String) {
    let conflict = Fate::Conflict { whole: false };
    let fatal = matches!(told.severity(), PgSeverity::Fatal | PgSeverity::Panic);
    let named = |name: Option<&str>, otherwise: &str| name.unwrap_or(otherwise).to_owned();
    let constraint = || named(told.constraint(), "a constraint");
    let table = told.table().unwrap_or_default();
    let (code, fate, why) = match told.code() {
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
fn key_columns(told: &PgDatabaseError) -> Vec<String> {
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
