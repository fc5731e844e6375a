//! SQL of the application's own on SQLite.
//!
//! What only reads runs where scans do, without the turn to write; SQLite says what that is. All
//! else takes its turn on the writing connection, which is replaced where the statement may have
//! changed it, and left in no transaction.

use std::sync::Arc;

use rusqlite::types::{Value as Stored, ValueRef};

use super::connection::Connection;
use super::guard::{Place, Refusal, Seen};
use super::lanes::Lanes;
use super::{Sqlite, error, off_thread};
use crate::engine::gate::closed;
use crate::engine::own::{ATTEMPT, Answer, Cell};
use crate::engine::words::{self, Script};
use crate::engine::{Call, InFlight};
use crate::error::{Code, Error, Result};
use crate::value::iso;

impl Sqlite {
    /// Runs a statement of the application's outside of transactions.
    pub async fn query(
        &self,
        _in_flight: InFlight,
        sql: Arc<str>,
        values: Arc<[Cell]>,
        call: &Arc<Call>,
    ) -> Result<Answer> {
        let lanes = self.lanes().await?;
        if !self.config.is_memory() {
            let (sql, values, call) = (sql.clone(), values.clone(), call.clone());
            let read = lanes.with_looker(move |connection| {
                call.stops_waiting();
                connection.read_own(&sql, &values)
            });
            if let Some(answer) = read.await? {
                return Ok(answer);
            }
        }
        lanes.query_alone(sql, values, call).await
    }
}

impl Lanes {
    async fn query_alone(
        self: &Arc<Self>,
        sql: Arc<str>,
        values: Arc<[Cell]>,
        call: &Arc<Call>,
    ) -> Result<Answer> {
        let permit = self.turn(ATTEMPT).await?;
        let (lanes, call) = (self.clone(), call.clone());
        off_thread(move || {
            let _permit = permit;
            let mut lane = lanes.begin_writing()?;
            call.stops_waiting();
            let connection = lane.as_mut().ok_or_else(closed)?;
            let place = if lanes.is_memory() {
                Place::OnlyOne
            } else {
                Place::Alone
            };
            let (answer, seen) = connection.run_own(&sql, &values, place);
            let left_open = connection.in_transaction() && !connection.leave_transaction();
            if seen.session || left_open {
                *lane = None;
            }
            drop(lane);
            lanes.checkpoint_if_due();
            answer
        })
        .await
    }
}

impl Connection {
    /// Runs a statement where it only reads; none where it does not.
    fn read_own(&mut self, sql: &str, values: &[Cell]) -> Result<Option<Answer>> {
        let (answer, seen) = self.run_own(sql, values, Place::Reader);
        match seen.refused {
            Some(_) => Ok(None),
            None => answer.map(Some),
        }
    }

    /// Runs a statement, and tells what it does.
    pub fn run_own(&mut self, sql: &str, values: &[Cell], place: Place) -> (Result<Answer>, Seen) {
        if words::tokens(sql, Script::Sqlite).next().is_none() {
            let why = format!("{ATTEMPT} failed: it is empty");
            return (Err(Error::invalid_input(why)), Seen::default());
        }
        self.be_patient();
        let (prepared, mut seen) = self.guard().watch(place, || self.raw().prepare(sql));
        if let Some(refusal) = seen.refused {
            return (Err(refused(refusal)), seen);
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failed) => return (Err(explained(&failed, self.raw())), seen),
        };
        if place == Place::Reader && !prepared.readonly() {
            seen.refused = Some(Refusal::NoRead);
            return (Err(refused(Refusal::NoRead)), seen);
        }
        let only_explains = prepared.is_explain() != 0;
        seen.changes_rows &= !only_explains;
        seen.inserts &= !only_explains;
        let answer = collect(prepared, values, self.raw()).map(|mut answer| {
            if seen.changes_rows {
                answer.affected = self.raw().changes();
            }
            if seen.inserts && answer.affected > 0 {
                answer.new_id = Some(Cell::Integer(self.raw().last_insert_rowid()));
            }
            answer
        });
        (answer, seen)
    }
}

