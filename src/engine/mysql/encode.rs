//! Values into MySQL's binary formats, by the column that each parameter belongs to.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use super::{listing, types};
use crate::engine::fit::{self, Unfit};
use crate::engine::{Parameter, Role, Statement};
use crate::error::{Code, Error, Result};
use crate::value::{Kind, Value};

/// The statement's text, with a placeholder for every value of its lists, and the values.
pub fn bind(statement: &Statement, values: &[Value]) -> Result<(Arc<str>, MySqlArguments)> {
    let parameters = &statement.parameters;
    if !parameters
        .iter()
        .any(|parameter| parameter.role == Role::Listed)
    {
        let mut arguments = MySqlArguments::default();
        arguments.reserve(parameters.len(), 32 * parameters.len());
        for parameter in parameters {
            let sent = send(*parameter, &values[parameter.slot])
                .map_err(|unfit| refused(statement, unfit.0))?;
            add(&mut arguments, sent)?;
        }
        return Ok((statement.sql.clone(), arguments));
    }
    bind_lists(statement, values)
}

fn bind_lists(statement: &Statement, values: &[Value]) -> Result<(Arc<str>, MySqlArguments)> {
    let mut sent = Vec::with_capacity(statement.parameters.len());
    for parameter in &statement.parameters {
        let value = &values[parameter.slot];
        sent.push(match (parameter.role, value) {
            (Role::Listed, Value::List(values)) => Sent::List(list(*parameter, values)),
            (Role::Listed, value) => Sent::List(list(*parameter, std::slice::from_ref(value))),
            _ => send(*parameter, value).map_err(|unfit| refused(statement, unfit.0))?,
        });
    }
    let lengths: Vec<usize> = sent
        .iter()
        .filter_map(|sent| match sent {
            Sent::List(list) => Some(list.len()),
            _ => None,
        })
        .collect();
    let Some(places) = listing::places(&lengths, sent.len() - lengths.len()) else {
        return Err(refused(
            statement,
            "its `in` lists have more values than the server takes in one statement; about 32,000 \
             are possible",
        ));
    };
    let mut arguments = MySqlArguments::default();
    let mut next = places.iter();
    for sent in sent {
        let Sent::List(list) = sent else {
            add(&mut arguments, sent)?;
            continue;
        };
        let missing = next.next().map_or(0, |places| places - list.len());
        let last = list.last().cloned();
        for sent in list
            .into_iter()
            .chain(std::iter::repeat_n(last, missing).flatten())
        {
            add(&mut arguments, sent)?;
        }
    }
    let sql = listing::expand(&statement.sql, &statement.parameters, &places);
    Ok((sql.into(), arguments))
}

fn refused(statement: &Statement, why: &str) -> Error {
    let (operation, table) = (statement.operation, &statement.table);
    let message = format!("{operation} on \"{table}\" failed: {why}");
    Error::new(Code::InvalidInput, message).with_table(table)
}

/// A value as it is sent. A null has a type too: MariaDB refuses a write whose filter compares
/// texts with a null that is a number.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Null(u32),
    Integer(i64),
    Unsigned(u64),
    Real(f64),
    Text(String),
    Moment(NaiveDateTime),
    Day(NaiveDate),
    List(Vec<Sent>),
}

fn add(arguments: &mut MySqlArguments, sent: Sent) -> Result<()> {
    let added = match sent {
        Sent::Null(types::INTEGER | types::BIT | types::FLOAT | types::FRACTION) => {
            arguments.add(None::<i64>)
        }
        Sent::Null(types::MOMENT | types::DAY) => arguments.add(None::<NaiveDateTime>),
        Sent::Null(_) | Sent::List(_) => arguments.add(None::<String>),
        Sent::Integer(integer) => arguments.add(integer),
        Sent::Unsigned(integer) => arguments.add(integer),
        Sent::Real(real) => arguments.add(real),
        Sent::Text(text) => arguments.add(text),
        Sent::Moment(moment) => arguments.add(moment),
        Sent::Day(day) => arguments.add(day),
    };
    added.map_err(|_| Error::new(Code::Internal, "a value cannot be sent"))
}

/// What does not fit is an error where it is to be stored, and equals nothing where it is not.
fn send(parameter: Parameter, value: &Value) -> Result<Sent, Unfit> {
    match fitted(parameter, value) {
        Err(_) if parameter.role != Role::Stored => Ok(Sent::Null(parameter.native_type)),
        result => result,
    }
}

/// The values of an `in` list. One that does not fit is left out: nothing equals it.
fn list(parameter: Parameter, values: &[Value]) -> Vec<Sent> {
    values
        .iter()
        .filter_map(|value| fitted(parameter, value).ok())
        .collect()
}

fn fitted(parameter: Parameter, value: &Value) -> Result<Sent, Unfit> {
    if *value == Value::Null {
        return Ok(Sent::Null(parameter.native_type));
    }
    let kind = parameter.kind;
    Ok(match (parameter.native_type, kind) {
        (types::INTEGER | types::BIT, _) => integer(parameter.role, value)?,
        // LIMIT and OFFSET.
        (0, Kind::Number | Kind::BigInt) => integer(parameter.role, value)?,
        (types::FLOAT | types::FRACTION, _) => match value {
            Value::Real(_) | Value::Text(_) => finite(value)?,
            _ => Sent::Integer(fit::integer(value)?),
        },
        (types::MOMENT, _) => Sent::Moment(moment(value)?),
        (types::DAY, _) => Sent::Day(moment(value)?.date()),
        (types::JSON, _) => Sent::Text(fit::json(value)?),
        (types::UUID, _) => Sent::Text(fit::uuid(value)?.to_string()),
        _ => Sent::Text(fit::text(kind, value)?),
    })
}

