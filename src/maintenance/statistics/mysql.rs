//! MySQL and MariaDB: their catalogue, and what performance_schema keeps where it is on and may be
//! read.

use std::collections::HashMap;

use super::{IndexUse, Slow, Survey, Surveys, TableSize, number, real};
use crate::engine::mysql::MySql;
use crate::error::{Code, Error, Result};
use crate::schema::servers::mysql::read;
use crate::schema::{Session, Site, moment_before};
use crate::sql::Builder;

/// Statements that are read; those of other tables are among them.
const READ: usize = 500;

/// The index that stands for none, in performance_schema.
const NONE: &str = "";

impl Surveys for MySql {
    async fn survey(session: &mut Session<'_, Self>, tables: &[&str], slow: f64) -> Result<Survey> {
        const ABOUT: &str = "SELECT VERSION(), IF(@@performance_schema, '1', '0')";
        let about = session.fetch(ABOUT, &[]).await?.pop().unwrap_or_default();
        let cell = |at: usize| about.get(at).cloned().flatten().unwrap_or_default();
        let (version, watches) = (cell(0), cell(1) == "1");
        let mariadb = version.contains("MariaDB");
        if !mariadb {
            // Otherwise it tells what it found up to a day ago; databases that only speak MySQL's
            // protocol need not know the setting.
            let fresh = "SET SESSION information_schema_stats_expiry = 0";
            let _ = session.run(fresh).await;
        }
        let mut sizes = table_sizes(session, tables).await?;
        let mut indexes = indexes(session, tables).await?;
        let index_sizes = measure(session, tables, &mut indexes).await;
        let off = || "performance_schema is off; it is set when the server starts".to_owned();
        let index_usage = match watches {
            true => count_uses(session, tables, &mut sizes, &mut indexes).await,
            false => Err(off()),
        };
        let statements = match watches {
            true => statements(session, slow).await,
            false => Err(off()),
        };
        let total = |bytes: i64, table: &TableSize| {
            bytes + table.bytes.unwrap_or(0) + table.index_bytes.unwrap_or(0)
        };
        let bytes = sizes.iter().fold(0, total);
        Ok(Survey {
            engine: if mariadb { "mariadb" } else { "mysql" },
            since: started(session).await?,
            bytes: Some(bytes),
            counted: false,
            table_sizes: Ok(()),
            tables: sizes,
            indexes,
            index_sizes,
            index_usage,
            statements,
            version,
        })
    }

    async fn analyze(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        for table in tables {
            let dialect = session.dialect();
            let mut sql = Builder::new(&*dialect);
            // Not for the replicas, whose rows are the same.
            sql.sql("ANALYZE NO_WRITE_TO_BINLOG TABLE ").table(table);
            let sql = sql.finish().0;
            let told = session.fetch(&sql, &[]).await?;
            let is_error =
                |row: &&Vec<Option<String>>| row.get(2).and_then(Option::as_deref) == Some("Error");
            if let Some(row) = told.iter().find(is_error) {
                let why = row.get(3).cloned().flatten().unwrap_or_default();
                let message = format!("the statistics of \"{table}\" cannot be made anew");
                return Err(Error::new(Code::PermissionDenied, message)
                    .with_table(*table)
                    .with_cause(why));
            }
        }
        Ok(())
    }

