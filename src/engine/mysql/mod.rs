//! MySQL and MariaDB, over sqlx's connections.

mod decode;
mod encode;
mod error;
mod leaves;
pub mod listing;
mod own;
pub mod types;

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Either, Executor, Row};

use self::types::ColumnType;
use super::own::{Answer, Cell};
use super::server::{
    Address, Config, Driver, Executed, Failure, Fate, Isolation, Known, Tables, Texts, TlsMode,
};
use super::words::Script;
use super::{Keep, Rows, Statement};
use crate::error::Code;
use crate::value::Value;

/// Distinct statements kept prepared per connection. Every shape of operation is one, and an
/// application has a few dozen; the server counts those of all connections.
const PREPARED_STATEMENTS: usize = 256;

pub struct MySql {
    options: MySqlConnectOptions,
    name: String,
    prepare: bool,
    /// Whether it is reached by a Unix socket, without TLS.
    by_open_socket: bool,
    /// What makes a new session, and reads what kind of server it is with.
    session: String,
}

pub struct Connection {
    raw: MySqlConnection,
    facts: Facts,
    /// As lower_case_table_names: 0 where the names of tables differ in case.
    folds_names: bool,
    /// Whether waiting too long for a lock ends the transaction.
    rolls_back_on_timeout: bool,
}

/// What statements depend on besides the tables.
pub struct Facts {
    pub mariadb: bool,
    /// Whether it knows SKIP LOCKED.
    pub skips_locked: bool,
}

impl MySql {
    pub fn new(address: &Address, config: &Config) -> Self {
        let tls = &address.tls;
        let mut options = MySqlConnectOptions::new()
            .host(&address.host)
            .port(address.port)
            .username(&address.user)
            .database(&address.database)
            .statement_cache_capacity(PREPARED_STATEMENTS)
            // All of the session is set in one go, when the connection is there.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            .ssl_mode(match tls.mode {
                TlsMode::Disable => MySqlSslMode::Disabled,
                TlsMode::Prefer => MySqlSslMode::Preferred,
                TlsMode::Encrypt => MySqlSslMode::Required,
                TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
                TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
            })
            .disable_statement_logging();
        if let Some(socket) = &address.socket {
            options = options.socket(socket);
        }
        if let Some(password) = &address.password {
            options = options.password(password);
        }
        if let Some(ca) = &tls.ca {
            options = options.ssl_ca_from_pem(ca.clone().into_bytes());
        }
        if let Some(cert) = &tls.cert {
            options = options.ssl_client_cert_from_pem(cert);
        }
        if let Some(key) = &tls.key {
            options = options.ssl_client_key_from_pem(key);
        }
        Self {
            options,
            name: address.name("MySQL"),
            prepare: config.prepare,
            by_open_socket: address.socket.is_some() && tls.mode == TlsMode::Disable,
            session: session(config.statement_timeout()),
        }
    }

    /// By a socket, a server takes a password that it has not in its memory as it is, and sqlx
    /// sends it so over TLS alone.
    async fn reach(&self) -> sqlx::Result<MySqlConnection> {
        match self.options.connect().await {
            Err(refused) if self.by_open_socket && error::is_access_denied(&refused) => {
                let sealed = self.options.clone().ssl_mode(MySqlSslMode::Preferred);
                sealed.connect().await
            }
            result => result,
        }
    }

    /// The columns of a key: what a duplicate is a duplicate of.
    async fn key_columns(
        &self,
        connection: &mut Connection,
        table: &str,
        key: &str,
    ) -> sqlx::Result<Vec<String>> {
        const QUERY: &str = "SELECT CAST(column_name AS CHAR) FROM information_schema.statistics \
            WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND index_name = ? \
            ORDER BY seq_in_index";
        let (schema, table) = qualified(table);
        let query = sqlx::query(QUERY)
            .bind(schema)
            .bind(table)
            .bind(key)
            .persistent(false);
        let rows = connection.raw.fetch_all(query).await?;
        rows.iter().map(|row| text(row, 0)).collect()
    }
}

