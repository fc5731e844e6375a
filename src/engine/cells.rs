//! What a stored value becomes, by the kind of the field that holds it; the same for every
//! database.

use chrono::{DateTime, NaiveDateTime};
use serde_json::value::RawValue;

use crate::error::{Code, Error, Result};
use crate::value::{Kind, Value, is_safe_integer, iso};

pub fn from_integer(kind: Kind, integer: i64) -> Result<Value> {
    match kind {
        Kind::Boolean => Ok(Value::Boolean(integer != 0)),
        Kind::Id => Ok(Value::Text(integer.to_string())),
        Kind::Date => Ok(Value::Timestamp(integer)),
        _ if is_safe_integer(integer) => Ok(Value::Integer(integer)),
        _ => Err(undecodable(
            "an integer beyond 2^53, which a JavaScript number would round",
        )),
    }
}

pub fn from_real(kind: Kind, real: f64) -> Value {
    match kind {
        Kind::Boolean => Value::Boolean(real != 0.0),
        Kind::Date => Value::Timestamp(real as i64),
        _ => Value::Real(real),
    }
}

pub fn from_text(kind: Kind, text: &str) -> Result<Value> {
    match kind {
        Kind::Date => parse_date(text)
            .map(Value::Timestamp)
            .ok_or_else(|| undecodable("a text that is no date in a date field")),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

/// A number in a column that holds numbers as text, or of more digits than other types have.
pub fn from_decimal(kind: Kind, text: &str) -> Result<Value> {
    match text.parse::<i64>() {
        Ok(integer) => from_integer(kind, integer),
        Err(_) => Ok(text.parse().map_or_else(
            |_| Value::Text(text.to_owned()),
            |real| from_real(kind, real),
        )),
    }
}

/// Rows that a join brought along, as `Dialect::json_rows` writes them: a JSON array of arrays.
pub fn nested_rows(kinds: &[Kind], json: &[u8]) -> Result<Value> {
    let rows: Vec<Vec<&RawValue>> =
        serde_json::from_slice(json).map_err(|error| malformed().with_cause(error))?;
    let cells = rows
        .into_iter()
        .flat_map(|row| kinds.iter().copied().zip(row));
    cells
        .map(|(kind, cell)| nested_cell(kind, cell.get()))
        .collect::<Result<_>>()
        .map(Value::List)
}

fn nested_cell(kind: Kind, json: &str) -> Result<Value> {
    let is_number = matches!(kind, Kind::Number | Kind::BigInt);
    match json.as_bytes().first() {
        Some(b'n') => Ok(Value::Null),
        Some(b't' | b'f') => from_boolean(kind, json == "true"),
        Some(b'"') => {
            let text: String =
                serde_json::from_str(json).map_err(|error| malformed().with_cause(error))?;
            match kind {
                // Fractions come as text with all their digits.
                _ if is_number => from_decimal(kind, &text),
                Kind::Date => from_text(kind, &text),
                _ => Ok(Value::Text(text)),
            }
        }
        // What a database keeps as JSON or as an array of its own.
        Some(b'[' | b'{') => Ok(Value::Text(json.to_owned())),
        _ => from_decimal(kind, json),
    }
}

pub fn from_boolean(kind: Kind, boolean: bool) -> Result<Value> {
    match kind {
        Kind::Boolean => Ok(Value::Boolean(boolean)),
        Kind::Number | Kind::BigInt => Ok(Value::Integer(i64::from(boolean))),
        _ => Ok(Value::Text(boolean.to_string())),
    }
}

/// A moment in a field that is none, such as a text, is written out.
pub fn from_moment(kind: Kind, milliseconds: i64) -> Value {
    match kind {
        Kind::Date | Kind::Number | Kind::BigInt => Value::Timestamp(milliseconds),
        _ => DateTime::from_timestamp_millis(milliseconds)
            .map_or(Value::Null, |moment| Value::Text(iso(moment))),
    }
}

pub fn malformed() -> Error {
    undecodable("joined rows that cannot be read")
}

pub fn undecodable(what: &str) -> Error {
    Error::new(Code::DecodeFailed, format!("the database holds {what}"))
}

/// Milliseconds since 1970 of an ISO 8601 date, or of SQLite's own `YYYY-MM-DD HH:MM:SS`. Without
/// a zone the text means UTC, as SQLite's functions write it.
pub fn parse_date(text: &str) -> Option<i64> {
    if let Some(milliseconds) = parse_canonical(text.as_bytes()) {
        return Some(milliseconds);
    }
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date.timestamp_millis());
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| {
            chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_hms_opt(0, 0, 0)
        })
        .map(|date| date.and_utc().timestamp_millis())
}

/// The form this package writes, `2026-11-21T08:45:49.123Z`; reading it is on the hot path, and
/// the general parser takes ten times as long.
fn parse_canonical(text: &[u8]) -> Option<i64> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        b'Z',
    ] = *text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (
        number(&[y0, y1, y2, y3])?,
        number(&[m0, m1])?,
        number(&[d0, d1])?,
    );
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    let date = chrono::NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
        + hour * 3600
        + minute * 60
        + second;
    Some(seconds * 1000 + number(&[f0, f1, f2])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form_a_database_may_hold() {
        let expected = Some(1_795_250_749_123);
        assert_eq!(parse_date("2026-11-21T08:45:49.123Z"), expected);
        assert_eq!(parse_date("2026-11-21T09:45:49.123+01:00"), expected);
        assert_eq!(parse_date("2026-11-21 08:45:49.123"), expected);
        assert_eq!(parse_date("2026-11-21T08:45:49.123456Z"), expected);
        assert_eq!(parse_date("2026-11-21 08:45:49"), Some(1_795_250_749_000));
        assert_eq!(parse_date("2026-11-21"), Some(1_795_219_200_000));
        assert_eq!(parse_date("1969-12-31T23:59:59.999Z"), Some(-1));
        for text in [
            "",
            "tomorrow",
            "2026-13-01T00:00:00.000Z",
            "2026-11-21T24:00:00.000Z",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_cut_agrees_with_the_general_parser() {
        let mut milliseconds: i64 = -62_167_219_200_000;
        while milliseconds < 253_402_300_800_000 {
            let date = DateTime::from_timestamp_millis(milliseconds).unwrap();
            let text = iso(date);
            assert_eq!(
                parse_canonical(text.as_bytes()),
                Some(milliseconds),
                "{text}"
            );
            milliseconds += 1_234_567_891_234;
        }
    }

    #[test]
    fn integers_beyond_2_53_are_refused() {
        assert!(from_integer(Kind::BigInt, 9_007_199_254_740_991).is_ok());
        let error = from_integer(Kind::BigInt, 9_007_199_254_740_993).unwrap_err();
        assert_eq!(error.code, Code::DecodeFailed);
    }

    #[test]
    fn nested_numbers_keep_all_their_digits() {
        let json = br#"[[9007199254740993], ["0.30000000000000004"], [null]]"#;
        assert!(nested_rows(&[Kind::BigInt], json).is_err());
        let json = br#"[["0.30000000000000004"], [7], [null]]"#;
        let rows = nested_rows(&[Kind::Number], json).unwrap();
        let expected = vec![Value::Real(0.1 + 0.2), Value::Integer(7), Value::Null];
        assert_eq!(rows, Value::List(expected));
    }
}