    /// The one of that name, or any over exactly the columns, where it does not tell upper case
    /// from lower.
    async fn full_text(
        session: &mut Session<'_, Self>,
        table: &str,
        name: &str,
        columns: &[String],
    ) -> Result<Option<Vec<String>>> {
        const INDEXES: &str = "CAST(index_name AS CHAR), CAST(column_name AS CHAR), \
            CAST(collation_name AS CHAR) FROM (SELECT parts.index_name, parts.column_name, \
            parts.table_schema, parts.table_name, parts.index_type, held.collation_name \
            FROM information_schema.statistics AS parts JOIN information_schema.columns AS held \
            ON held.table_schema = parts.table_schema AND held.table_name = parts.table_name \
            AND held.column_name = parts.column_name) AS indexed WHERE index_type = 'FULLTEXT'";
        let mut found: HashMap<String, (Vec<String>, bool)> = HashMap::new();
        for (_, row) in read(session, &[table], INDEXES).await? {
            let [Some(index), Some(column), collation] = &row[..] else {
                continue;
            };
            let (indexed, folds) = found
                .entry(index.clone())
                .or_insert_with(|| (Vec::new(), true));
            indexed.push(column.clone());
            *folds &= collation
                .as_deref()
                .is_some_and(|collation| collation.ends_with("_ci"));
        }
        found.retain(|_, (_, folds)| *folds);
        if let Some((indexed, _)) = found.remove(name) {
            return Ok(Some(indexed));
        }
        let mut wanted = columns.to_vec();
        wanted.sort();
        let over_columns = found.into_values().find(|(indexed, _)| {
            let mut indexed = indexed.clone();
            indexed.sort();
            indexed == wanted
        });
        Ok(over_columns.map(|(indexed, _)| indexed))
    }
}

/// ISO 8601.
async fn started(session: &mut Session<'_, MySql>) -> Result<Option<String>> {
    let rows = session
        .fetch("SHOW GLOBAL STATUS LIKE 'Uptime'", &[])
        .await?;
    let seconds = rows
        .first()
        .and_then(|row| row.get(1)?.as_ref()?.parse().ok());
    Ok(seconds.map(moment_before))
}

async fn table_sizes(session: &mut Session<'_, MySql>, tables: &[&str]) -> Result<Vec<TableSize>> {
    const SIZES: &str = "CAST(table_rows AS CHAR), CAST(data_length AS CHAR), \
        CAST(index_length AS CHAR) FROM information_schema.tables WHERE table_type = 'BASE TABLE'";
    let rows = read(session, tables, SIZES).await?;
    let sizes = rows.into_iter().map(|(place, row)| TableSize {
        table: tables[place].to_owned(),
        rows: number(row[0].as_ref()),
        bytes: Some(number(row[1].as_ref())),
        index_bytes: Some(number(row[2].as_ref())),
        ..TableSize::default()
    });
    Ok(sizes.collect())
}

async fn indexes(session: &mut Session<'_, MySql>, tables: &[&str]) -> Result<Vec<IndexUse>> {
    const INDEXES: &str = "CAST(index_name AS CHAR), CAST(seq_in_index AS CHAR), \
        CAST(non_unique AS CHAR), CAST(column_name AS CHAR) \
        FROM information_schema.statistics WHERE 1 = 1";
    let mut rows = read(session, tables, INDEXES).await?;
    rows.sort_by_key(|(place, row)| (*place, row[0].clone(), number(row[1].as_ref())));
    let mut indexes: Vec<IndexUse> = Vec::new();
    for (place, row) in rows {
        if number(row[1].as_ref()) == 1 {
            indexes.push(IndexUse {
                table: tables[place].to_owned(),
                index: row[0].clone().unwrap_or_default(),
                unique: row[2].as_deref() == Some("0"),
                ..IndexUse::default()
            });
        }
        if let Some(index) = indexes.last_mut() {
            let column = row[3].clone();
            index
                .columns
                .push(column.unwrap_or_else(|| "(an expression)".to_owned()));
        }
    }
    Ok(indexes)
}

/// Reads the sizes of indexes, which are in the server's own database.
async fn measure(
    session: &mut Session<'_, MySql>,
    tables: &[&str],
    indexes: &mut [IndexUse],
) -> Result<(), String> {
    const SIZES: &str = "CAST(index_name AS CHAR), CAST(stat_value * @@innodb_page_size AS CHAR) \
        FROM (SELECT index_name, stat_value, stat_name, database_name AS table_schema, \
        table_name FROM mysql.innodb_index_stats) AS measured WHERE stat_name = 'size'";
    let rows = read(session, tables, SIZES).await;
    for (place, row) in rows.map_err(|error| refused(&error, "mysql.innodb_index_stats"))? {
        if let Some(index) = index_of(indexes, tables[place], row[0].as_deref()) {
            index.bytes = Some(number(row[1].as_ref()));
        }
    }
    Ok(())
}

