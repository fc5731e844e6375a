//! PostgreSQL: everything in one transaction, which the lock ends with; but for indexes that are
//! made while others write.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Migrates, Session};
use crate::engine::postgres::{Facts, Postgres};
use crate::engine::server::Driver;
use crate::error::Result;
use crate::schema::existing::{Existing, ExistingColumn, ExistingForeignKey, ExistingIndex};
use crate::schema::site::{Site, Visit};
use crate::sql::{self, Builder, Dialect};

/// How long to wait before the lock is asked for again. Whoever waits inside of a statement has a
/// snapshot, and an index that is made concurrently waits for all of those: for ever.
const PAUSE: Duration = Duration::from_millis(25);

impl Migrates for Postgres {
    fn dialect(&self, facts: &Facts) -> impl Dialect + 'static {
        sql::Postgres {
            schema: facts.schema.clone(),
            ..sql::Postgres::default()
        }
    }

    fn is_stepwise(visit: Visit) -> bool {
        visit == Visit::Alone
    }

    async fn enter(session: &mut Session<'_, Self>, visit: Visit) -> Result<()> {
        let patience = session.patience.as_millis();
        // Whoever has waited has to see what was done meanwhile, whatever the default is.
        let begin = |mode: &str| {
            format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ {mode}; \
                 SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {patience}"
            )
        };
        let (begin, lock) = match visit {
            Visit::Look => {
                let begin = begin("ONLY");
                return session.control(&begin, "begin a transaction").await;
            }
            Visit::Change => (begin("WRITE"), "pg_try_advisory_xact_lock"),
            Visit::Alone => (
                format!("SET statement_timeout = 0; SET lock_timeout = {patience}"),
                "pg_try_advisory_lock",
            ),
        };
        let key = lock_key(session);
        let ask = format!("SELECT {lock}({key})::text");
        let give_up = Instant::now() + session.patience;
        loop {
            session.control(&begin, "begin a transaction").await?;
            let got = session.fetch(&ask, &[]).await?;
            if got.first().and_then(|row| row.first()?.as_deref()) == Some("true") {
                return Ok(());
            }
            if visit == Visit::Change {
                Self::leave(session, visit, false).await?;
            }
            if Instant::now() >= give_up {
                let holder = holder(session, &key).await?;
                return Err(session.locked(holder));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn leave(session: &mut Session<'_, Self>, visit: Visit, kept: bool) -> Result<()> {
        let sql = match visit {
            Visit::Look => "ROLLBACK",
            Visit::Change if kept => "COMMIT",
            Visit::Change => "ROLLBACK",
            // The connection's other locks are not there: it has no other use.
            Visit::Alone => "SELECT pg_advisory_unlock_all()",
        };
        session.control(sql, "end a transaction").await
    }

    async fn read(session: &mut Session<'_, Self>, names: &[&str]) -> Result<Existing> {
        let wanted = Wanted::new(session, names);
        let mut existing = Existing::default();
        wanted.columns(session, &mut existing).await?;
        wanted.indexes(session, &mut existing).await?;
        wanted.references(session, &mut existing).await?;
        wanted.surroundings(session, &mut existing).await?;
        Ok(existing)
    }

    /// Dropping asks by itself.
    async fn strangers(_session: &mut Session<'_, Self>, _tables: &[&str]) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn drop_tables(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        let sql = listed(session, "DROP TABLE ", tables);
        session.run(&sql).await
    }

    async fn empty_tables(session: &mut Session<'_, Self>, tables: &[&str]) -> Result<()> {
        let mut sql = listed(session, "TRUNCATE ", tables);
        sql.push_str(" RESTART IDENTITY CASCADE");
        session.run(&sql).await
    }
}

fn listed(session: &Session<Postgres>, what: &str, tables: &[&str]) -> String {
    let dialect = session.dialect();
    let mut sql = Builder::new(&*dialect);
    sql.sql(what).list(", ", tables, |sql, table| {
        sql.table(table);
    });
    sql.finish().0
}

/// A number for the migrations of one database and schema.
fn lock_key(session: &Session<Postgres>) -> String {
    let dialect = sql::Postgres::default();
    let schema = match &Postgres::facts(&session.connection).schema {
        Some(schema) => dialect.text_literal(schema),
        None => "coalesce(current_schema(), '')".to_owned(),
    };
    format!("hashtextextended('better-auth-native ' || {schema}, 0)")
}

/// Who has the lock.
async fn holder(session: &mut Session<'_, Postgres>, key: &str) -> Result<Option<String>> {
    let query = format!(
        "SELECT pid::text, application_name FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND classid::bigint = ({key} >> 32) & 4294967295 \
         AND objid::bigint = {key} & 4294967295"
    );
    let rows = session.fetch(&query, &[]).await?;
    let Some([Some(pid), application]) = rows.first().map(Vec::as_slice) else {
        return Ok(None);
    };
    let application = application.as_deref().unwrap_or_default();
    Ok(Some(format!(
        "process {pid} of the server (\"{application}\")"
    )))
}

fn is(cell: &Option<String>) -> bool {
    cell.as_deref() == Some("true")
}

/// The tables to read about.
struct Wanted<'n> {
    names: &'n [&'n str],
    /// As `to_regclass` reads them, so that the search path counts; a list in JSON.
    quoted: String,
    /// Where tables are to be, one for each name; null for where the search path leads.
    schemas: Vec<Option<String>>,
}

