//! MySQL and MariaDB: every statement stands for itself, and the lock is the connection's.

use super::{Migrates, Session};
use crate::engine::mysql::{Facts, MySql};
use crate::engine::server::Driver;
use crate::error::Result;
use crate::schema::existing::{
    Existing, ExistingColumn, ExistingForeignKey, ExistingIndex, ExistingTable,
};
use crate::schema::site::{Site, Visit};
use crate::sql::{self, Builder, Dialect};

/// The lock of the migrations of one database: locks are the server's, and have short names.
const LOCK: &str = "CONCAT('better-auth-native ', LEFT(SHA2(DATABASE(), 256), 40))";

impl Migrates for MySql {
    fn dialect(&self, facts: &Facts) -> impl Dialect + 'static {
        sql::MySql {
            mariadb: facts.mariadb,
            ..sql::MySql::default()
        }
    }

    fn is_stepwise(_visit: Visit) -> bool {
        true
    }

    async fn enter(session: &mut Session<'_, Self>, visit: Visit) -> Result<()> {
        let statement_timeout = if Self::facts(&session.connection).mariadb {
            "max_statement_time"
        } else {
            "max_execution_time"
        };
        let seconds = session.patience.as_millis().div_ceil(1000);
        let limits = format!("SET SESSION {statement_timeout} = 0, lock_wait_timeout = {seconds}");
        session.control(&limits, "setting its limits").await?;
        if visit == Visit::Look {
            return Ok(());
        }
        let lock = format!("SELECT CAST(GET_LOCK({LOCK}, {seconds}) AS CHAR)");
        let got = session.fetch(&lock, &[]).await?;
        if got.first().and_then(|row| row.first()?.as_deref()) == Some("1") {
            return Ok(());
        }
        let holder = holder(session).await?;
        Err(session.locked(holder))
    }

    async fn leave(session: &mut Session<'_, Self>, _visit: Visit, _kept: bool) -> Result<()> {
        let release = format!("DO RELEASE_LOCK({LOCK})");
        session
            .control(&release, "letting other migrations go on")
            .await
    }

    async fn read(session: &mut Session<'_, Self>, names: &[&str]) -> Result<Existing> {
        let mut existing = Existing::default();
        read_columns(session, names, &mut existing).await?;
        read_indexes(session, names, &mut existing).await?;
        read_references(session, names, &mut existing).await?;
        read_triggers(session, names, &mut existing).await?;
        Ok(existing)
    }

    async fn strangers(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<Vec<String>> {
        const QUERY: &str = "SELECT DISTINCT CAST(table_name AS CHAR), \
            CAST(referenced_table_name AS CHAR) FROM information_schema.key_column_usage \
            WHERE referenced_table_name IS NOT NULL AND referenced_table_schema = DATABASE()";
        let dialect = session.dialect();
        let own = |name: &str| {
            let mut tables = tables.iter().map(|table| dialect.qualified(table).1);
            tables.any(|table| table.eq_ignore_ascii_case(name))
        };
        let rows = session.fetch(QUERY, &[]).await?;
        let strangers = rows.into_iter().filter_map(|row| match &row[..] {
            [Some(from), Some(to)] if own(to) && !own(from) => Some(from.clone()),
            _ => None,
        });
        Ok(strangers.collect())
    }

    /// In any order: nobody else refers to them.
    async fn drop_tables(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        for_each(session, "DROP TABLE ", tables).await
    }

    /// TRUNCATE makes a new file for each, and takes longer where there are few rows.
    async fn empty_tables(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        for_each(session, "DELETE FROM ", tables).await
    }
}

async fn for_each(session: &mut Session<'_, MySql>, what: &str, tables: &[&str]) -> Result<()> {
    session.run("SET SESSION foreign_key_checks = 0").await?;
    let mut result = Ok(());
    for table in tables {
        let dialect = session.dialect();
        let mut sql = Builder::new(&*dialect);
        sql.sql(what).table(table);
        let sql = sql.finish().0;
        result = result.and(session.run(&sql).await);
    }
    session.run("SET SESSION foreign_key_checks = 1").await?;
    result
}

