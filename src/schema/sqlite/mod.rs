//! SQLite, inside the transaction of the caller.

mod foreign_key;
mod introspect;

use futures_util::FutureExt;
use rusqlite::params_from_iter;
use rusqlite::types::ValueRef;

use super::existing::Existing;
use super::life::{self, Request};
use super::script::REMARK;
use super::site::{Site, Visit};
use crate::engine::server::Texts;
use crate::engine::sqlite::{Connection, from_control};
use crate::error::{Code, Error, Result};
use crate::sql::{self, Builder, Dialect};

const DIALECT: sql::Sqlite = sql::Sqlite;

/// What its statements are for.
const ATTEMPT: &str = "reading or changing the schema";

/// Does what is asked for, and answers as JSON.
pub fn answer(connection: &mut Connection, request: &Request) -> Result<String> {
    at_once(life::answer(&mut Inside(connection), request))
}

/// What is done inside waits for nothing.
pub fn at_once<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = work.now_or_never();
    answer.unwrap_or_else(|| Err(Error::new(Code::Internal, "SQLite kept somebody waiting")))
}

pub struct Inside<'c>(pub &'c mut Connection);

impl Site for Inside<'_> {
    fn dialect(&self) -> Box<dyn Dialect> {
        Box::new(DIALECT)
    }

    fn is_stepwise(&self, _visit: Visit) -> bool {
        false
    }

    async fn enter(&mut self, _visit: Visit) -> Result<()> {
        Ok(())
    }

    async fn leave(&mut self, _visit: Visit, _kept: bool) -> Result<()> {
        Ok(())
    }

    async fn read(&mut self, tables: &[&str]) -> Result<Existing> {
        introspect::read(self.0, tables)
    }

    async fn run(&mut self, statement: &str) -> Result<()> {
        if let Some(remark) = statement.strip_prefix(REMARK) {
            return foreign_key::change(self.0, remark);
        }
        let done = self.0.raw().execute_batch(statement);
        done.map_err(|error| from_control(&error, ATTEMPT, self.0.raw()))
    }

    async fn fetch(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Texts>> {
        let failed = |error| from_control(&error, ATTEMPT, self.0.raw());
        let mut statement = self.0.raw().prepare(sql).map_err(failed)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            (0..columns)
                .map(|index| Ok(text(row.get_ref(index)?)))
                .collect()
        });
        rows.and_then(Iterator::collect).map_err(failed)
    }

    async fn strangers(&mut self, tables: &[&str]) -> Result<Vec<String>> {
        const QUERY: &str = "SELECT DISTINCT \"table\".name, key.\"table\" FROM sqlite_schema AS \
            \"table\" JOIN pragma_foreign_key_list(\"table\".name) AS key WHERE type = 'table'";
        let own = |name: &str| tables.iter().any(|table| DIALECT.same_name(table, name));
        let rows = self.fetch(QUERY, &[]).await?;
        let strangers = rows.into_iter().filter_map(|row| match &row[..] {
            [Some(from), Some(to)] if own(to) && !own(from) => Some(from.clone()),
            _ => None,
        });
        Ok(strangers.collect())
    }

    async fn drop_tables(&mut self, tables: &[&str]) -> Result<()> {
        self.for_each("DROP TABLE ", tables).await
    }

    async fn empty_tables(&mut self, tables: &[&str]) -> Result<()> {
        self.for_each("DELETE FROM ", tables).await
    }
}

impl Inside<'_> {
    async fn for_each(&mut self, what: &str, tables: &[&str]) -> Result<()> {
        for table in tables {
            let mut sql = Builder::new(&DIALECT);
            sql.sql(what).table(table);
            self.run(&sql.finish().0).await?;
        }
        Ok(())
    }
}

fn text(cell: ValueRef) -> Option<String> {
    match cell {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(integer.to_string()),
        ValueRef::Real(real) => Some(real.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}