/// The tables, in places counted from 1.
const WANTED: &str = "json_array_elements_text($1::json) WITH ORDINALITY AS wanted (name, place)";

impl<'n> Wanted<'n> {
    fn new(session: &Session<Postgres>, names: &'n [&'n str]) -> Self {
        let dialect = session.driver.dialect(Postgres::facts(&session.connection));
        let quoted: Vec<String> = names
            .iter()
            .map(|name| {
                let mut sql = Builder::new(&dialect);
                sql.table(name);
                sql.finish().0
            })
            .collect();
        let schemas = names.iter().map(|name| dialect.qualified(name).0);
        Self {
            names,
            quoted: serde_json::Value::from(quoted).to_string(),
            schemas: schemas
                .map(|schema| schema.map(ToOwned::to_owned))
                .collect(),
        }
    }

    fn name(&self, place: Option<&String>) -> Option<&'n str> {
        let place: usize = place?.parse().ok()?;
        self.names.get(place.checked_sub(1)?).copied()
    }

    async fn columns(
        &self,
        session: &mut Session<'_, Postgres>,
        existing: &mut Existing,
    ) -> Result<()> {
        let query = format!(
            "SELECT place::text, (relkind NOT IN ('r', 'p'))::text, attname::text, \
             format_type(atttypid, atttypmod), (NOT attnotnull)::text, \
             (atthasdef OR attidentity <> '')::text, (typname = 'citext' \
             OR NOT coalesce(collisdeterministic, true))::text \
             FROM {WANTED} JOIN pg_class ON pg_class.oid = to_regclass(wanted.name) \
             AND relkind IN ('r', 'p', 'v', 'm', 'f') LEFT JOIN pg_attribute ON attrelid = pg_class.oid \
             AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_type ON pg_type.oid = atttypid \
             LEFT JOIN pg_collation ON pg_collation.oid = attcollation ORDER BY place, attnum"
        );
        for row in session.fetch(&query, &[&self.quoted]).await? {
            let [
                place,
                is_view,
                name,
                column_type,
                nullable,
                has_default,
                ignores_case,
            ] = &row[..]
            else {
                continue;
            };
            let Some(table) = self.name(place.as_ref()) else {
                continue;
            };
            let table = existing.tables.entry(table.to_owned()).or_default();
            table.is_view = is(is_view);
            if let Some(name) = name {
                table.columns.push(ExistingColumn {
                    name: name.clone(),
                    column_type: column_type.clone(),
                    data_type: column_type.as_deref().unwrap_or_default().to_lowercase(),
                    nullable: is(nullable),
                    has_default: is(has_default),
                    ignores_case: is(ignores_case),
                    ..ExistingColumn::default()
                });
            }
        }
        Ok(())
    }

    /// Not those that are invalid, and so hold for what was written since at best.
    async fn indexes(
        &self,
        session: &mut Session<'_, Postgres>,
        existing: &mut Existing,
    ) -> Result<()> {
        let query = format!(
            "SELECT place::text, pg_class.relname::text, indisunique::text, \
             coalesce(attname, '')::text \
             FROM {WANTED} JOIN pg_index ON indrelid = to_regclass(wanted.name) \
             JOIN pg_class ON pg_class.oid = indexrelid \
             JOIN pg_am ON pg_am.oid = pg_class.relam AND amname = 'btree' \
             CROSS JOIN LATERAL unnest(indkey::int2[]) WITH ORDINALITY AS part (number, position) \
             LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number AND attnum > 0 \
             WHERE indisvalid AND indpred IS NULL AND position <= indnkeyatts \
             ORDER BY place, indexrelid, position"
        );
        let mut last = None;
        for row in session.fetch(&query, &[&self.quoted]).await? {
            let [place, index, unique, column] = &row[..] else {
                continue;
            };
            let name = self.name(place.as_ref());
            let Some(table) = name.and_then(|name| existing.tables.get_mut(name)) else {
                continue;
            };
            let this = Some((place.clone(), index.clone()));
            if last != this {
                last = this;
                table.indexes.push(ExistingIndex {
                    name: index.clone().unwrap_or_default(),
                    columns: Vec::new(),
                    unique: is(unique),
                });
            }
            if let Some(index) = table.indexes.last_mut() {
                index.columns.push(column.clone().unwrap_or_default());
            }
        }
        Ok(())
    }

    async fn references(
        &self,
        session: &mut Session<'_, Postgres>,
        existing: &mut Existing,
    ) -> Result<()> {
        let query = format!(
            "SELECT place::text, attname::text, conname::text, (confdeltype = 'c')::text \
             FROM {WANTED} \
             JOIN pg_constraint ON conrelid = to_regclass(wanted.name) AND contype = 'f' \
             JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
        );
        for row in session.fetch(&query, &[&self.quoted]).await? {
            let [place, Some(column), Some(name), cascades] = &row[..] else {
                continue;
            };
            let key = ExistingForeignKey {
                name: name.clone(),
                column: column.clone(),
                cascades: Some(is(cascades)),
            };
            let name = self.name(place.as_ref());
            if let Some(table) = name.and_then(|name| existing.tables.get_mut(name)) {
                table.foreign_keys.push(key);
            }
        }
        Ok(())
    }

    /// What else there is in the schemas of the tables: indexes share their names with tables.
    async fn surroundings(
        &self,
        session: &mut Session<'_, Postgres>,
        existing: &mut Existing,
    ) -> Result<()> {
        const NAMES: &str = "SELECT relname::text FROM pg_class WHERE relnamespace IN \
             (SELECT relnamespace FROM json_array_elements_text($1::json) AS wanted (name) \
              JOIN pg_class ON pg_class.oid = to_regclass(wanted.name) \
              UNION SELECT pg_namespace.oid FROM json_array_elements_text($2::json) AS wanted (name) \
              JOIN pg_namespace ON nspname = coalesce(wanted.name, current_schema())) \
             UNION SELECT conname::text FROM json_array_elements_text($1::json) AS wanted (name) \
             JOIN pg_constraint ON conrelid = to_regclass(wanted.name)";
        const MISSING: &str = "SELECT name FROM json_array_elements_text($1::json) AS wanted (name) \
             WHERE name IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM pg_namespace WHERE nspname = wanted.name)";
        let schemas: HashSet<&Option<String>> = self.schemas.iter().collect();
        let schemas: Vec<Option<&str>> = schemas.iter().map(|name| name.as_deref()).collect();
        let schemas = serde_json::Value::from(schemas).to_string();
        let names = session.fetch(NAMES, &[&self.quoted, &schemas]).await?;
        existing.taken = names.into_iter().flatten().flatten().collect();
        const BROKEN: &str = "SELECT DISTINCT relname::text FROM json_array_elements_text($1::json) \
             AS wanted (name) JOIN pg_index ON indrelid = to_regclass(wanted.name) \
             JOIN pg_class ON pg_class.oid = indexrelid WHERE NOT indisvalid";
        const TRIGGERS: &str = "SELECT DISTINCT tgname::text FROM \
             json_array_elements_text($1::json) AS wanted (name) \
             JOIN pg_trigger ON tgrelid = to_regclass(wanted.name) AND NOT tgisinternal";
        let broken = session.fetch(BROKEN, &[&self.quoted]).await?;
        existing.broken_indexes = broken.into_iter().flatten().flatten().collect();
        let triggers = session.fetch(TRIGGERS, &[&self.quoted]).await?;
        existing.triggers = triggers.into_iter().flatten().flatten().collect();
        let missing = session.fetch(MISSING, &[&schemas]).await?;
        existing.missing_schemas = missing.into_iter().flatten().flatten().collect();
        existing.missing_schemas.sort();
        Ok(())
    }
}