/// Who has the lock.
async fn holder(session: &mut Session<'_, MySql>) -> Result<Option<String>> {
    let query = format!("SELECT CAST(IS_USED_LOCK({LOCK}) AS CHAR)");
    let rows = session.fetch(&query, &[]).await?;
    let id = rows.into_iter().flatten().flatten().next();
    Ok(id.map(|id| format!("connection {id} of the server")))
}

/// The rows of the catalogue about each table, with the table's place. MariaDB opens one table for
/// each of these, and every table there is for an OR of them.
pub async fn read(
    session: &mut Session<'_, MySql>,
    names: &[&str],
    query: &str,
) -> Result<Vec<(usize, Vec<Option<String>>)>> {
    let dialect = sql::MySql::default();
    let mut queries = Vec::with_capacity(names.len());
    let mut values = Vec::with_capacity(names.len() * 3);
    for (place, name) in names.iter().enumerate() {
        // Where names differ in case, the catalogue's comparison may find too much.
        queries.push(format!(
            "SELECT '{place}', {query} AND table_schema = COALESCE(NULLIF(?, ''), DATABASE()) \
             AND table_name = ? AND (@@lower_case_table_names <> 0 \
             OR CAST(table_name AS BINARY) = CAST(? AS BINARY))"
        ));
        let (schema, table) = dialect.qualified(name);
        values.extend([schema.unwrap_or_default(), table, table]);
    }
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.fetch(&queries.join(" UNION ALL "), &values).await?;
    let placed = rows.into_iter().filter_map(|mut row| {
        let place = row.first()?.as_ref()?.parse().ok()?;
        row.remove(0);
        Some((place, row))
    });
    Ok(placed.collect())
}

async fn read_columns(
    session: &mut Session<'_, MySql>,
    names: &[&str],
    existing: &mut Existing,
) -> Result<()> {
    const TABLES: &str = "CAST(table_type AS CHAR) FROM information_schema.tables WHERE 1 = 1";
    const COLUMNS: &str = "CAST(column_name AS CHAR), CAST(column_type AS CHAR), \
        CAST(collation_name AS CHAR), CAST(CASE WHEN data_type LIKE '%text' \
        OR data_type LIKE '%blob' THEN 4294967295 ELSE character_maximum_length END AS CHAR), \
        CAST(data_type AS CHAR), CAST(is_nullable AS CHAR), \
        CASE WHEN column_default IS NULL AND extra NOT LIKE '%auto_increment%' \
        AND extra NOT LIKE '%GENERATED%' THEN '0' ELSE '1' END, CAST(extra AS CHAR) \
        FROM information_schema.columns WHERE 1 = 1";
    for (place, row) in read(session, names, TABLES).await? {
        let table = ExistingTable {
            is_view: row[0].as_deref().is_some_and(|kind| kind.contains("VIEW")),
            ..ExistingTable::default()
        };
        existing.tables.insert(names[place].to_owned(), table);
    }
    for (place, row) in read(session, names, COLUMNS).await? {
        let Some(table) = existing.tables.get_mut(names[place]) else {
            continue;
        };
        let [
            Some(name),
            Some(column_type),
            collation,
            characters,
            data_type,
            nullable,
            has_default,
            extra,
        ] = &row[..]
        else {
            continue;
        };
        let column_type = match collation {
            Some(collation) => format!("{column_type} COLLATE {collation}"),
            None => column_type.clone(),
        };
        table.columns.push(ExistingColumn {
            name: name.clone(),
            column_type: Some(column_type),
            characters: characters.as_ref().and_then(|count| count.parse().ok()),
            data_type: data_type.as_deref().unwrap_or_default().to_lowercase(),
            nullable: nullable.as_deref() == Some("YES"),
            has_default: has_default.as_deref() == Some("1"),
            updates_itself: extra
                .as_deref()
                .is_some_and(|extra| extra.to_lowercase().contains("on update")),
            ignores_case: collation
                .as_deref()
                .is_some_and(|name| name.ends_with("_ci")),
        });
    }
    Ok(())
}

