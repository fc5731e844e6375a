//! The one error of the core: a stable code and what the reader needs to fix it.
//!
//! Messages name operations, tables, columns and files. They never carry a bound value, a
//! password, a token or a connection string: what goes in here goes into logs.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A stable error code; its spelling is part of the public API (see `index.d.ts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A unique or primary-key constraint was violated.
    UniqueViolation,
    /// A foreign key points nowhere, or a referenced row cannot be removed.
    ForeignKeyViolation,
    /// A required column got no value.
    NotNullViolation,
    /// A CHECK constraint was violated.
    CheckViolation,
    /// Waiting for a connection, or for the turn to write, took too long.
    PoolTimeout,
    /// The database, or Redis, could not be opened or reached.
    ConnectFailed,
    /// The connection broke while a statement ran, and whether it was carried out is not known.
    ConnectionLost,
    /// The statement took longer than the statement timeout.
    StatementTimeout,
    /// Two transactions waited for each other, and this one was undone.
    Deadlock,
    /// The database undid the transaction because of what others had done meanwhile.
    SerializationFailure,
    /// Somebody else kept the database, or a row in it, locked for longer than may be waited.
    DatabaseLocked,
    /// The database's user lacks a right.
    PermissionDenied,
    /// The database or its file may only be read.
    ReadOnly,
    /// The disk, or Redis's memory, is full, failing, or holds a damaged database.
    StorageFailed,
    /// Something else in this process has the database's file open, and nothing would keep the two
    /// from overwriting each other.
    FileOpenElsewhere,
    /// A table or column is missing or differs: the schema needs a migration.
    SchemaMismatch,
    /// A migration would fail on, or lose, rows that exist.
    UnsafeMigration,
    /// A migration's file is not what was applied.
    MigrationChanged,
    /// A migration that was applied, or is asked for, is not there.
    MigrationMissing,
    /// A migration's file cannot be read, or not be run.
    MigrationInvalid,
    /// A stored value cannot be returned as the type its field declares.
    DecodeFailed,
    /// An argument cannot be used as given.
    InvalidInput,
    /// The transaction has already been committed or rolled back.
    TransactionClosed,
    /// A bounded queue is full.
    Overloaded,
    /// A stored password hash is not in a known format.
    InvalidHash,
    /// The handle was used after `close()`.
    Closed,
    /// A defect in this package.
    Internal,
}

impl Code {
    /// In the order of their declaration.
    pub const ALL: [Self; 27] = [
        Self::UniqueViolation,
        Self::ForeignKeyViolation,
        Self::NotNullViolation,
        Self::CheckViolation,
        Self::PoolTimeout,
        Self::ConnectFailed,
        Self::ConnectionLost,
        Self::StatementTimeout,
        Self::Deadlock,
        Self::SerializationFailure,
        Self::DatabaseLocked,
        Self::PermissionDenied,
        Self::ReadOnly,
        Self::StorageFailed,
        Self::FileOpenElsewhere,
        Self::SchemaMismatch,
        Self::UnsafeMigration,
        Self::MigrationChanged,
        Self::MigrationMissing,
        Self::MigrationInvalid,
        Self::DecodeFailed,
        Self::InvalidInput,
        Self::TransactionClosed,
        Self::Overloaded,
        Self::InvalidHash,
        Self::Closed,
        Self::Internal,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::UniqueViolation => "UNIQUE_VIOLATION",
            Self::ForeignKeyViolation => "FOREIGN_KEY_VIOLATION",
            Self::NotNullViolation => "NOT_NULL_VIOLATION",
            Self::CheckViolation => "CHECK_VIOLATION",
            Self::PoolTimeout => "POOL_TIMEOUT",
            Self::ConnectFailed => "CONNECT_FAILED",
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::StatementTimeout => "STATEMENT_TIMEOUT",
            Self::Deadlock => "DEADLOCK",
            Self::SerializationFailure => "SERIALIZATION_FAILURE",
            Self::DatabaseLocked => "DATABASE_LOCKED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ReadOnly => "READ_ONLY",
            Self::StorageFailed => "STORAGE_FAILED",
            Self::FileOpenElsewhere => "FILE_OPEN_ELSEWHERE",
            Self::SchemaMismatch => "SCHEMA_MISMATCH",
            Self::UnsafeMigration => "UNSAFE_MIGRATION",
            Self::MigrationChanged => "MIGRATION_CHANGED",
            Self::MigrationMissing => "MIGRATION_MISSING",
            Self::MigrationInvalid => "MIGRATION_INVALID",
            Self::DecodeFailed => "DECODE_FAILED",
            Self::InvalidInput => "INVALID_INPUT",
            Self::TransactionClosed => "TRANSACTION_CLOSED",
            Self::Overloaded => "OVERLOADED",
            Self::InvalidHash => "INVALID_HASH",
            Self::Closed => "CLOSED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same call may succeed when it is simply made again, in general.
    fn retryable(self) -> bool {
        matches!(
            self,
            Self::PoolTimeout
                | Self::Deadlock
                | Self::SerializationFailure
                | Self::DatabaseLocked
                | Self::Overloaded
        )
    }
}

/// Boxed: a result must not grow by what only failures carry.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug)]
pub struct Details {
    pub code: Code,
    pub message: String,
    /// Whether the same call may succeed when it is simply made again.
    pub retryable: bool,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    pub sql_state: Option<String>,
    /// The driver's own words.
    pub cause: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            message: message.into(),
            retryable: code.retryable(),
            table: None,
            column: None,
            constraint: None,
            sql_state: None,
            cause: None,
        }))
    }

    pub fn into_details(self) -> Details {
        *self.0
    }

    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message)
    }

    /// For a failure that may be gone the next time.
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    pub fn with_sql_state(mut self, state: impl Into<String>) -> Self {
        self.sql_state = Some(state.into());
        self
    }

    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// Names the table unless the driver named one.
    pub fn with_table_if_unknown(mut self, table: &str) -> Self {
        self.table.get_or_insert_with(|| table.to_owned());
        self
    }

    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    pub fn with_constraint(mut self, constraint: impl Into<String>) -> Self {
        self.constraint = Some(constraint.into());
        self
    }

    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }
}

/// Columns as messages name them: `pet.ring, pet.tag`.
pub fn columns_of(table: &str, columns: &[impl AsRef<str>]) -> String {
    let named = |column: &_| format!("{table}.{}", AsRef::<str>::as_ref(column));
    columns.iter().map(named).collect::<Vec<_>>().join(", ")
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_in_its_place() {
        for (place, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{}", code.as_str());
        }
    }
}
