//! Values into PostgreSQL's binary formats, by the type that each parameter has.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind as TypeKind, ToSql, Type};

use super::types;
use crate::engine::fit::{self, Unfit};
use crate::engine::{Parameter, Role, Statement};
use crate::error::{Code, Error, Result};
use crate::value::{Kind, Value};

/// Milliseconds from 1970, where JavaScript counts from, to 2000, where PostgreSQL does.
pub const EPOCH: i64 = 946_684_800_000;
const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// The values of a statement as they are sent.
pub struct Arguments {
    buffer: Vec<u8>,
    /// Where in the buffer each is; none is NULL.
    places: Vec<Option<Range<usize>>>,
}

impl Arguments {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Argument<'_>> {
        let places = self.places.iter();
        places.map(|place| Argument(place.clone().map(|range| &self.buffer[range])))
    }
}

pub fn bind(statement: &Statement, values: &[Value]) -> Result<Arguments> {
    let count = statement.parameters.len();
    let mut buffer = Vec::with_capacity(32 * count);
    let mut places = Vec::with_capacity(count);
    for parameter in &statement.parameters {
        let start = buffer.len();
        let value = &values[parameter.slot];
        let encoded = match encode(oid(parameter), parameter.kind, value, &mut buffer) {
            // It equals nothing.
            Err(Unfit(_)) if parameter.role != Role::Stored => Ok(IsNull::Yes),
            encoded => encoded,
        };
        match encoded {
            Ok(IsNull::No) => places.push(Some(start..buffer.len())),
            Ok(IsNull::Yes) => {
                buffer.truncate(start);
                places.push(None);
            }
            Err(Unfit(why)) => {
                let (operation, table) = (statement.operation, &statement.table);
                let message = format!("{operation} on \"{table}\" failed: {why}");
                return Err(Error::new(Code::InvalidInput, message).with_table(table));
            }
        }
    }
    Ok(Arguments { buffer, places })
}

/// The types that the parameters of a statement have.
pub fn types(statement: &Statement) -> Vec<Type> {
    let oids = statement.parameters.iter().map(oid);
    oids.map(|oid| {
        Type::from_oid(oid).unwrap_or_else(|| {
            let (name, schema) = (String::new(), String::new());
            Type::new(name, oid, TypeKind::Simple, schema)
        })
    })
    .collect()
}

fn oid(parameter: &Parameter) -> u32 {
    match (parameter.native_type, parameter.kind) {
        // LIMIT and OFFSET.
        (0, Kind::Number | Kind::BigInt) => types::INT8,
        (0, _) => types::TEXT,
        (oid, _) => oid,
    }
}

/// A value that is encoded already.
pub struct Argument<'a>(Option<&'a [u8]>);

/// Shows no value: the driver writes parameters into its log.
impl fmt::Debug for Argument<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("...")
    }
}

impl ToSql for Argument<'_> {
    fn to_sql(
        &self,
        _: &Type,
        buffer: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let Some(bytes) = self.0 else {
            return Ok(IsNull::Yes);
        };
        buffer.put_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        of: &Type,
        buffer: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(of, buffer)
    }
}

type Encoded = Result<IsNull, Unfit>;

fn encode(oid: u32, kind: Kind, value: &Value, buffer: &mut Vec<u8>) -> Encoded {
    match value {
        Value::Null => return Ok(IsNull::Yes),
        Value::List(values) => return list(oid, kind, values, buffer),
        _ => {}
    }
    if let Some(element) = types::element_of(oid) {
        return array(element, value, buffer);
    }
    match oid {
        types::BOOL => buffer.push(u8::from(boolean(value)?)),
        types::INT2 => buffer.extend(narrow::<i16>(value)?.to_be_bytes()),
        types::INT4 => buffer.extend(narrow::<i32>(value)?.to_be_bytes()),
        types::INT8 => buffer.extend(fit::integer(value)?.to_be_bytes()),
        types::FLOAT4 => buffer.extend((fit::real(value)? as f32).to_be_bytes()),
        types::FLOAT8 => buffer.extend(fit::real(value)?.to_be_bytes()),
        types::UUID => buffer.extend(fit::uuid(value)?.into_bytes()),
        types::TIMESTAMP | types::TIMESTAMPTZ => {
            let microseconds = (fit::moment(value)? - EPOCH) * 1000;
            buffer.extend(microseconds.to_be_bytes());
        }
        types::DATE => {
            let days = (fit::moment(value)? - EPOCH).div_euclid(MILLISECONDS_PER_DAY);
            // Within the years that a moment may have, it is that small.
            buffer.extend((days as i32).to_be_bytes());
        }
        types::JSON => buffer.extend(json(value)?.as_bytes()),
        types::JSONB => {
            buffer.push(1);
            buffer.extend(json(value)?.as_bytes());
        }
        _ => buffer.extend(text(kind, value)?.as_bytes()),
    }
    Ok(IsNull::No)
}

