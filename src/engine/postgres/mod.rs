//! PostgreSQL, and what speaks its protocol, over sqlx's connections.

mod decode;
mod encode;
mod error;
pub mod types;

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Either, Executor, Row};

use self::types::ColumnType;
use super::server::{
    Address, Config, Driver, Executed, Failure, Isolation, Tables, Texts, TlsMode,
};
use super::{Keep, Rows, Statement};
use crate::value::Value;

/// Distinct statements kept prepared per connection. Every shape of operation is one, and an
/// application has a few dozen; closing one that is pushed out costs a round trip.
const PREPARED_STATEMENTS: usize = 512;

pub struct Postgres {
    options: PgConnectOptions,
    name: String,
    schema: Option<String>,
    prepare: bool,
    statement_timeout: Duration,
}

pub struct Connection {
    raw: PgConnection,
    facts: Facts,
}

/// What statements depend on besides the tables.
pub struct Facts {
    pub schema: Option<String>,
    /// A collation whose lower case is Unicode's, where the database's own knows ASCII only.
    pub folding: Option<String>,
}

impl Postgres {
    pub fn new(address: &Address, config: &Config) -> Self {
        let tls = &address.tls;
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&address.host)
            .port(address.port)
            .username(&address.user)
            .database(&address.database)
            .application_name(&config.application_name)
            .statement_cache_capacity(PREPARED_STATEMENTS)
            // Floats cross in binary; and poolers refuse parameters that they do not know.
            .extra_float_digits(None)
            .ssl_mode(match tls.mode {
                TlsMode::Disable => PgSslMode::Disable,
                TlsMode::Prefer => PgSslMode::Prefer,
                TlsMode::Encrypt => PgSslMode::Require,
                TlsMode::VerifyCa => PgSslMode::VerifyCa,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            })
            .disable_statement_logging();
        if let Some(socket) = &address.socket {
            options = options.socket(socket);
        }
        if let Some(password) = &address.password {
            options = options.password(password);
        }
        if let Some(ca) = &tls.ca {
            options = options.ssl_root_cert_from_pem(ca.clone().into_bytes());
        }
        if let Some(cert) = &tls.cert {
            options = options.ssl_client_cert_from_pem(cert);
        }
        if let Some(key) = &tls.key {
            options = options.ssl_client_key_from_pem(key);
        }
        let statement_timeout = config.statement_timeout();
        if config.prepare && !statement_timeout.is_zero() {
            let milliseconds = statement_timeout.as_millis().to_string();
            options = options.options([("statement_timeout", milliseconds)]);
        }
        Self {
            options,
            name: address.name("PostgreSQL"),
            schema: config.schema.clone(),
            prepare: config.prepare,
            statement_timeout,
        }
    }

    /// Whether the database folds letters that are not ASCII, and else a collation that does.
    async fn folding(&self, raw: &mut PgConnection) -> sqlx::Result<Option<String>> {
        const QUERY: &str = "SELECT CASE WHEN lower('Ä') <> 'ä' THEN \
            (SELECT collname::text FROM pg_collation \
             WHERE collname IN ('und-x-icu', 'pg_c_utf8', 'C.utf8', 'en_US.utf8') \
             AND pg_collation_is_visible(oid) \
             ORDER BY array_position(ARRAY['und-x-icu', 'pg_c_utf8', 'C.utf8'], collname::text) \
             LIMIT 1) END";
        let row: PgRow = raw.fetch_one(sqlx::raw_sql(QUERY)).await?;
        row.try_get(0)
    }
}

impl Driver for Postgres {
    type Connection = Connection;
    type Column = ColumnType;
    type Facts = Facts;