/// Rows that were read by each index, and by none.
async fn count_uses(
    session: &mut Session<'_, MySql>,
    tables: &[&str],
    sizes: &mut [TableSize],
    indexes: &mut [IndexUse],
) -> Result<(), String> {
    const USES: &str = "CAST(COALESCE(index_name, '') AS CHAR), CAST(count_read AS CHAR) \
        FROM (SELECT index_name, count_read, object_schema AS table_schema, \
        object_name AS table_name, object_type \
        FROM performance_schema.table_io_waits_summary_by_index_usage) AS used \
        WHERE object_type = 'TABLE'";
    let rows = read(session, tables, USES).await;
    let rows = rows.map_err(|error| {
        refused(
            &error,
            "performance_schema.table_io_waits_summary_by_index_usage",
        )
    })?;
    for index in indexes.iter_mut() {
        index.uses = Some(0);
    }
    for (place, row) in rows {
        let uses = number(row[1].as_ref());
        if row[0].as_deref() == Some(NONE) {
            let size = sizes.iter_mut().find(|size| size.table == tables[place]);
            if let Some(size) = size {
                size.scans = uses;
            }
        } else if let Some(index) = index_of(indexes, tables[place], row[0].as_deref()) {
            index.uses = Some(uses);
        }
    }
    Ok(())
}

fn index_of<'i>(
    indexes: &'i mut [IndexUse],
    table: &str,
    name: Option<&str>,
) -> Option<&'i mut IndexUse> {
    let mut indexes = indexes.iter_mut();
    indexes.find(|index| index.table == table && Some(index.index.as_str()) == name)
}

async fn statements(session: &mut Session<'_, MySql>, slow: f64) -> Result<Vec<Slow>, String> {
    const PICOSECONDS: &str = "1000000000";
    let query = format!(
        "SELECT digest_text, CAST(count_star AS CHAR), \
         CAST(avg_timer_wait / {PICOSECONDS} AS CHAR), CAST(max_timer_wait / {PICOSECONDS} AS CHAR), \
         CAST(sum_timer_wait / {PICOSECONDS} AS CHAR), CAST(sum_rows_examined AS CHAR) \
         FROM performance_schema.events_statements_summary_by_digest \
         WHERE schema_name = DATABASE() AND digest_text IS NOT NULL \
         AND avg_timer_wait >= CAST(? AS DECIMAL(30, 6)) * {PICOSECONDS} \
         ORDER BY sum_timer_wait DESC LIMIT {READ}"
    );
    let rows = session.fetch(&query, &[&slow.to_string()]).await;
    let rows = rows.map_err(|error| {
        refused(
            &error,
            "performance_schema.events_statements_summary_by_digest",
        )
    })?;
    let statements = rows.into_iter().map(|row| Slow {
        statement: executed(row[0].as_deref().unwrap_or_default()),
        calls: number(row[1].as_ref()),
        mean_ms: real(row[2].as_ref()),
        max_ms: real(row[3].as_ref()),
        total_ms: real(row[4].as_ref()),
        rows: number(row[5].as_ref()),
    });
    Ok(statements.collect())
}

/// The statement that was prepared, where it is one that was.
fn executed(digest: &str) -> String {
    digest.strip_prefix("EXECUTE ").unwrap_or(digest).to_owned()
}

fn refused(error: &Error, table: &str) -> String {
    match error.code {
        Code::PermissionDenied => format!("this user may not read {table}: GRANT SELECT ON it"),
        _ => format!(
            "{table} cannot be read: {}",
            error.cause.as_deref().unwrap_or(&error.message)
        ),
    }
}
