//! PostgreSQL's binary formats into the cells that an application gets: what its own driver would
//! make of them, and no number rounded.

use std::fmt::Write;

use tokio_postgres::Row;
use tokio_postgres::types::{Kind, Type};

use super::decode::{Reader, Stored, sized, unreadable, utf8};
use super::encode::EPOCH;
use super::types;
use crate::engine::cells::undecodable;
use crate::engine::own::Cell;
use crate::error::Result;

const CHAR: u32 = 18;
const OID: u32 = 26;
const XID: u32 = 28;
const BYTEA: u32 = 17;
const TIME: u32 = 1083;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;
const VOID: u32 = 2278;
/// name, xml, unknown, regtype's like are numbers.
const TEXTS: [u32; 6] = [types::TEXT, types::VARCHAR, types::BPCHAR, 19, 142, 705];

pub fn decode(row: &Row, index: usize) -> Result<Cell> {
    let stored: Stored = row.try_get(index).map_err(|_| unreadable())?;
    let column = &row.columns()[index];
    let Some(bytes) = stored.0 else {
        return Ok(Cell::Null);
    };
    cell(column.type_(), bytes).map_err(|error| {
        let of = column.type_().name();
        error.with_cause(format!("the column \"{}\" is of type {of}", column.name()))
    })
}

fn cell(of: &Type, bytes: &[u8]) -> Result<Cell> {
    Ok(match of.oid() {
        types::BOOL => Cell::Boolean(bytes == [1]),
        types::INT2 => Cell::Integer(i16::from_be_bytes(sized(bytes)?).into()),
        types::INT4 => Cell::Integer(i32::from_be_bytes(sized(bytes)?).into()),
        types::INT8 => Cell::Integer(i64::from_be_bytes(sized(bytes)?)),
        OID | XID => Cell::Integer(u32::from_be_bytes(sized(bytes)?).into()),
        types::FLOAT4 => {
            // By its own digits: 0.1 is 0.1, not 0.10000000149011612.
            let digits = f32::from_be_bytes(sized(bytes)?).to_string();
            Cell::Real(digits.parse().map_err(|_| unreadable())?)
        }
        types::FLOAT8 => Cell::Real(f64::from_be_bytes(sized(bytes)?)),
        NUMERIC => Cell::Text(numeric(bytes)?),
        types::UUID => Cell::Text(uuid::Uuid::from_bytes(sized(bytes)?).to_string()),
        types::TIMESTAMP | types::TIMESTAMPTZ => moment(i64::from_be_bytes(sized(bytes)?)),
        types::DATE => Cell::Text(day(i32::from_be_bytes(sized(bytes)?))?),
        TIME => Cell::Text(time(i64::from_be_bytes(sized(bytes)?))),
        INTERVAL => Cell::Text(interval(bytes)?),
        types::JSON => Cell::Json(utf8(bytes)?.to_owned()),
        types::JSONB => match bytes.split_first() {
            Some((1, json)) => Cell::Json(utf8(json)?.to_owned()),
            _ => return Err(unreadable()),
        },
        BYTEA => Cell::Bytes(bytes.to_vec()),
        CHAR | VOID => Cell::Text(utf8(bytes)?.to_owned()),
        oid if TEXTS.contains(&oid) => Cell::Text(utf8(bytes)?.to_owned()),
        _ => match of.kind() {
            Kind::Enum(_) => Cell::Text(utf8(bytes)?.to_owned()),
            Kind::Domain(of) => cell(of, bytes)?,
            Kind::Array(element) => array(element, bytes)?,
            _ if of.name() == "citext" => Cell::Text(utf8(bytes)?.to_owned()),
            _ => {
                return Err(undecodable(
                    "a type that is read as text only: cast it in the statement, as in column::text",
                ));
            }
        },
    })
}

/// Where it is infinite, the number that JavaScript has for that.
fn moment(microseconds: i64) -> Cell {
    match microseconds {
        i64::MAX => Cell::Real(f64::INFINITY),
        i64::MIN => Cell::Real(f64::NEG_INFINITY),
        _ => Cell::Moment(microseconds.div_euclid(1000) + EPOCH),
    }
}

fn day(days: i32) -> Result<String> {
    let text = match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => {
            let milliseconds = EPOCH + i64::from(days) * 86_400_000;
            let moment = chrono::DateTime::from_timestamp_millis(milliseconds);
            let day = moment.ok_or_else(|| undecodable("a date that is too far away"))?;
            day.format("%Y-%m-%d").to_string()
        }
    };
    Ok(text)
}

/// Of microseconds since midnight.
fn time(microseconds: i64) -> String {
    let sign = if microseconds < 0 { "-" } else { "" };
    let microseconds = microseconds.unsigned_abs();
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let text = format!("{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction == 0 {
        return text;
    }
    let digits = format!("{fraction:06}");
    format!("{text}.{}", digits.trim_end_matches('0'))
}

