//! SQL of the application's own on MySQL and MariaDB.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use futures_util::TryStreamExt;
use sqlx::mysql::types::MySqlTime;
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow, MySqlValueRef};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Decode, Either, Executor, Row, Type, TypeInfo, ValueRef,
};

use super::decode::{no_day, signed, sized, unreadable, unsigned, utf8};
use super::error;
use crate::engine::fit;
use crate::engine::own::{ATTEMPT, Answer, Cell};
use crate::engine::server::{Failure, Fate};
use crate::engine::words::{self, Script};
use crate::error::{Code, Error, Result};
use crate::value::Value;

/// The adapter stores an id of 0 as it is. With that mode, `DEFAULT` is 0 for a column that counts,
/// and Drizzle writes it for every id that it leaves to the server.
const COUNTING: (&str, &str) = (
    "SET sql_mode = REPLACE(@@sql_mode, 'NO_AUTO_VALUE_ON_ZERO', '')",
    "SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')",
);

pub async fn run(
    connection: &mut MySqlConnection,
    sql: &str,
    values: &[Cell],
) -> Result<Answer, Failure> {
    if !inserts_defaults(sql) {
        return run_as_it_is(connection, sql, values).await;
    }
    let (before, after) = COUNTING;
    set(connection, before).await?;
    let result = run_as_it_is(connection, sql, values).await;
    if matches!(&result, Err(failure) if failure.spoils_connection()) {
        return result;
    }
    set(connection, after).await?;
    result
}

fn inserts_defaults(sql: &str) -> bool {
    let inserts = words::verb(sql, Script::MySql).is_one_of(&["insert", "replace"]);
    inserts && words::tokens(sql, Script::MySql).any(|token| token.is("default"))
}

async fn set(connection: &mut MySqlConnection, sql: &'static str) -> Result<(), Failure> {
    let set = connection.execute(sqlx::raw_sql(sql)).await;
    set.map(drop).map_err(|failed| Failure {
        // Its mode is not known.
        fate: Fate::Lost,
        ..error::from_own(&failed, ATTEMPT)
    })
}

async fn run_as_it_is(
    connection: &mut MySqlConnection,
    sql: &str,
    values: &[Cell],
) -> Result<Answer, Failure> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        add(&mut arguments, value)?;
    }
    // Closing a statement would cost the next one 40 ms; see `Driver::fetch`.
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(true);
    let kept = Kept::of(sql);
    let failed = match collect(connection.fetch_many(query), kept, decode).await {
        Ok(answer) => return Ok(answer?),
        Err(failed) => failed,
    };
    if values.is_empty() && error::is_unpreparable(&failed) {
        // One statement it is: several are refused before this is found out.
        let plain = sqlx::raw_sql(AssertSqlSafe(sql));
        let answer = collect(connection.fetch_many(plain), kept, as_text).await;
        return match answer {
            Ok(answer) => Ok(answer?),
            Err(failed) => Err(explained(&failed)),
        };
    }
    Err(explained(&failed))
}

/// What of an answer's numbers is about the statement.
#[derive(Clone, Copy)]
struct Kept {
    affected: bool,
    new_id: bool,
}

impl Kept {
    fn of(sql: &str) -> Self {
        let verb = words::verb(sql, Script::MySql);
        Self {
            affected: words::changes_rows(sql, Script::MySql) || verb.is("load") || verb.is("call"),
            new_id: verb.is_one_of(&["insert", "replace"]),
        }
    }
}

type Results<'c> = futures_util::stream::BoxStream<
    'c,
    sqlx::Result<Either<sqlx::mysql::MySqlQueryResult, MySqlRow>>,
>;

/// Reads the answer to its end, also after a cell that cannot be decoded. A procedure has several
/// results: the rows are those of the first.
async fn collect(
    mut results: Results<'_>,
    kept: Kept,
    decode: impl Fn(&MySqlRow, usize) -> Result<Cell>,
) -> sqlx::Result<Result<Answer>> {
    let mut answer = Answer::default();
    let mut undecodable = None;
    let (mut rows, mut ended) = (0, false);
    while let Some(result) = results.try_next().await? {
        let row = match result {
            Either::Right(row) => row,
            Either::Left(done) => {
                ended = true;
                answer.affected += done.rows_affected();
                if done.last_insert_id() != 0 {
                    answer.new_id = Some(integer(done.last_insert_id()));
                }
                continue;
            }
        };
        if ended {
            continue;
        }
        rows += 1;
        if answer.columns.is_empty() {
            let columns = row.columns().iter();
            answer.columns = columns.map(|column| column.name().to_owned()).collect();
        }
        for index in 0..row.len() {
            match decode(&row, index) {
                Ok(cell) => answer.cells.push(cell),
                Err(error) => {
                    undecodable.get_or_insert(error);
                }
            }
        }
    }
    if !kept.affected {
        answer.affected = 0;
    } else if rows > 0 && answer.affected == 0 {
        // MariaDB's RETURNING: a row for each.
        answer.affected = rows;
    }
    if !kept.new_id {
        answer.new_id = None;
    }
    Ok(undecodable.map_or(Ok(answer), Err))
}

