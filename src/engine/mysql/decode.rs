//! MySQL's binary formats into values, by the type the server says a column has.

use chrono::{NaiveDate, NaiveDateTime};
use sqlx::mysql::{MySqlRow, MySqlValueRef};
use sqlx::{Decode, Row, TypeInfo, ValueRef};

use crate::engine::cells::{self, malformed, undecodable};
use crate::engine::{Column, Rows, Statement};
use crate::error::{Error, Result};
use crate::value::{Kind, Value};

pub fn decode(row: &MySqlRow, statement: &Statement, cells: &mut Rows) -> Result<()> {
    for (index, column) in statement.columns.iter().enumerate() {
        let cell = row
            .try_get_raw(index)
            .map_err(|error| undecodable("fewer columns than were asked for").with_cause(error))
            .and_then(|stored| cell(column, stored))
            .map_err(|error| error.with_table(&statement.table))?;
        cells.push(cell);
    }
    Ok(())
}

fn cell(column: &Column, stored: MySqlValueRef) -> Result<Value> {
    // `is_null` takes a day that is none for a null.
    let bytes = decoded::<&[u8]>(stored.clone());
    match (column, bytes) {
        (Column::Scalar(_), None) => Ok(Value::Null),
        // The aggregate of no rows.
        (Column::Rows(_), None) => Ok(Value::List(Vec::new())),
        (Column::Rows(kinds), Some(json)) => cells::nested_rows(kinds, json),
        (Column::Scalar(kind), Some(bytes)) => {
            let type_info = stored.type_info().into_owned();
            let name = type_info.name();
            scalar(*kind, name, bytes, stored)
                .map_err(|error| error.with_cause(format!("a column of type {name}")))
        }
    }
}

fn decoded<'v, T: Decode<'v, sqlx::MySql>>(stored: MySqlValueRef<'v>) -> Option<T> {
    T::decode(stored).ok()
}

fn scalar(kind: Kind, name: &str, bytes: &[u8], stored: MySqlValueRef) -> Result<Value> {
    match name {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" => {
            cells::from_integer(kind, signed(bytes)?)
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => from_unsigned(kind, unsigned(bytes.iter().rev())?),
        "BIT" => from_unsigned(kind, unsigned(bytes.iter())?),
        "FLOAT" => {
            // By its own digits: 0.1 is 0.1, not 0.10000000149011612.
            cells::from_decimal(kind, &f32::from_le_bytes(sized(bytes)?).to_string())
        }
        "DOUBLE" => Ok(cells::from_real(kind, f64::from_le_bytes(sized(bytes)?))),
        "DECIMAL" => cells::from_decimal(kind, utf8(bytes)?),
        "TIMESTAMP" | "DATETIME" => {
            let moment = decoded::<NaiveDateTime>(stored).ok_or_else(no_day)?;
            Ok(cells::from_moment(
                kind,
                moment.and_utc().timestamp_millis(),
            ))
        }
        "DATE" => {
            let day = decoded::<NaiveDate>(stored).ok_or_else(no_day)?;
            let moment = day.and_time(chrono::NaiveTime::MIN).and_utc();
            Ok(cells::from_moment(kind, moment.timestamp_millis()))
        }
        "TIME" | "NULL" | "GEOMETRY" => Err(unreadable()),
        _ if matches!(kind, Kind::Number | Kind::BigInt) => cells::from_decimal(kind, utf8(bytes)?),
        _ => cells::from_text(kind, utf8(bytes)?),
    }
}

pub fn signed(bytes: &[u8]) -> Result<i64> {
    Ok(match bytes.len() {
        1 => i8::from_le_bytes(sized(bytes)?).into(),
        2 => i16::from_le_bytes(sized(bytes)?).into(),
        4 => i32::from_le_bytes(sized(bytes)?).into(),
        _ => i64::from_le_bytes(sized(bytes)?),
    })
}

pub fn unsigned<'b>(bytes: impl ExactSizeIterator<Item = &'b u8>) -> Result<u64> {
    if bytes.len() > 8 {
        return Err(unreadable());
    }
    Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn from_unsigned(kind: Kind, integer: u64) -> Result<Value> {
    match i64::try_from(integer) {
        Ok(integer) => cells::from_integer(kind, integer),
        Err(_) if kind == Kind::Id => Ok(Value::Text(integer.to_string())),
        // Too large all the same.
        Err(_) => cells::from_integer(kind, i64::MAX),
    }
}

pub fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| unreadable())
}

pub fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_| undecodable("a text that is not UTF-8"))
}

pub fn no_day() -> Error {
    undecodable("a date that is no day of the calendar")
}

pub fn unreadable() -> Error {
    malformed().with_cause("a value in an unknown format")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_width() {
        assert_eq!(signed(&[0xff]).unwrap(), -1);
        assert_eq!(signed(&[0xfe, 0xff]).unwrap(), -2);
        assert_eq!(signed(&[1, 0, 0, 0x80]).unwrap(), i64::from(i32::MIN) + 1);
        assert_eq!(signed(&[0xff; 8]).unwrap(), -1);
        assert!(signed(&[0; 3]).is_err());
        assert_eq!(unsigned([0, 1].iter().rev()).unwrap(), 256);
        assert_eq!(unsigned([0, 1].iter()).unwrap(), 1);
        assert!(unsigned([0; 9].iter()).is_err());
    }

    #[test]
    fn an_unsigned_id_is_read_in_full_and_a_number_is_not_rounded() {
        let id = from_unsigned(Kind::Id, u64::MAX).unwrap();
        assert_eq!(id, Value::Text("18446744073709551615".to_owned()));
        assert!(from_unsigned(Kind::Number, u64::MAX).is_err());
        assert_eq!(
            from_unsigned(Kind::Boolean, 1).unwrap(),
            Value::Boolean(true)
        );
    }
}