fn boolean(value: &Value) -> Result<bool, Unfit> {
    match value {
        Value::Boolean(boolean) => Ok(*boolean),
        Value::Integer(integer) => Ok(*integer != 0),
        Value::Real(real) => Ok(*real != 0.0),
        _ => Err(Unfit("a boolean is expected")),
    }
}

fn narrow<T: TryFrom<i64>>(value: &Value) -> Result<T, Unfit> {
    T::try_from(fit::integer(value)?).map_err(|_| {
        Unfit("an integer is too large for its column; a bigint column has room for it")
    })
}

fn json(value: &Value) -> Result<String, Unfit> {
    let text = fit::json(value)?;
    if text.contains("\\u0000") {
        return Err(Unfit("PostgreSQL keeps no NUL character (\\u0000) in JSON"));
    }
    Ok(text)
}

fn text(kind: Kind, value: &Value) -> Result<String, Unfit> {
    let text = fit::text(kind, value)?;
    if text.contains('\0') {
        return Err(Unfit("PostgreSQL keeps no NUL character in a text"));
    }
    Ok(text)
}

/// The values of an `in` list. One that does not fit is left out: nothing equals it.
fn list(oid: u32, kind: Kind, values: &[Value], buffer: &mut Vec<u8>) -> Encoded {
    let element = types::element_of(oid).ok_or(Unfit("one value is expected"))?;
    let mut encoded = Vec::new();
    let mut count = 0;
    for value in values {
        let start = encoded.len();
        if push_element(element, kind, value, &mut encoded).is_ok() {
            count += 1;
        } else {
            encoded.truncate(start);
        }
    }
    write_array(element, count, &encoded, buffer);
    Ok(IsNull::No)
}

/// A field of several values, which crosses as JSON text.
fn array(element: u32, value: &Value, buffer: &mut Vec<u8>) -> Encoded {
    let Value::Text(text) = value else {
        return Err(Unfit("a list is expected"));
    };
    let items: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|_| Unfit("a list is expected"))?;
    let mut encoded = Vec::new();
    for item in &items {
        let item = match item {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(boolean) => Value::Boolean(*boolean),
            serde_json::Value::Number(number) => number.as_i64().map_or_else(
                || Value::Real(number.as_f64().unwrap_or(0.0)),
                Value::Integer,
            ),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            nested => Value::Text(nested.to_string()),
        };
        push_element(element, Kind::String, &item, &mut encoded)?;
    }
    write_array(element, items.len(), &encoded, buffer);
    Ok(IsNull::No)
}

fn push_element(
    element: u32,
    kind: Kind,
    value: &Value,
    buffer: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let start = buffer.len();
    buffer.extend(0_i32.to_be_bytes());
    let length = match encode(element, kind, value, buffer)? {
        IsNull::Yes => -1,
        IsNull::No => i32::try_from(buffer.len() - start - 4).map_err(|_| Unfit("too long"))?,
    };
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// One dimension, counted from 1; see `array_recv` in PostgreSQL's arrayfuncs.c.
fn write_array(element: u32, count: usize, elements: &[u8], buffer: &mut Vec<u8>) {
    let dimensions = i32::from(count > 0);
    buffer.extend(dimensions.to_be_bytes());
    buffer.extend(1_i32.to_be_bytes());
    buffer.extend(element.to_be_bytes());
    if count > 0 {
        buffer.extend((count as i32).to_be_bytes());
        buffer.extend(1_i32.to_be_bytes());
        buffer.extend(elements);
    }
}
