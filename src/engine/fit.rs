//! Values as what a column can hold; the same for every server.

use super::cells::parse_date;
use crate::value::{Kind, Value, iso};

/// Why a value does not fit its column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub &'static str);

const TOO_FAR: Unfit = Unfit("a date must lie within the years 0 to 9999");

pub fn integer(value: &Value) -> Result<i64, Unfit> {
    match value {
        Value::Integer(integer) | Value::Timestamp(integer) => Ok(*integer),
        Value::Boolean(boolean) => Ok(i64::from(*boolean)),
        Value::Text(text) => text.parse().map_err(|_| Unfit("an integer is expected")),
        _ => Err(Unfit("the column holds integers, and a fraction was given")),
    }
}

pub fn real(value: &Value) -> Result<f64, Unfit> {
    match value {
        Value::Real(real) => Ok(*real),
        Value::Text(text) => text.parse().map_err(|_| Unfit("a number is expected")),
        other => Ok(integer(other)? as f64),
    }
}

pub fn uuid(value: &Value) -> Result<uuid::Uuid, Unfit> {
    let Value::Text(text) = value else {
        return Err(Unfit("a UUID is expected"));
    };
    uuid::Uuid::try_parse(text).map_err(|_| Unfit("a UUID is expected, got another text"))
}

/// Milliseconds since 1970. Its year has four digits, so that a moment is one on all engines.
pub fn moment(value: &Value) -> Result<i64, Unfit> {
    let milliseconds = match value {
        Value::Integer(milliseconds) | Value::Timestamp(milliseconds) => *milliseconds,
        Value::Text(text) => {
            parse_date(text).ok_or(Unfit("a date is expected, got another text"))?
        }
        _ => return Err(Unfit("a date is expected")),
    };
    if !(-62_167_219_200_000..253_402_300_800_000).contains(&milliseconds) {
        return Err(TOO_FAR);
    }
    Ok(milliseconds)
}

pub fn json(value: &Value) -> Result<String, Unfit> {
    let text = match value {
        Value::Text(text) => text.clone(),
        other => plain(other)?,
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Unfit("JSON is expected")),
    }
}

/// What a column of text holds.
pub fn text(kind: Kind, value: &Value) -> Result<String, Unfit> {
    match value {
        // Dates as ISO 8601.
        Value::Integer(_) | Value::Timestamp(_) if kind == Kind::Date => {
            let date = chrono::DateTime::from_timestamp_millis(moment(value)?).ok_or(TOO_FAR)?;
            Ok(iso(date))
        }
        other => plain(other),
    }
}

fn plain(value: &Value) -> Result<String, Unfit> {
    match value {
        Value::Boolean(boolean) => Ok(boolean.to_string()),
        Value::Integer(integer) | Value::Timestamp(integer) => Ok(integer.to_string()),
        Value::Real(real) => Ok(real.to_string()),
        Value::Text(text) => Ok(text.clone()),
        Value::Null | Value::List(_) => Err(Unfit("one value is expected")),
    }
}