/// Primary keys and unique constraints are among them, and indexes on a part of a column: those
/// that are unique promise more, and others find as well.
async fn read_indexes(
    session: &mut Session<'_, MySql>,
    names: &[&str],
    existing: &mut Existing,
) -> Result<()> {
    const INDEXES: &str = "CAST(index_name AS CHAR), CAST(non_unique AS CHAR), \
        CAST(column_name AS CHAR), CAST(seq_in_index AS CHAR), CAST(index_type AS CHAR) \
        FROM information_schema.statistics WHERE 1 = 1";
    let mut rows: Vec<(usize, String, u32, bool, String, bool)> = Vec::new();
    for (place, row) in read(session, names, INDEXES).await? {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (name, non_unique, column) = (next(), next(), next());
        let (position, kind) = (next(), next());
        let unique = non_unique == "0";
        let serves = unique || kind == "BTREE";
        rows.push((
            place,
            name,
            position.parse().unwrap_or(0),
            unique,
            column,
            serves,
        ));
    }
    rows.sort();
    for (place, name, position, unique, column, serves) in rows {
        let table = existing.tables.get_mut(names[place]);
        if let Some(table) = table.filter(|_| serves) {
            if position == 1 {
                table.indexes.push(ExistingIndex {
                    name: name.clone(),
                    columns: Vec::new(),
                    unique,
                });
            }
            if let Some(index) = table.indexes.last_mut() {
                index.columns.push(column);
            }
        }
        existing.taken.insert(name);
    }
    Ok(())
}

async fn read_references(
    session: &mut Session<'_, MySql>,
    names: &[&str],
    existing: &mut Existing,
) -> Result<()> {
    const REFERENCES: &str = "CAST(column_name AS CHAR), CAST(constraint_name AS CHAR) \
        FROM information_schema.key_column_usage WHERE referenced_table_name IS NOT NULL";
    const RULES: &str = "CAST(constraint_name AS CHAR), CAST(delete_rule AS CHAR) \
        FROM (SELECT constraint_name, delete_rule, table_name, \
        constraint_schema AS table_schema FROM information_schema.referential_constraints) AS rules \
        WHERE 1 = 1";
    const TAKEN: &str = "SELECT DISTINCT CAST(constraint_name AS CHAR) \
        FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()";
    let rules = read(session, names, RULES).await?;
    // MariaDB tells them to nobody who may only read.
    let cascades = |place: usize, name: &str| {
        let rule = rules
            .iter()
            .find(|(of, row)| *of == place && row[0].as_deref() == Some(name));
        rule.map(|(_, row)| row[1].as_deref() == Some("CASCADE"))
    };
    for (place, row) in read(session, names, REFERENCES).await? {
        let (Some(table), [Some(column), Some(name)]) =
            (existing.tables.get_mut(names[place]), &row[..])
        else {
            continue;
        };
        table.foreign_keys.push(ExistingForeignKey {
            name: name.clone(),
            column: column.clone(),
            cascades: cascades(place, name),
        });
    }
    let taken = session.fetch(TAKEN, &[]).await?;
    existing.taken.extend(taken.into_iter().flatten().flatten());
    Ok(())
}

async fn read_triggers(
    session: &mut Session<'_, MySql>,
    names: &[&str],
    existing: &mut Existing,
) -> Result<()> {
    const TRIGGERS: &str = "CAST(trigger_name AS CHAR) FROM (SELECT trigger_name, \
        event_object_table AS table_name, event_object_schema AS table_schema \
        FROM information_schema.triggers) AS fired WHERE 1 = 1";
    let rows = read(session, names, TRIGGERS).await?;
    let triggers = rows.into_iter().flat_map(|(_, row)| row).flatten();
    existing.triggers.extend(triggers);
    Ok(())
}