/// Variables that only one of the two has stand in comments that the other one does not read.
fn session(statement_timeout: Duration) -> String {
    let mut sql = "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, completion_type = 0, \
        sql_safe_updates = 0, sql_select_limit = DEFAULT, lc_messages = 'en_US', \
        group_concat_max_len = 4294967295, sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,\
        ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION,\
        NO_AUTO_VALUE_ON_ZERO' /*!80000 ',TIME_TRUNCATE_FRACTIONAL' */"
        .to_owned();
    if !statement_timeout.is_zero() {
        let milliseconds = statement_timeout.as_millis();
        let seconds = milliseconds.div_ceil(1000);
        let fraction = statement_timeout.as_secs_f64();
        sql.push_str(&format!(
            ", innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds} \
             /*!80000 , max_execution_time = {milliseconds} */ \
             /*M!100100 , max_statement_time = {fraction} */"
        ));
    }
    sql.push_str(
        "; SELECT VERSION() LIKE '%MariaDB%', @@lower_case_table_names <> 0, \
         @@innodb_rollback_on_timeout, VERSION()",
    );
    sql
}

impl Driver for MySql {
    type Connection = Connection;
    type Column = ColumnType;
    type Facts = Facts;

    const FAILURES_SPREAD: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let unreachable = |error| error::from_connect(&error, &self.name);
        let mut raw = self.reach().await.map_err(unreachable)?;
        let session = sqlx::raw_sql(AssertSqlSafe(self.session.as_str()));
        let rows = raw.fetch_all(session).await.map_err(unreachable)?;
        let told = |index| -> sqlx::Result<String> {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            text(row, index)
        };
        let is_set = |index| -> sqlx::Result<bool> { Ok(told(index)? == "1") };
        let mariadb = is_set(0).map_err(unreachable)?;
        let version = told(3).map_err(unreachable)?;
        let facts = Facts {
            mariadb,
            skips_locked: skips_locked(mariadb, &version),
        };
        Ok(Connection {
            raw,
            facts,
            folds_names: is_set(1).map_err(unreachable)?,
            rolls_back_on_timeout: is_set(2).map_err(unreachable)?,
        })
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
        // MariaDB opens one table for each of these, and every table there is for an OR of them.
        const QUERY: &str = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), \
            CAST(data_type AS CHAR), CAST(collation_name AS CHAR), CAST(extra AS CHAR), \
            CAST(column_default AS CHAR), CAST(? AS SIGNED) FROM information_schema.columns \
            WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";
        let sql = vec![QUERY; tables.len()].join(" UNION ALL ");
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for (place, table) in tables.iter().enumerate() {
            let (schema, table) = qualified(table);
            query = query.bind(place as i64).bind(schema).bind(table);
        }
        let failed = |error| error::from_server(&error, "reading how tables are built");
        let rows = connection.raw.fetch_all(query).await.map_err(failed)?;
        let mut found: Tables<ColumnType> = Tables::new();
        for row in rows {
            let place: i64 = row.try_get(6).map_err(failed)?;
            let table = tables[place as usize];
            let name = text(&row, 0).map_err(failed)?;
            if name != qualified(table).1 && !connection.folds_names {
                continue;
            }
            let column = text(&row, 1).map_err(failed)?;
            let columns = found.entry(table.to_owned()).or_default();
            columns.insert(column.to_lowercase(), column_type(&row));
        }
        Ok(found)
    }

    async fn execute(
        &self,
        connection: &mut Connection,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Executed, Failure> {
        let (sql, arguments) = encode::bind(statement, values)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(self.prepare);
        let failed = match collect(&mut connection.raw, query, statement).await {
            Ok(collected) => return Ok(collected?),
            Err(failed) => failed,
        };
        let mut failure = error::from_statement(&failed, statement);
        if failure.error.code == Code::DatabaseLocked && connection.rolls_back_on_timeout {
            failure.fate = Fate::Conflict { whole: true };
        }
        if let Some(key) = error::duplicate_key(&failed) {
            // Only what the error tells depends on it.
            let columns = self.key_columns(connection, &statement.table, key).await;
            error::name_key(&mut failure, statement, &columns.unwrap_or_default());
        }
        Err(failure)
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
        // Closing a statement is a packet without an answer, which the next one waits 40 ms behind.
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(true);
        for value in values {
            query = query.bind(*value);
        }
        let failed = |error| error::from_server(&error, "reading about the database");
        let rows = connection.raw.fetch_all(query).await.map_err(failed)?;
        let cells = |row: &MySqlRow| {
            (0..row.len())
                .map(|index| row.try_get_unchecked(index))
                .collect()
        };
        let texts: sqlx::Result<Vec<Texts>> = rows.iter().map(cells).collect();
        texts.map_err(failed)
    }

    // Nothing does; see `leaves`.
    const RESET: &'static str = "ROLLBACK";

    const SCRIPT: Script = Script::MySql;

    fn know(&self, sql: &str) -> Known {
        leaves::know(sql)
    }

    async fn run_own(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[Cell],
    ) -> Result<Answer, Failure> {
        let mut result = own::run(&mut connection.raw, sql, values).await;
        if let Err(failure) = &mut result
            && failure.error.code == Code::DatabaseLocked
            && connection.rolls_back_on_timeout
        {
            failure.fate = Fate::Conflict { whole: true };
        }
        result
    }

    fn begin(&self, isolation: Option<Isolation>) -> String {
        match isolation {
            Some(isolation) => format!(
                "SET TRANSACTION ISOLATION LEVEL {}; START TRANSACTION",
                isolation.sql()
            ),
            None => "START TRANSACTION".to_owned(),
        }
    }
}

