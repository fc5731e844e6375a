//! PostgreSQL, and what speaks its protocol, over tokio-postgres.

mod cells;
mod connection;
mod decode;
mod encode;
mod error;
mod own;
mod tls;
pub mod types;

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::Config as ConnectOptions;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::connection::{Connection, Facts};
use self::types::ColumnType;
use super::own::{Answer, Cell};
use super::server::{
    Address, Config, Driver, Executed, Failure, Isolation, Known, Share, Tables, Texts,
};
use super::words::Script;
use super::{Keep, Rows, Statement};
use crate::error::Error;
use crate::value::Value;

/// What texts of dates and times depend on.
const SESSION: [(&str, &str); 2] = [("TimeZone", "UTC"), ("DateStyle", "ISO")];

pub struct Postgres {
    options: ConnectOptions,
    /// Or what is wrong with what was given for it.
    tls: Result<MakeRustlsConnect, Error>,
    name: String,
    schema: Option<String>,
    prepare: bool,
    /// What follows the BEGIN of a transaction.
    settings: String,
}

impl Postgres {
    pub fn new(address: &Address, config: &Config) -> Self {
        let name = address.name("PostgreSQL");
        let mut options = ConnectOptions::new();
        options
            .host(address.socket.as_deref().unwrap_or(&address.host))
            .port(address.port)
            .user(&address.user)
            .dbname(&address.database)
            .application_name(&config.application_name)
            .ssl_mode(tls::ssl_mode(address.tls.mode));
        if let Some(password) = &address.password {
            options.password(password);
        }
        let timeout = config.statement_timeout().as_millis();
        let timeout = (timeout > 0).then(|| ("statement_timeout", timeout.to_string()));
        let settings = SESSION.map(|(name, value)| (name, value.to_owned()));
        let settings = settings.into_iter().chain(timeout);
        let mut more = String::new();
        if config.prepare {
            let settings = settings.map(|(name, value)| format!("-c {name}={value} "));
            options.options(settings.collect::<String>());
        } else {
            // A pooler passes on neither start-up options nor what a session has set.
            more.extend(settings.map(|(name, value)| format!("; SET LOCAL {name} = '{value}'")));
        }
        let tls = tls::config(&address.tls).map(MakeRustlsConnect::new);
        Self {
            options,
            tls: tls.map_err(|why| error::from_certificates(&*why, &name)),
            name,
            schema: config.schema.clone(),
            prepare: config.prepare,
            settings: more,
        }
    }
}

impl Driver for Postgres {
    type Connection = Connection;
    type Column = ColumnType;
    type Facts = Facts;

