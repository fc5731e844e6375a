//! SQL of the application's own on PostgreSQL.
//!
//! Values go as text, and the server decides of which type they are, as it does with a literal in
//! quotes. Cells come in the binary formats, decoded by the type the server says a column has.

use std::error::Error as StdError;
use std::pin::pin;

use bytes::{BufMut, BytesMut};
use futures_util::TryStreamExt;
use tokio_postgres::types::{Format, IsNull, Kind as TypeKind, ToSql, Type};
use tokio_postgres::{Row, RowStream};

use super::cells::decode;
use super::{Connection, error};
use crate::engine::fit;
use crate::engine::own::{ATTEMPT, Answer, Cell, REFUSED_CONTROL};
use crate::engine::server::{Changes, Failure, Known, Leaves};
use crate::engine::words::{self, Script, Token};
use crate::error::{Code, Error, Result};
use crate::value::{Value, iso};

/// As DISCARD ALL does, but for the statements that the adapter has prepared. Settings go back to
/// what they were when the connection was made, those of the adapter's included.
pub const RESET: &str = "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; CLOSE ALL; \
     UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

const REFUSED_COPY: &str = "COPY is not run as a statement: it moves rows beside the protocol of \
     statements; use INSERT, or psql";

const CONTROL: [&str; 9] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "prepare",
];

/// Every statement may call functions, triggers' too, that set what they like: only what merely
/// reads settings is known to leave nothing.
pub fn know(sql: &str) -> Known {
    let first = words::tokens(sql, Script::Postgres).next();
    let first = first.unwrap_or(Token::Unknown);
    let verb = words::verb(sql, Script::Postgres);
    let reads = verb.is_one_of(&["select", "show", "values", "table", "explain"]);
    // Also in a WITH, or under EXPLAIN ANALYZE.
    let writes = |token: Token| token.is_one_of(&["insert", "update", "delete", "merge"]);
    let changes = if words::tokens(sql, Script::Postgres).any(writes) {
        Changes::Rows
    } else if reads || first.is_one_of(&CONTROL) || first.is("set") || first.is("reset") {
        Changes::Nothing
    } else {
        Changes::Tables
    };
    let leaves = if first.is("show") {
        Leaves::Nothing
    } else if first.is_one_of(&["prepare", "deallocate", "discard", "load"]) {
        // They touch what the adapter has prepared, or the server's process.
        Leaves::Unknown
    } else {
        Leaves::Session
    };
    Known {
        leaves,
        changes,
        refused: first.is("copy").then_some(REFUSED_COPY),
        refused_inside: first.is_one_of(&CONTROL).then_some(REFUSED_CONTROL),
        // Procedures that commit refuse to be called in a transaction.
        may_end: false,
    }
}

pub async fn run(
    connection: &mut Connection,
    sql: &str,
    values: &[Cell],
) -> Result<Answer, Failure> {
    if !connection.is_open() {
        return Err(error::before_sending(connection, ATTEMPT));
    }
    let values: Vec<Given> = values.iter().map(Given::of).collect::<Result<_>>()?;
    let client = connection.client();
    let answer = async {
        let rows = if values.iter().any(|value| value.is_list()) {
            // Whether it is JSON or an array, the server knows.
            let prepared = client.prepare(sql).await?;
            client.query_raw(&prepared, values.iter()).await?
        } else {
            let untyped = Type::new(String::new(), 0, TypeKind::Simple, String::new());
            let typed = values.iter().map(|value| (value, untyped.clone()));
            client.query_typed_raw(sql, typed).await?
        };
        collect(rows, words::changes_rows(sql, Script::Postgres)).await
    };
    match answer.await {
        Ok(collected) => Ok(collected?),
        Err(failed) => Err(explained(error::from_server(&failed, connection, ATTEMPT))),
    }
}

/// Reads the answer to its end, also after a cell that cannot be decoded.
async fn collect(rows: RowStream, changes: bool) -> Result<Result<Answer>, tokio_postgres::Error> {
    let mut answer = Answer::default();
    let mut undecodable = None;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await? {
        if answer.columns.is_empty() {
            answer.columns = names(&row);
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
    if changes {
        answer.affected = rows.rows_affected().unwrap_or(0);
    }
    Ok(undecodable.map_or(Ok(answer), Err))
}

fn names(row: &Row) -> Vec<String> {
    let columns = row.columns().iter();
    columns.map(|column| column.name().to_owned()).collect()
}

/// The statement is the application's: what is wrong with it is no lack of a migration.
fn explained(mut failure: Failure) -> Failure {
    let error = &mut failure.error;
    let state = error.sql_state.clone().unwrap_or_default();
    if state == "08P01" {
        failure.error = Error::invalid_input(format!(
            "{ATTEMPT} failed: it has another number of parameters ($1, $2, ...) than of values"
        ));
        return Failure::refused(failure.error);
    }
    let is_of_statement = state.starts_with("42") || state == "0A000";
    if is_of_statement && !matches!(&*state, "42P01" | "42703" | "42501") {
        let why = error.cause.clone().unwrap_or_default();
        let told = Error::invalid_input(format!("{ATTEMPT} failed: {why}")).with_sql_state(&state);
        return Failure::refused(told);
    }
    failure
}

/// A value as it is sent; none is NULL.
#[derive(Debug)]
struct Given<'v>(Option<Text<'v>>);

enum Text<'v> {
    Borrowed(&'v str),
    Owned(String),
    /// JSON, or an array where the server wants one.
    List(&'v str),
}

/// Shows no value: the driver writes parameters into its log.
impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("...")
    }
}