/// As PostgreSQL writes it: `1 year 2 mons 3 days 04:05:06`.
fn interval(bytes: &[u8]) -> Result<String> {
    let mut reader = Reader(bytes);
    let microseconds = i64::from_be_bytes(sized(reader.take(8)?)?);
    let (days, months) = (reader.int()?, reader.int()?);
    let mut parts = Vec::new();
    let mut add = |count: i32, name: &str| {
        if count != 0 {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {name}{plural}"));
        }
    };
    add(months / 12, "year");
    add(months % 12, "mon");
    add(days, "day");
    if microseconds != 0 || parts.is_empty() {
        parts.push(time(microseconds));
    }
    Ok(parts.join(" "))
}

/// Groups of four decimal digits; see `numeric_send` in PostgreSQL's numeric.c.
fn numeric(bytes: &[u8]) -> Result<String> {
    let mut reader = Reader(bytes);
    let mut short = || -> Result<i16> { Ok(i16::from_be_bytes(sized(reader.take(2)?)?)) };
    let (count, weight, sign, scale) = (short()?, short()?, short()? as u16, short()?);
    match sign {
        0xc000 => return Ok("NaN".to_owned()),
        0xd000 => return Ok("Infinity".to_owned()),
        0xf000 => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let groups = (0..count).map(|_| short()).collect::<Result<Vec<i16>>>()?;
    let group = |place: i32| {
        // The first is worth 10000 to the power of the weight.
        let index = usize::try_from(i32::from(weight) - place).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let mut text = if sign == 0x4000 { "-" } else { "" }.to_owned();
    let before = i32::from(weight).max(0);
    for place in (0..=before).rev() {
        let width = if place == before { 1 } else { 4 };
        // Writing to a text does not fail.
        let _ = write!(text, "{:0width$}", group(place));
    }
    if scale > 0 {
        let scale = scale as usize;
        let after: String = (1..=scale.div_ceil(4) as i32)
            .map(|place| format!("{:04}", group(-place)))
            .collect();
        text.push('.');
        text.push_str(&after[..scale]);
    }
    Ok(text)
}

fn array(element: &Type, bytes: &[u8]) -> Result<Cell> {
    let mut reader = Reader(bytes);
    let dimensions = reader.int()?;
    let (_flags, _element) = (reader.int()?, reader.int()?);
    let lengths = (0..dimensions)
        .map(|_| {
            let length = reader.int()?;
            reader.int()?;
            usize::try_from(length).map_err(|_| unreadable())
        })
        .collect::<Result<Vec<usize>>>()?;
    if lengths.is_empty() {
        return Ok(Cell::List(Vec::new()));
    }
    nested(element, &lengths, &mut reader)
}

fn nested(element: &Type, lengths: &[usize], reader: &mut Reader) -> Result<Cell> {
    let Some((length, inner)) = lengths.split_first() else {
        let size = reader.int()?;
        return match usize::try_from(size) {
            Ok(size) => cell(element, reader.take(size)?),
            Err(_) => Ok(Cell::Null),
        };
    };
    let items = (0..*length).map(|_| nested(element, inner, reader));
    Ok(Cell::List(items.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric_of(weight: i16, sign: u16, scale: i16, groups: &[i16]) -> String {
        let head = [groups.len() as i16, weight, sign as i16, scale];
        let shorts = head.iter().chain(groups);
        let bytes: Vec<u8> = shorts.flat_map(|short| short.to_be_bytes()).collect();
        numeric(&bytes).unwrap()
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        assert_eq!(numeric_of(0, 0, 0, &[]), "0");
        assert_eq!(numeric_of(1, 0, 2, &[12, 3456, 7800]), "123456.78");
        assert_eq!(numeric_of(-1, 0x4000, 4, &[5]), "-0.0005");
        assert_eq!(numeric_of(-2, 0, 8, &[1]), "0.00000001");
        assert_eq!(numeric_of(2, 0, 0, &[1]), "100000000");
        assert_eq!(numeric_of(0, 0, 3, &[1, 5000]), "1.500");
        assert_eq!(numeric_of(0, 0xc000, 0, &[]), "NaN");
    }

    #[test]
    fn times_and_intervals_are_written_as_the_server_does() {
        assert_eq!(time(14_706_000_000), "04:05:06");
        assert_eq!(time(1_500), "00:00:00.0015");
        let interval_of = |microseconds: i64, days: i32, months: i32| {
            let mut bytes = microseconds.to_be_bytes().to_vec();
            bytes.extend(days.to_be_bytes());
            bytes.extend(months.to_be_bytes());
            interval(&bytes).unwrap()
        };
        assert_eq!(
            interval_of(14_706_000_000, 3, 14),
            "1 year 2 mons 3 days 04:05:06"
        );
        assert_eq!(interval_of(0, 0, 0), "00:00:00");
    }
}
