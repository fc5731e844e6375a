//! Values into SQLite: text, integers and reals. Dates are ISO 8601 text in UTC, as Better Auth's
//! own adapter stores them, so that they sort as they follow each other.

use std::rc::Rc;

use chrono::{DateTime, Datelike};
use rusqlite::types::{ToSql, ToSqlOutput, Value as Stored};

use crate::engine::cells::parse_date;
use crate::engine::{Parameter, Statement};
use crate::error::{Error, Result};
use crate::value::{Kind, Value, iso};

/// Binds every parameter of `statement`.
pub fn bind(
    prepared: &mut rusqlite::Statement,
    statement: &Statement,
    values: &[Value],
    connection: &rusqlite::Connection,
) -> Result<()> {
    statement.check_values(values)?;
    for (index, parameter) in statement.parameters.iter().enumerate() {
        let encoded = encode(*parameter, &values[parameter.slot])
            .map_err(|error| error.with_table(&statement.table))?;
        prepared
            .raw_bind_parameter(index + 1, encoded)
            .map_err(|error| super::error::from_sqlite(error, statement, connection))?;
    }
    Ok(())
}

/// A value in the form SQLite takes, borrowing text.
enum Encoded<'v> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'v str),
    Owned(String),
    List(Rc<Vec<Stored>>),
}

impl ToSql for Encoded<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Stored::Null),
            Self::Integer(integer) => ToSqlOutput::Owned(Stored::Integer(*integer)),
            Self::Real(real) => ToSqlOutput::Owned(Stored::Real(*real)),
            Self::Text(text) => ToSqlOutput::from(*text),
            Self::Owned(text) => ToSqlOutput::from(text.as_str()),
            Self::List(values) => return values.to_sql(),
        })
    }
}

impl From<Encoded<'_>> for Stored {
    fn from(encoded: Encoded) -> Self {
        match encoded {
            Encoded::Integer(integer) => Self::Integer(integer),
            Encoded::Real(real) => Self::Real(real),
            Encoded::Text(text) => Self::Text(text.to_owned()),
            Encoded::Owned(text) => Self::Text(text),
            Encoded::Null | Encoded::List(_) => Self::Null,
        }
    }
}

fn encode(parameter: Parameter, value: &Value) -> Result<Encoded<'_>> {
    Ok(match (parameter.kind, value) {
        (_, Value::Null) => Encoded::Null,
        (_, Value::List(values)) => {
            let stored: Result<Vec<Stored>> = values
                .iter()
                .map(|value| encode(parameter, value).map(Stored::from))
                .collect();
            Encoded::List(Rc::new(stored?))
        }
        (Kind::Date, Value::Text(text)) => match parse_date(text) {
            Some(milliseconds) => Encoded::Owned(format_date(milliseconds)?),
            None => return Err(Error::invalid_input("a date is expected, got another text")),
        },
        (Kind::Date, Value::Integer(milliseconds) | Value::Timestamp(milliseconds)) => {
            Encoded::Owned(format_date(*milliseconds)?)
        }
        (_, Value::Boolean(boolean)) => Encoded::Integer(i64::from(*boolean)),
        (_, Value::Integer(integer) | Value::Timestamp(integer)) => Encoded::Integer(*integer),
        (_, Value::Real(real)) => Encoded::Real(*real),
        (_, Value::Text(text)) => Encoded::Text(text),
    })
}

fn format_date(milliseconds: i64) -> Result<String> {
    DateTime::from_timestamp_millis(milliseconds)
        // Longer years are written with a sign and would no longer sort.
        .filter(|date| (0..=9999).contains(&date.year()))
        .map(iso)
        .ok_or_else(|| Error::invalid_input("a date must lie within the years 0 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_javascript_writes_them() {
        assert_eq!(format_date(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_date(-1).unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(
            format_date(1_795_250_749_123).unwrap(),
            "2026-11-21T08:45:49.123Z"
        );
        assert_eq!(
            format_date(-62_167_219_200_000).unwrap(),
            "0000-01-01T00:00:00.000Z"
        );
        assert!(format_date(253_402_300_800_000).is_err());
        assert!(format_date(i64::MAX).is_err());
    }
}
