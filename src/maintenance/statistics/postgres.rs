//! PostgreSQL: its statistics views, which everybody may read, and pg_stat_statements.

use super::{IndexUse, Slow, Survey, Surveys, TableSize, number, real};
use crate::engine::postgres::Postgres;
use crate::error::{Code, Result};
use crate::schema::{Session, Site};
use crate::sql::{Builder, Dialect};

/// The tables, in places counted from 1.
const WANTED: &str = "json_array_elements_text($1::json) WITH ORDINALITY AS wanted (name, place)";

/// Statements that are read; those of other tables are among them.
const READ: usize = 500;

impl Surveys for Postgres {
    async fn survey(session: &mut Session<'_, Self>, tables: &[&str], slow: f64) -> Result<Survey> {
        const ABOUT: &str = "SELECT current_setting('server_version'), \
            (SELECT to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
            FROM pg_stat_database WHERE datname = current_database()), \
            current_setting('track_counts'), pg_database_size(current_database())::text";
        let about = session.fetch(ABOUT, &[]).await?.pop().unwrap_or_default();
        let cell = |at: usize| about.get(at).cloned().flatten();
        let names = quoted(&*session.dialect(), tables);
        let index_usage = match cell(2).as_deref() {
            Some("on") => Ok(()),
            _ => Err("the server does not count uses: track_counts is off".to_owned()),
        };
        Ok(Survey {
            engine: "postgres",
            version: cell(0).unwrap_or_default(),
            since: cell(1),
            bytes: cell(3).and_then(|bytes| bytes.parse().ok()),
            counted: false,
            tables: table_sizes(session, tables, &names).await?,
            table_sizes: Ok(()),
            indexes: indexes(session, tables, &names, index_usage.is_ok()).await?,
            index_sizes: Ok(()),
            index_usage,
            statements: statements(session, slow).await,
        })
    }

    async fn analyze(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        session.run("SET statement_timeout = 0").await?;
        for table in tables {
            let dialect = session.dialect();
            let mut sql = Builder::new(&*dialect);
            sql.sql("ANALYZE ").table(table);
            let sql = sql.finish().0;
            session.run(&sql).await?;
        }
        Ok(())
    }

    /// By its name: it answers one expression, which nobody writes by chance.
    async fn full_text(
        session: &mut Session<'_, Self>,
        table: &str,
        name: &str,
        _columns: &[String],
    ) -> Result<Option<Vec<String>>> {
        let query = format!(
            "SELECT relname::text FROM {WANTED} JOIN pg_index ON indrelid = to_regclass(wanted.name) \
             JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam \
             WHERE relname = $2 AND amname = 'gin' AND indisvalid"
        );
        let names = quoted(&*session.dialect(), &[table]);
        let found = session.fetch(&query, &[&names, name]).await?;
        Ok((!found.is_empty()).then(|| vec![name.to_owned()]))
    }
}

/// As `to_regclass` reads them, so that the search path counts; a list in JSON.
fn quoted(dialect: &dyn Dialect, tables: &[&str]) -> String {
    let quoted = tables.iter().map(|table| {
        let mut sql = Builder::new(dialect);
        sql.table(table);
        sql.finish().0
    });
    serde_json::Value::from(quoted.collect::<Vec<_>>()).to_string()
}

fn name_at(tables: &[&str], place: Option<&String>) -> String {
    let place = number(place) as usize;
    let name = tables.get(place.wrapping_sub(1));
    name.map_or_else(String::new, ToString::to_string)
}

