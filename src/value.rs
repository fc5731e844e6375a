//! Values on their way between a caller and a database, and the kinds of field they belong to.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;

/// What a field is declared to hold; decides how a value is stored and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A row's id or a reference to one: text or number in the database, always text outside.
    Id,
    String,
    /// An integer or a fraction; integers beyond 2^53 are refused rather than rounded.
    Number,
    /// As `Number`, in a column wide enough for milliseconds since 1970.
    BigInt,
    Boolean,
    /// A moment in UTC with millisecond precision.
    Date,
    /// JSON text.
    Json,
    /// A list of strings; crosses the core as JSON text.
    StringList,
    /// A list of numbers; crosses the core as JSON text.
    NumberList,
}

impl Kind {
    /// Whether values compare as text, so that letter case and collation matter.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Id | Self::String)
    }
}

/// How the ids of new rows come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdKind {
    /// The application makes a text.
    Text,
    /// The application makes a UUID.
    Uuid,
    /// The database counts.
    Serial,
    /// The database makes a text.
    Generated,
}

/// One parameter or one cell of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    /// Milliseconds since 1970-01-01 UTC.
    Timestamp(i64),
    /// The values of an `in` list, or the cells of joined rows, row after row.
    List(Vec<Value>),
}

/// The largest integer a JavaScript number holds exactly, 2^53 - 1.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

pub fn is_safe_integer(integer: i64) -> bool {
    (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&integer)
}

/// A moment as JavaScript's `toISOString` writes it: `2026-11-21T08:45:49.123Z`.
pub fn iso(moment: DateTime<Utc>) -> String {
    // A format would be read anew for each.
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
