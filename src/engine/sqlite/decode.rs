//! SQLite's storage classes into values. SQLite enforces no column type, so decoding goes by what
//! is stored, and refuses what the declared kind cannot mean.

use rusqlite::types::ValueRef;

use crate::engine::cells::{self, malformed, undecodable};
use crate::engine::{Column, Statement};
use crate::error::Result;
use crate::value::{Kind, Value};

pub fn decode(column: &Column, stored: ValueRef, statement: &Statement) -> Result<Value> {
    match (column, stored) {
        (Column::Scalar(kind), stored) => scalar(*kind, stored),
        (Column::Rows(kinds), ValueRef::Text(json)) => cells::nested_rows(kinds, json),
        (Column::Rows(_), _) => Err(malformed()),
    }
    .map_err(|error| error.with_table(&statement.table))
}

fn scalar(kind: Kind, stored: ValueRef) -> Result<Value> {
    match stored {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => cells::from_integer(kind, integer),
        ValueRef::Real(real) => Ok(cells::from_real(kind, real)),
        ValueRef::Text(text) => cells::from_text(kind, utf8(text)?),
        ValueRef::Blob(_) => Err(undecodable("a blob, which no field of Better Auth's holds")),
    }
}

fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_| undecodable("a text that is not UTF-8"))
}
