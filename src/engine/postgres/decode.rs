//! PostgreSQL's binary formats into values, by the type the server says a column has.

use std::error::Error as StdError;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::encode::EPOCH;
use super::types;
use crate::engine::cells::{self, malformed, undecodable};
use crate::engine::{Column, Rows, Statement};
use crate::error::{Error, Result};
use crate::value::{Kind, Value};

pub fn decode(row: &Row, statement: &Statement, cells: &mut Rows) -> Result<()> {
    for (index, column) in statement.columns.iter().enumerate() {
        let cell = cell(column, row, index).map_err(|error| error.with_table(&statement.table))?;
        cells.push(cell);
    }
    Ok(())
}

fn cell(column: &Column, row: &Row, index: usize) -> Result<Value> {
    let stored: Stored = row
        .try_get(index)
        .map_err(|error| undecodable("fewer columns than were asked for").with_cause(error))?;
    let Some(bytes) = stored.0 else {
        return Ok(Value::Null);
    };
    match column {
        Column::Rows(kinds) => cells::nested_rows(kinds, bytes),
        Column::Scalar(kind) => {
            let stored_as = row.columns()[index].type_();
            scalar(*kind, stored_as.oid(), bytes)
                .map_err(|error| error.with_cause(format!("a column of type {stored_as}")))
        }
    }
}

/// A cell in PostgreSQL's binary format; none is NULL.
pub struct Stored<'r>(pub Option<&'r [u8]>);

impl<'r> FromSql<'r> for Stored<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn scalar(kind: Kind, oid: u32, bytes: &[u8]) -> Result<Value> {
    match oid {
        types::BOOL => cells::from_boolean(kind, bytes == [1]),
        types::INT2 => cells::from_integer(kind, i16::from_be_bytes(sized(bytes)?).into()),
        types::INT4 => cells::from_integer(kind, i32::from_be_bytes(sized(bytes)?).into()),
        types::INT8 => cells::from_integer(kind, i64::from_be_bytes(sized(bytes)?)),
        types::FLOAT4 => {
            // By its own digits: 0.1 is 0.1, not 0.10000000149011612.
            cells::from_decimal(kind, &f32::from_be_bytes(sized(bytes)?).to_string())
        }
        types::FLOAT8 => Ok(cells::from_real(kind, f64::from_be_bytes(sized(bytes)?))),
        types::UUID => {
            let uuid = uuid::Uuid::from_bytes(sized(bytes)?);
            Ok(Value::Text(uuid.to_string()))
        }
        types::TIMESTAMP | types::TIMESTAMPTZ => moment(kind, i64::from_be_bytes(sized(bytes)?)),
        types::DATE => {
            let days = i32::from_be_bytes(sized(bytes)?);
            Ok(cells::from_moment(
                kind,
                EPOCH + i64::from(days) * 86_400_000,
            ))
        }
        types::JSONB => match bytes.split_first() {
            Some((1, json)) => cells::from_text(Kind::Json, utf8(json)?),
            _ => Err(unreadable()),
        },
        _ => match types::element_of(oid) {
            Some(element) => array(element, bytes),
            None if matches!(kind, Kind::Number | Kind::BigInt) => {
                cells::from_decimal(kind, utf8(bytes)?)
            }
            None => cells::from_text(kind, utf8(bytes)?),
        },
    }
}

fn moment(kind: Kind, microseconds: i64) -> Result<Value> {
    if microseconds == i64::MAX || microseconds == i64::MIN {
        return Err(undecodable("an infinite date"));
    }
    Ok(cells::from_moment(
        kind,
        microseconds.div_euclid(1000) + EPOCH,
    ))
}

/// A list, as the JSON text that lists cross as.
fn array(element: u32, bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader(bytes);
    let dimensions = reader.int()?;
    let (_flags, _element) = (reader.int()?, reader.int()?);
    let kind = match element {
        types::BOOL => Kind::Boolean,
        _ if types::is_number(element) => Kind::Number,
        _ => Kind::String,
    };
    let mut items = Vec::new();
    if dimensions > 1 {
        return Err(undecodable("an array of arrays"));
    }
    if dimensions == 1 {
        let (count, _first) = (reader.int()?, reader.int()?);
        for _ in 0..count {
            let length = reader.int()?;
            items.push(match usize::try_from(length) {
                Ok(length) => json_of(scalar(kind, element, reader.take(length)?)?),
                Err(_) => serde_json::Value::Null,
            });
        }
    }
    Ok(Value::Text(serde_json::Value::Array(items).to_string()))
}

fn json_of(value: Value) -> serde_json::Value {
    match value {
        Value::Boolean(boolean) => boolean.into(),
        Value::Integer(integer) | Value::Timestamp(integer) => integer.into(),
        // An integer stays one: 1, not 1.0.
        Value::Real(real) if real.fract() == 0.0 && real.abs() < 1e15 => (real as i64).into(),
        Value::Real(real) => real.into(),
        Value::Text(text) => text.into(),
        Value::Null | Value::List(_) => serde_json::Value::Null,
    }
}

pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn take(&mut self, length: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(sized(self.take(4)?)?))
    }
}

pub fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| unreadable())
}

pub fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_| undecodable("a text that is not UTF-8"))
}

pub fn unreadable() -> Error {
    malformed().with_cause("a value in an unknown format")
}