impl<'v> Given<'v> {
    fn of(value: &'v Cell) -> Result<Self> {
        Ok(Self(match value {
            Cell::Null => None,
            Cell::Boolean(boolean) => Some(Text::Owned(boolean.to_string())),
            Cell::Integer(integer) => Some(Text::Owned(integer.to_string())),
            Cell::Unsigned(integer) => Some(Text::Owned(integer.to_string())),
            Cell::Real(real) => Some(Text::Owned(real.to_string())),
            Cell::Text(text) => Some(Text::Borrowed(without_nul(text)?)),
            Cell::Json(json) if json.starts_with('[') => Some(Text::List(without_nul(json)?)),
            Cell::Json(json) => Some(Text::Borrowed(json)),
            Cell::Moment(milliseconds) => Some(Text::Owned(moment(*milliseconds)?)),
            Cell::Bytes(bytes) => Some(Text::Owned(hexadecimal(bytes))),
            Cell::List(_) => return Err(Error::invalid_input("one value is expected")),
        }))
    }

    fn is_list(&self) -> bool {
        matches!(self.0, Some(Text::List(_)))
    }
}

impl ToSql for Given<'_> {
    fn to_sql(
        &self,
        wanted: &Type,
        buffer: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            None => return Ok(IsNull::Yes),
            Some(Text::Borrowed(text)) => buffer.put_slice(text.as_bytes()),
            Some(Text::Owned(text)) => buffer.put_slice(text.as_bytes()),
            Some(Text::List(json)) if matches!(wanted.kind(), TypeKind::Array(_)) => {
                let items: Vec<serde_json::Value> = serde_json::from_str(json)?;
                buffer.put_slice(array(&items).as_bytes());
            }
            Some(Text::List(json)) => buffer.put_slice(json.as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        wanted: &Type,
        buffer: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(wanted, buffer)
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }
}

fn without_nul(text: &str) -> Result<&str> {
    if text.contains('\0') {
        let why = format!("{ATTEMPT} failed: PostgreSQL keeps no NUL character in a text");
        return Err(Error::new(Code::InvalidInput, why));
    }
    Ok(text)
}

fn moment(milliseconds: i64) -> Result<String> {
    let unfit = |why: &str| Error::invalid_input(format!("{ATTEMPT} failed: {why}"));
    let milliseconds = fit::moment(&Value::Timestamp(milliseconds)).map_err(|why| unfit(why.0))?;
    let moment = chrono::DateTime::from_timestamp_millis(milliseconds);
    moment.map(iso).ok_or_else(|| unfit("a date is expected"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |digit: u8| char::from(DIGITS[usize::from(digit)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    "\\x".chars().chain(digits).collect()
}

/// An array as PostgreSQL writes it: `{"a","b",NULL,{1,2}}`.
fn array(items: &[serde_json::Value]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| match item {
            serde_json::Value::Null => "NULL".to_owned(),
            serde_json::Value::Array(items) => array(items),
            serde_json::Value::String(text) => quoted(text),
            other => quoted(&other.to_string()),
        })
        .collect();
    format!("{{{}}}", items.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_adapter_ends_a_transaction() {
        for sql in [
            "begin",
            "/* a */ COMMIT",
            "-- b\nrollback to c",
            "PREPARE TRANSACTION 'd'",
            "; ;\ncommit",
            "-- e\rcommit",
        ] {
            assert!(know(sql).check_inside().is_err(), "{sql}");
            assert!(know(sql).check_outside().is_ok(), "{sql}");
        }
        assert!(know("SELECT 'commit'").check_inside().is_ok());
        assert!(know("copy a from stdin").check_outside().is_err());
        assert!(know(";copy a from stdin").check_outside().is_err());
    }

    #[test]
    fn a_statement_that_may_call_functions_may_change_its_session() {
        for sql in [
            "SELECT set_config('role', 'x', false)",
            "INSERT INTO a VALUES (1)",
            "SET a = 1",
        ] {
            assert_eq!(know(sql).leaves, Leaves::Session, "{sql}");
        }
        assert_eq!(know("DEALLOCATE ALL").leaves, Leaves::Unknown);
        assert_eq!(know(";DEALLOCATE ALL").leaves, Leaves::Unknown);
        assert_eq!(know("SHOW search_path").leaves, Leaves::Nothing);
    }

    #[test]
    fn arrays_are_written_as_postgresql_reads_them() {
        let items = serde_json::json!(["a\"b\\", null, 1, true, [2.5]]);
        let expected = r#"{"a\"b\\",NULL,"1","true",{"2.5"}}"#;
        assert_eq!(array(items.as_array().unwrap()), expected);
    }

    #[test]
    fn bytes_are_hexadecimal() {
        assert_eq!(hexadecimal(&[0, 0xab, 0xff]), "\\x00abff");
    }
}