/// Reads the answer to its end even when only the first row is kept, and after a cell that cannot
/// be decoded: the connection goes on to the next caller.
async fn collect(
    raw: &mut MySqlConnection,
    query: sqlx::query::Query<'_, sqlx::MySql, MySqlArguments>,
    statement: &Statement,
) -> sqlx::Result<crate::error::Result<Executed>> {
    let mut cells = Rows::new();
    let mut changes = 0;
    let mut new_id = None;
    let mut undecodable = None;
    let mut results = raw.fetch_many(query);
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Left(done) => {
                changes += done.rows_affected();
                new_id = Some(done.last_insert_id());
            }
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
        new_id,
    }))
}

/// How the column is built that this row of the catalogue is about.
fn column_type(row: &MySqlRow) -> ColumnType {
    let extra = text(row, 4).unwrap_or_default();
    let expression = text(row, 5).ok();
    ColumnType {
        family: types::family(&text(row, 2).unwrap_or_default()),
        collation: types::collation(text(row, 3).ok().as_deref()),
        expression: expression
            .filter(|_| extra.contains("DEFAULT_GENERATED"))
            .map(|expression| unescaped(&expression)),
    }
}

/// An expression as SQL has it: the catalogue writes it as if it were inside of quotes.
fn unescaped(expression: &str) -> String {
    let mut sql = String::with_capacity(expression.len());
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        sql.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(escaped) => escaped,
                None => '\\',
            },
            _ => character,
        });
    }
    sql
}

/// The schema, where it is told, and the name of a table.
fn qualified(table: &str) -> (Option<&str>, &str) {
    match table.split_once('.') {
        Some((schema, table)) => (Some(schema), table),
        None => (None, table),
    }
}

/// Whether a server of that version knows SKIP LOCKED. Some of MariaDB's put `5.5.5-` before it.
fn skips_locked(mariadb: bool, version: &str) -> bool {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    let mut next = || -> u32 {
        numbers
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    let version = (next(), next(), next());
    version >= if mariadb { (10, 6, 0) } else { (8, 0, 1) }
}

/// A cell of the catalogue, whatever type the server takes it for.
fn text(row: &MySqlRow, index: usize) -> sqlx::Result<String> {
    row.try_get_unchecked(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_expressions_are_read_as_they_were_written() {
        let told = r"concat(_utf8mb4\'it\\\'s \',uuid(),_utf8mb4\'a\\\\b\')";
        let expected = r"concat(_utf8mb4'it\'s ',uuid(),_utf8mb4'a\\b')";
        assert_eq!(unescaped(told), expected);
    }

    #[test]
    fn only_newer_servers_skip_locked_rows() {
        assert!(skips_locked(false, "8.0.36-0ubuntu0.22.04.1"));
        assert!(skips_locked(false, "9.7.0"));
        assert!(!skips_locked(false, "5.7.44-log"));
        assert!(skips_locked(true, "5.5.5-10.11.6-MariaDB-0+deb12u1"));
        assert!(skips_locked(true, "11.8.2-MariaDB"));
        assert!(!skips_locked(true, "10.5.22-MariaDB"));
    }

    #[test]
    fn limits_are_in_milliseconds_for_mysql_and_in_seconds_for_mariadb() {
        let sql = session(Duration::from_millis(1_500));
        for part in [
            "innodb_lock_wait_timeout = 2",
            "/*!80000 , max_execution_time = 1500 */",
            "/*M!100100 , max_statement_time = 1.5 */",
        ] {
            assert!(sql.contains(part), "{sql}");
        }
        assert!(!session(Duration::ZERO).contains("_wait_timeout"));
    }
}