    const FAILURES_SPREAD: bool = true;
    const SHARE: Option<Share<Connection>> = Some(Connection::clone);

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let tls = self.tls.clone()?;
        Connection::open(&self.options, tls, self.schema.clone())
            .await
            .map_err(|error| error::from_connect(&error, &self.name))
    }

    async fn disconnect(connection: Connection) {
        connection.close().await;
    }

    fn is_open(connection: &Connection) -> bool {
        connection.is_open()
    }

    fn facts(connection: &Connection) -> &Facts {
        connection.facts()
    }

    async fn describe(
        &self,
        connection: &mut Connection,
        tables: &[&str],
    ) -> Result<Tables<ColumnType>, Failure> {
        const QUERY: &str = "SELECT wanted.place, attname::text, atttypid, \
            format_type(atttypid, atttypmod), \
            typname = 'citext' OR NOT coalesce(collisdeterministic, true) \
            FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place) \
            JOIN pg_attribute ON attrelid = to_regclass(wanted.name) \
            JOIN pg_type ON pg_type.oid = atttypid \
            LEFT JOIN pg_collation ON pg_collation.oid = attcollation \
            WHERE attnum > 0 AND NOT attisdropped";
        let quoted: Vec<String> = tables
            .iter()
            .map(|table| quoted(table, self.schema.as_deref()))
            .collect();
        let attempt = "reading how tables are built";
        let rows = ask(connection, QUERY, &[(&quoted, Type::TEXT_ARRAY)], attempt).await?;
        let failed = |error| error::from_server(&error, connection, attempt);
        let mut found: Tables<ColumnType> = Tables::new();
        for row in rows {
            let place: i64 = row.try_get(0).map_err(failed)?;
            let column: String = row.try_get(1).map_err(failed)?;
            let column_type = ColumnType {
                oid: row.try_get(2).map_err(failed)?,
                name: row.try_get(3).map_err(failed)?,
                loose: row.try_get(4).map_err(failed)?,
            };
            let table = tables[place as usize - 1];
            let columns = found.entry(table.to_owned()).or_default();
            columns.insert(column, column_type);
        }
        Ok(found)
    }

    async fn execute(
        &self,
        connection: &mut Connection,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Executed, Failure> {
        let arguments = encode::bind(statement, values)?;
        let types = || encode::types(statement);
        if !connection.is_open() {
            return Err(error::before_statement(connection, statement));
        }
        let client = connection.client();
        let answer = async {
            let rows = if self.prepare {
                let prepared = connection.prepared(&statement.sql, types).await?;
                client.query_raw(&prepared, arguments.iter()).await?
            } else {
                let typed = arguments.iter().zip(types());
                client.query_typed_raw(&statement.sql, typed).await?
            };
            collect(rows, statement).await
        };
        match answer.await {
            Ok(collected) => Ok(collected?),
            Err(failed) => {
                let failure = error::from_statement(&failed, connection, statement);
                if failure.error.sql_state.as_deref() == Some("0A000") {
                    // A plan of a table that has changed; it is among this connection's.
                    connection.forget_statements();
                }
                Err(failure)
            }
        }
    }

    async fn control(
        &self,
        connection: &mut Connection,
        sql: &str,
        attempt: &str,
    ) -> Result<(), Failure> {
        let answer = connection.client().batch_execute(sql).await;
        answer.map_err(|error| error::from_server(&error, connection, attempt))
    }

    async fn fetch(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[&str],
    ) -> Result<Vec<Texts>, Failure> {
        let attempt = "reading about the database";
        let values: Vec<Given> = values.iter().map(|text| (text as _, Type::TEXT)).collect();
        let rows = ask(connection, sql, &values, attempt).await?;
        let cells = |row: &Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        let texts: Result<Vec<Texts>, _> = rows.iter().map(cells).collect();
        texts.map_err(|error| error::from_server(&error, connection, attempt))
    }

    const RESET: &'static str = own::RESET;

    const SCRIPT: Script = Script::Postgres;

    fn know(&self, sql: &str) -> Known {
        own::know(sql)
    }

    async fn run_own(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[Cell],
    ) -> Result<Answer, Failure> {
        own::run(connection, sql, values).await
    }

    fn begin(&self, isolation: Option<Isolation>) -> String {
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(isolation.sql());
        }
        sql.push_str(&self.settings);
        sql
    }

    fn always_in_transaction(&self) -> bool {
        !self.prepare
    }
}

type Given<'v> = (&'v (dyn ToSql + Sync), Type);

/// Runs a statement without keeping it prepared.
async fn ask(
    connection: &Connection,
    sql: &str,
    values: &[Given<'_>],
    attempt: &str,
) -> Result<Vec<Row>, Failure> {
    let rows = connection.client().query_typed(sql, values).await;
    rows.map_err(|error| error::from_server(&error, connection, attempt))
}

/// Reads the answer to its end even when only the first row is kept, and after a cell that cannot
/// be decoded: what is told at the end, a failure it may be, is a part of it.
async fn collect(
    rows: RowStream,
    statement: &Statement,
) -> Result<crate::error::Result<Executed>, tokio_postgres::Error> {
    let mut cells = Rows::new();
    let mut undecodable = None;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await? {
        if statement.keep == Keep::First && !cells.is_empty() {
            continue;
        }
        if let Err(error) = decode::decode(&row, statement, &mut cells) {
            undecodable.get_or_insert(error);
        }
    }
    if let Some(error) = undecodable {
        return Ok(Err(error));
    }
    if statement.keep == Keep::Changes {
        let changes = rows.rows_affected().unwrap_or(0);
        cells.push(Value::Integer(changes as i64));
    }
    Ok(Ok(Executed {
        rows: cells,
        new_id: None,
    }))
}

/// A table's name as `to_regclass` reads it.
fn quoted(table: &str, schema: Option<&str>) -> String {
    let (schema, table) = match table.split_once('.') {
        Some((schema, table)) => (Some(schema), table),
        None => (schema, table),
    };
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}