fn integer(role: Role, value: &Value) -> Result<Sent, Unfit> {
    match value {
        // Exact below 2^53, and beyond it there are no others.
        Value::Real(real) if real.fract() == 0.0 && real.abs() < 9.0e18 => {
            Ok(Sent::Integer(*real as i64))
        }
        // It equals no integer, but is less or more than any.
        Value::Real(real) if real.is_finite() && role != Role::Stored => Ok(Sent::Real(*real)),
        Value::Text(text) => match text.parse() {
            Ok(unsigned) => Ok(Sent::Unsigned(unsigned)),
            Err(_) => Ok(Sent::Integer(fit::integer(value)?)),
        },
        _ => Ok(Sent::Integer(fit::integer(value)?)),
    }
}

fn finite(value: &Value) -> Result<Sent, Unfit> {
    let real = fit::real(value)?;
    if real.is_finite() {
        Ok(Sent::Real(real))
    } else {
        Err(Unfit("a number is expected"))
    }
}

fn moment(value: &Value) -> Result<NaiveDateTime, Unfit> {
    let moment = DateTime::from_timestamp_millis(fit::moment(value)?);
    moment
        .map(|moment| moment.naive_utc())
        .ok_or(Unfit("a date is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Access, Keep};

    fn parameter(native_type: u32, kind: Kind, role: Role) -> Parameter {
        Parameter {
            slot: 0,
            kind,
            role,
            native_type,
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_text_is_a_numeric_id_only_where_it_is_that_number() {
        let stored = parameter(types::INTEGER, Kind::Id, Role::Stored);
        let compared = parameter(types::INTEGER, Kind::Id, Role::Compared);
        for (value, expected) in [
            ("12", Sent::Unsigned(12)),
            ("-12", Sent::Integer(-12)),
            ("18446744073709551615", Sent::Unsigned(u64::MAX)),
        ] {
            assert_eq!(send(compared, &text(value)).unwrap(), expected);
        }
        for value in ["12abc", "", " 12", "1.0", "99999999999999999999"] {
            let nothing = Sent::Null(types::INTEGER);
            assert_eq!(send(compared, &text(value)).unwrap(), nothing, "{value}");
            assert!(send(stored, &text(value)).is_err(), "{value}");
        }
    }

    #[test]
    fn a_fraction_is_compared_with_integers_but_not_stored_as_one() {
        let half = Value::Real(1.5);
        let compared = parameter(types::INTEGER, Kind::Number, Role::Compared);
        assert_eq!(send(compared, &half).unwrap(), Sent::Real(1.5));
        assert_eq!(send(compared, &Value::Real(2.0)).unwrap(), Sent::Integer(2));
        let stored = parameter(types::INTEGER, Kind::Number, Role::Stored);
        assert!(send(stored, &half).is_err());
    }

    #[test]
    fn dates_keep_their_milliseconds_and_stay_within_four_digits_of_year() {
        let stored = parameter(types::MOMENT, Kind::Date, Role::Stored);
        let sent = send(stored, &Value::Timestamp(1_795_250_749_123)).unwrap();
        let Sent::Moment(moment) = sent else {
            panic!("{sent:?}");
        };
        assert_eq!(moment.to_string(), "2026-11-21 08:45:49.123");
        assert!(send(stored, &Value::Timestamp(253_402_300_800_000)).is_err());
        assert!(send(stored, &Value::Timestamp(-62_167_219_200_001)).is_err());
        assert!(send(stored, &text("tomorrow")).is_err());
    }

    fn statement(sql: &str, parameters: Vec<Parameter>) -> Statement {
        let (access, keep) = (Access::Read, Keep::All);
        Statement::new(
            sql.to_owned(),
            parameters,
            vec![],
            access,
            keep,
            "findMany",
            "t",
        )
    }

    #[test]
    fn lists_are_padded_and_lose_what_nothing_equals() {
        let listed = parameter(types::INTEGER, Kind::Id, Role::Listed);
        let statement = statement("`id` IN (?)", vec![listed]);
        let values = ["1", "x", "2", "3"].map(text).to_vec();
        let (sql, arguments) = bind(&statement, &[Value::List(values)]).unwrap();
        assert_eq!(&*sql, "`id` IN (?, ?, ?, ?)");
        assert_eq!(arguments.len(), 4);
        let nothing = [Value::List(vec![text("x")])];
        let (sql, arguments) = bind(&statement, &nothing).unwrap();
        assert_eq!(&*sql, "`id` IN (SELECT NULL FROM DUAL WHERE FALSE)");
        assert_eq!(arguments.len(), 0);
    }

    #[test]
    fn a_list_that_is_too_long_is_refused() {
        let listed = parameter(types::TEXT, Kind::String, Role::Listed);
        let statement = statement("`a` IN (?)", vec![listed]);
        let values = vec![Value::Null; 65_536];
        let error = bind(&statement, &[Value::List(values)]).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput);
    }
}