/// Steps to the end, also after a cell that cannot be decoded.
fn collect(
    mut prepared: rusqlite::Statement,
    values: &[Cell],
    connection: &rusqlite::Connection,
) -> Result<Answer> {
    let failed = |failed| explained(&failed, connection);
    let expected = prepared.parameter_count();
    if expected != values.len() {
        return Err(Error::invalid_input(format!(
            "{ATTEMPT} failed: it has {expected} parameters (?), and {} values were given",
            values.len()
        )));
    }
    for (index, value) in values.iter().enumerate() {
        let stored = stored(value)?;
        prepared
            .raw_bind_parameter(index + 1, stored)
            .map_err(failed)?;
    }
    let names = prepared.column_names().into_iter();
    let columns: Vec<String> = names.map(ToOwned::to_owned).collect();
    let mut cells = Vec::new();
    let mut undecodable = None;
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        for (index, column) in columns.iter().enumerate() {
            let stored = row.get_ref(index).map_err(failed)?;
            match cell(stored) {
                Some(cell) => cells.push(cell),
                None => {
                    undecodable.get_or_insert_with(|| {
                        let why = format!("the column \"{column}\" holds a text that is not UTF-8");
                        Error::new(Code::DecodeFailed, why)
                    });
                }
            }
        }
    }
    match undecodable {
        Some(error) => Err(error),
        None => Ok(Answer {
            columns,
            cells,
            ..Answer::default()
        }),
    }
}

fn cell(stored: ValueRef) -> Option<Cell> {
    Some(match stored {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(integer) => Cell::Integer(integer),
        ValueRef::Real(real) => Cell::Real(real),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).ok()?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    })
}

fn stored(value: &Cell) -> Result<Stored> {
    let unfit = |why: &str| Error::invalid_input(format!("{ATTEMPT} failed: {why}"));
    Ok(match value {
        Cell::Null => Stored::Null,
        Cell::Boolean(boolean) => Stored::Integer(i64::from(*boolean)),
        Cell::Integer(integer) => Stored::Integer(*integer),
        Cell::Real(real) if real.is_nan() => return Err(unfit("NaN cannot be stored")),
        Cell::Real(real) => Stored::Real(*real),
        Cell::Text(text) | Cell::Json(text) => Stored::Text(text.clone()),
        Cell::Moment(milliseconds) => {
            let moment = chrono::DateTime::from_timestamp_millis(*milliseconds);
            Stored::Text(
                moment
                    .map(iso)
                    .ok_or_else(|| unfit("a date is too far away"))?,
            )
        }
        Cell::Bytes(bytes) => Stored::Blob(bytes.clone()),
        Cell::Unsigned(_) => return Err(unfit("SQLite keeps no integer of more than 64 bits")),
        Cell::List(_) => return Err(unfit("one value is expected")),
    })
}

/// What is wrong with a statement of the application's is no lack of a migration.
fn explained(failed: &rusqlite::Error, connection: &rusqlite::Connection) -> Error {
    if matches!(failed, rusqlite::Error::MultipleStatement) {
        let why = format!("{ATTEMPT} failed: it is several; run them one by one");
        return Error::invalid_input(why);
    }
    // The whole statement is in the driver's own words.
    let told = match failed {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let error = error::from_control(failed, ATTEMPT, connection).with_cause(&told);
    let is_of_statement = matches!(failed, rusqlite::Error::SqlInputError { .. })
        || failed.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown);
    if is_of_statement && error.code == Code::Internal {
        return Error::invalid_input(format!("{ATTEMPT} failed: {told}"));
    }
    error
}

fn refused(refusal: Refusal) -> Error {
    Error::invalid_input(match refusal {
        Refusal::NoRead => "the statement does more than read",
        Refusal::Control => crate::engine::own::REFUSED_CONTROL,
        Refusal::Session => {
            "PRAGMA, ATTACH and temporary tables change a connection, and a database in memory has \
             but one, which cannot be replaced afterwards; use a file"
        }
        Refusal::JournalMode => {
            "PRAGMA journal_mode is the adapter's: it keeps the file in write-ahead mode"
        }
    })
}