    const FAILURES_SPREAD: bool = true;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let unreachable = |error| error::from_connect(&error, &self.name);
        let mut raw = self.options.connect().await.map_err(unreachable)?;
        let folding = self.folding(&mut raw).await.map_err(unreachable)?;
        let schema = self.schema.clone();
        let facts = Facts { schema, folding };
        Ok(Connection { raw, facts })
    }

    async fn disconnect(connection: Connection) {
        // Whoever is left without a goodbye notices by itself.
        let _ = connection.raw.close().await;
    }

    fn facts(connection: &Connection) -> &Facts {
        &connection.facts
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
        let query = sqlx::query(QUERY).bind(quoted).persistent(self.prepare);
        let failed = |error| error::from_server(&error, "reading how tables are built");
        let rows = connection.raw.fetch_all(query).await.map_err(failed)?;
        let mut found: Tables<ColumnType> = Tables::new();
        for row in rows {
            let place: i64 = row.try_get(0).map_err(failed)?;
            let column: String = row.try_get(1).map_err(failed)?;
            let oid: sqlx::postgres::types::Oid = row.try_get(2).map_err(failed)?;
            let column_type = ColumnType {
                oid: oid.0,
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
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), arguments)
            .persistent(self.prepare);
        let result = collect(&mut connection.raw, query, statement).await;
        match result {
            Ok(collected) => Ok(collected?),
            Err(failed) => {
                let failure = error::from_statement(&failed, statement);
                if failure.error.sql_state.as_deref() == Some("0A000") {
                    // A plan of a table that has changed; it is in this connection's cache.
                    let cleared = connection.raw.clear_cached_statements().await;
                    cleared.map_err(|error| error::from_server(&error, "forgetting a plan"))?;
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
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        connection
            .raw
            .execute(statements)
            .await
            .map(drop)
            .map_err(|error| error::from_server(&error, attempt))
    }

    async fn fetch(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[&str],
    ) -> Result<Vec<Texts>, Failure> {
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in values {
            query = query.bind(*value);
        }
        let failed = |error| error::from_server(&error, "reading about the database");
        let rows = connection.raw.fetch_all(query).await.map_err(failed)?;
        let cells = |row: &PgRow| (0..row.len()).map(|index| row.try_get(index)).collect();
        let texts: sqlx::Result<Vec<Texts>> = rows.iter().map(cells).collect();
        texts.map_err(failed)
    }

    async fn query(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[Value],
    ) -> Result<(Vec<String>, Rows), Failure> {
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in values {
            query = match value {
                Value::Null | Value::List(_) => query.bind(None::<String>),
                Value::Boolean(boolean) => query.bind(*boolean),
                Value::Integer(integer) | Value::Timestamp(integer) => query.bind(*integer),
                Value::Real(real) => query.bind(*real),
                Value::Text(text) => query.bind(text),
            };
        }
        let failed = |error| error::from_server(&error, "a statement");
        let rows = connection.raw.fetch_all(query).await.map_err(failed)?;
        let columns = rows.first().map_or(Vec::new(), |row: &PgRow| {
            let columns = row.columns().iter();
            columns.map(|column| column.name().to_owned()).collect()
        });
        let mut cells = Rows::new();
        for row in &rows {
            decode::as_it_is(row, &mut cells)?;
        }
        Ok((columns, cells))
    }

    fn begin(&self, isolation: Option<Isolation>) -> String {
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(isolation.sql());
        }
        if !self.prepare && !self.statement_timeout.is_zero() {
            // A pooler passes on neither start-up options nor what a session has set.
            let milliseconds = self.statement_timeout.as_millis();
            sql.push_str(&format!("; SET LOCAL statement_timeout = {milliseconds}"));
        }
        sql
    }

    fn always_in_transaction(&self) -> bool {
        !self.prepare
    }
}

/// Reads the answer to its end even when only the first row is kept, and after a cell that cannot
/// be decoded: the connection goes on to the next caller.
async fn collect(
    raw: &mut PgConnection,
    query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    statement: &Statement,
) -> sqlx::Result<crate::error::Result<Executed>> {
    let mut cells = Rows::new();
    let mut changes = 0;
    let mut undecodable = None;
    let mut results = raw.fetch_many(query);
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Left(done) => changes += done.rows_affected(),
            Either::Right(row) => {
                if statement.keep == Keep::First && !cells.is_empty() {
                    continue;
                }
                if let Err(error) = decode::decode(&row, statement, &mut cells) {
                    undecodable.get_or_insert(error);
                }
            }
        }
    }
    if let Some(error) = undecodable {
        return Ok(Err(error));
    }
    if statement.keep == Keep::Changes {
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