async fn table_sizes(
    session: &mut Session<'_, Postgres>,
    tables: &[&str],
    names: &str,
) -> Result<Vec<TableSize>> {
    let query = format!(
        "SELECT place::text, GREATEST(reltuples::bigint, n_live_tup, 0)::text, \
         pg_table_size(pg_class.oid)::text, pg_indexes_size(pg_class.oid)::text, \
         coalesce(seq_scan, 0)::text, \
         (coalesce(last_analyze, last_autoanalyze) IS NOT NULL)::text \
         FROM {WANTED} JOIN pg_class ON pg_class.oid = to_regclass(wanted.name) \
         LEFT JOIN pg_stat_all_tables ON relid = pg_class.oid \
         WHERE relkind IN ('r', 'p') ORDER BY place"
    );
    let rows = session.fetch(&query, &[names]).await?;
    let sizes = rows.into_iter().map(|row| TableSize {
        table: name_at(tables, row[0].as_ref()),
        rows: number(row[1].as_ref()),
        bytes: Some(number(row[2].as_ref())),
        index_bytes: Some(number(row[3].as_ref())),
        scans: number(row[4].as_ref()),
        analyzed: Some(row[5].as_deref() == Some("true")),
    });
    Ok(sizes.collect())
}

async fn indexes(
    session: &mut Session<'_, Postgres>,
    tables: &[&str],
    names: &str,
    counted: bool,
) -> Result<Vec<IndexUse>> {
    let query = format!(
        "SELECT place::text, pg_class.relname::text, indisunique::text, \
         pg_relation_size(pg_class.oid)::text, coalesce(idx_scan, 0)::text, \
         (SELECT json_agg(coalesce(attname::text, pg_get_indexdef(pg_class.oid, part::int, true)) \
         ORDER BY part) FROM generate_series(1, indnkeyatts) AS part LEFT JOIN pg_attribute \
         ON attrelid = indrelid AND attnum = indkey[part - 1] AND attnum > 0)::text \
         FROM {WANTED} JOIN pg_index ON indrelid = to_regclass(wanted.name) \
         JOIN pg_class ON pg_class.oid = indexrelid \
         LEFT JOIN pg_stat_all_indexes AS used ON used.indexrelid = pg_class.oid \
         ORDER BY place, pg_class.relname"
    );
    let rows = session.fetch(&query, &[names]).await?;
    let indexes = rows.into_iter().map(|row| IndexUse {
        table: name_at(tables, row[0].as_ref()),
        index: row[1].clone().unwrap_or_default(),
        unique: row[2].as_deref() == Some("true"),
        bytes: Some(number(row[3].as_ref())),
        uses: counted.then(|| number(row[4].as_ref())),
        columns: row[5]
            .as_deref()
            .and_then(|columns| serde_json::from_str(columns).ok())
            .unwrap_or_default(),
        usage: None,
    });
    Ok(indexes.collect())
}

/// Of other users, the server tells no text to who may not read it.
async fn statements(session: &mut Session<'_, Postgres>, slow: f64) -> Result<Vec<Slow>, String> {
    const VIEW: &str = "SELECT quote_ident(nspname) || '.pg_stat_statements' FROM pg_extension \
        JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'";
    let found = session.fetch(VIEW, &[]).await;
    let found = found.map_err(|error| error.message.clone())?;
    let Some(view) = found.into_iter().flatten().flatten().next() else {
        return Err(
            "the extension pg_stat_statements is not there: it takes shared_preload_libraries = \
             'pg_stat_statements' and CREATE EXTENSION pg_stat_statements"
                .to_owned(),
        );
    };
    let query = format!(
        "SELECT query, calls::text, mean_exec_time::text, max_exec_time::text, \
         total_exec_time::text, rows::text FROM {view} WHERE dbid = \
         (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND mean_exec_time >= CAST($1 AS double precision) \
         ORDER BY total_exec_time DESC LIMIT {READ}"
    );
    let rows = session.fetch(&query, &[&slow.to_string()]).await;
    let rows = rows.map_err(|error| match error.code {
        Code::PermissionDenied => {
            "this user may not read pg_stat_statements: GRANT pg_read_all_stats TO it".to_owned()
        }
        _ => format!(
            "pg_stat_statements cannot be read: {}",
            error.cause.as_deref().unwrap_or(&error.message)
        ),
    })?;
    let statements = rows.into_iter().map(|row| Slow {
        statement: row[0].clone().unwrap_or_default(),
        calls: number(row[1].as_ref()),
        mean_ms: real(row[2].as_ref()),
        max_ms: real(row[3].as_ref()),
        total_ms: real(row[4].as_ref()),
        rows: number(row[5].as_ref()),
    });
    Ok(statements.collect())
}