fn explained(failed: &sqlx::Error) -> Failure {
    if let sqlx::Error::Protocol(told) = failed
        && told.starts_with("prepared statement expected")
    {
        let message =
            format!("{ATTEMPT} failed: it has another number of parameters (?) than of values");
        // The driver waits for an answer that does not come.
        return Failure {
            error: Error::invalid_input(message),
            fate: Fate::Silent,
        };
    }
    error::from_own(failed, ATTEMPT)
}

fn add(arguments: &mut MySqlArguments, value: &Cell) -> Result<()> {
    let unfit = |why: &str| Error::invalid_input(format!("{ATTEMPT} failed: {why}"));
    let added = match value {
        Cell::Null => arguments.add(None::<String>),
        Cell::Boolean(boolean) => arguments.add(*boolean),
        Cell::Integer(integer) => arguments.add(*integer),
        Cell::Unsigned(integer) => arguments.add(*integer),
        Cell::Real(real) if !real.is_finite() => {
            return Err(unfit("this server has no number that is infinite, or none"));
        }
        Cell::Real(real) => arguments.add(*real),
        Cell::Text(text) | Cell::Json(text) => arguments.add(text.as_str()),
        Cell::Moment(milliseconds) => arguments.add(moment(*milliseconds).map_err(unfit)?),
        Cell::Bytes(bytes) => arguments.add(bytes.as_slice()),
        Cell::List(_) => return Err(unfit("one value is expected")),
    };
    added.map_err(|_| Error::new(Code::Internal, "a value cannot be sent"))
}

fn moment(milliseconds: i64) -> Result<NaiveDateTime, &'static str> {
    let milliseconds = fit::moment(&Value::Timestamp(milliseconds)).map_err(|unfit| unfit.0)?;
    let moment = DateTime::from_timestamp_millis(milliseconds);
    moment
        .map(|moment| moment.naive_utc())
        .ok_or("a date is expected")
}

fn integer(integer: u64) -> Cell {
    i64::try_from(integer).map_or(Cell::Unsigned(integer), Cell::Integer)
}

/// A cell of an answer to a statement that was not prepared.
fn as_text(row: &MySqlRow, index: usize) -> Result<Cell> {
    let stored = row.try_get_raw(index).map_err(|_| unreadable())?;
    match <&[u8] as Decode<sqlx::MySql>>::decode(stored) {
        Ok(bytes) => Ok(Cell::Text(String::from_utf8_lossy(bytes).into_owned())),
        Err(_) => Ok(Cell::Null),
    }
}

fn decode(row: &MySqlRow, index: usize) -> Result<Cell> {
    let stored = row.try_get_raw(index).map_err(|_| unreadable())?;
    let column = row.columns()[index].name();
    cell(stored).map_err(|error| error.with_cause(format!("the column \"{column}\"")))
}

fn cell(stored: MySqlValueRef) -> Result<Cell> {
    // `is_null` takes a day that is none for a null.
    let Ok(bytes) = <&[u8] as Decode<sqlx::MySql>>::decode(stored.clone()) else {
        return Ok(Cell::Null);
    };
    let type_info = stored.type_info().into_owned();
    Ok(match type_info.name() {
        "NULL" => Cell::Null,
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" => {
            Cell::Integer(signed(bytes)?)
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => integer(unsigned(bytes.iter().rev())?),
        "BIT" => integer(unsigned(bytes.iter())?),
        "FLOAT" => {
            // By its own digits: 0.1 is 0.1, not 0.10000000149011612.
            let digits = f32::from_le_bytes(sized(bytes)?).to_string();
            Cell::Real(digits.parse().map_err(|_| unreadable())?)
        }
        "DOUBLE" => Cell::Real(f64::from_le_bytes(sized(bytes)?)),
        "TIMESTAMP" | "DATETIME" => {
            let moment = NaiveDateTime::decode(stored).map_err(|_| no_day())?;
            Cell::Moment(moment.and_utc().timestamp_millis())
        }
        "DATE" => {
            let day = NaiveDate::decode(stored).map_err(|_| no_day())?;
            Cell::Text(day.format("%Y-%m-%d").to_string())
        }
        "TIME" => {
            let time = MySqlTime::decode(stored).map_err(|_| unreadable())?;
            Cell::Text(time.to_string())
        }
        "JSON" => Cell::Json(utf8(bytes)?.to_owned()),
        "DECIMAL" | "ENUM" | "SET" => Cell::Text(utf8(bytes)?.to_owned()),
        _ if <str as Type<sqlx::MySql>>::compatible(&type_info) => {
            Cell::Text(utf8(bytes)?.to_owned())
        }
        _ => Cell::Bytes(bytes.to_vec()),
    })
}
