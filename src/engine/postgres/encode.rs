//! Values into PostgreSQL's binary formats, by the type that each parameter has.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, Encode, Postgres, Type};

use super::types;
use crate::engine::fit::{self, Unfit};
use crate::engine::{Parameter, Role, Statement};
use crate::error::{Code, Error, Result};
use crate::value::{Kind, Value};

/// Milliseconds from 1970, where JavaScript counts from, to 2000, where PostgreSQL does.
pub const EPOCH: i64 = 946_684_800_000;
const MILLISECONDS_PER_DAY: i64 = 86_400_000;

pub fn bind(statement: &Statement, values: &[Value]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    arguments.reserve(statement.parameters.len(), 32 * statement.parameters.len());
    for parameter in &statement.parameters {
        let bound = Bound {
            parameter: *parameter,
            value: &values[parameter.slot],
        };
        arguments.add(bound).map_err(|error| {
            let (code, why) = match error.downcast::<Unfit>() {
                Ok(unfit) => (Code::InvalidInput, unfit.0),
                Err(_) => (Code::Internal, "a value cannot be sent"),
            };
            let (operation, table) = (statement.operation, &statement.table);
            Error::new(code, format!("{operation} on \"{table}\" failed: {why}")).with_table(table)
        })?;
    }
    Ok(arguments)
}

struct Bound<'v> {
    parameter: Parameter,
    value: &'v Value,
}

impl Bound<'_> {
    fn oid(&self) -> u32 {
        match (self.parameter.native_type, self.parameter.kind) {
            // LIMIT and OFFSET.
            (0, Kind::Number | Kind::BigInt) => types::INT8,
            (0, _) => types::TEXT,
            (oid, _) => oid,
        }
    }
}

impl Type<Postgres> for Bound<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(types::TEXT))
    }
}

impl Encode<'_, Postgres> for Bound<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let start = buffer.len();
        match encode(self.oid(), self.parameter.kind, self.value, buffer) {
            Ok(is_null) => Ok(is_null),
            Err(Unfit(_)) if self.parameter.role != Role::Stored => {
                buffer.truncate(start);
                Ok(IsNull::Yes)
            }
            Err(unfit) => Err(Box::new(unfit)),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.oid())))
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
