//! SQL of the application's own: values and cells as a driver has them, whatever column they are of.
//!
//! Better Auth's fields have kinds that decide how a value is stored. Here nothing is known but the
//! value itself and what the database says of its columns.

/// A value on its way in, or a cell on its way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Beyond what an `Integer` holds.
    Unsigned(u64),
    Real(f64),
    Text(String),
    /// Milliseconds since 1970-01-01 UTC.
    Moment(i64),
    /// JSON's text: an object or a list on its way in, any value on its way out.
    Json(String),
    Bytes(Vec<u8>),
    /// A database's own array.
    List(Vec<Cell>),
}

/// What a statement of the application's gave.
#[derive(Debug, Default)]
pub struct Answer {
    /// None where there are no rows.
    pub columns: Vec<String>,
    /// Row after row.
    pub cells: Vec<Cell>,
    /// The rows that it inserted, changed or deleted.
    pub affected: u64,
    /// What the database counted for the row inserted last.
    pub new_id: Option<Cell>,
}

/// As messages name it.
pub const ATTEMPT: &str = "a statement";

/// Why a transaction is ended by those alone who began it.
pub const REFUSED_CONTROL: &str = "inside a transaction, BEGIN, COMMIT, ROLLBACK and savepoints are \
     not run as statements: return from the callback to commit, throw to roll back, and nest a \
     transaction for a savepoint";
