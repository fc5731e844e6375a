//! PostgreSQL: everything in one transaction, which the lock ends with.

use std::collections::HashSet;

use super::{Migrates, Session, locked};
use crate::engine::postgres::{Facts, Postgres};
use crate::engine::server::Driver;
use crate::error::{Code, Result};
use crate::schema::existing::{Existing, ExistingColumn, ExistingIndex};
use crate::schema::model::Schema;
use crate::sql::{self, Builder, Dialect};

impl Migrates for Postgres {
    const UNDOES: bool = true;

    fn dialect(&self, facts: &Facts) -> impl Dialect + 'static {
        sql::Postgres {
            schema: facts.schema.clone(),
            ..sql::Postgres::default()
        }
    }

    async fn prepare(session: &mut Session<'_, Self>, change: bool) -> Result<()> {
        let mode = if change { "WRITE" } else { "ONLY" };
        // Whoever has waited has to see what was done meanwhile, whatever the default is.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ {mode}; \
             SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}",
            session.patience.as_millis()
        );
        session.control(&begin, "begin a transaction").await?;
        if !change {
            return Ok(());
        }
        let key = lock_key(session);
        let lock = format!("SELECT pg_advisory_xact_lock({key})");
        match session.control(&lock, "waiting for other migrations").await {
            Err(error) if error.code == Code::DatabaseLocked => {
                Self::finish(session, false).await?;
                let holder = holder(session, &key).await?;
                Err(locked(session.driver.name(), session.patience, holder))
            }
            result => result,
        }
    }

    async fn finish(session: &mut Session<'_, Self>, for_good: bool) -> Result<()> {
        let sql = if for_good { "COMMIT" } else { "ROLLBACK" };
        session.control(sql, "end a transaction").await
    }

    async fn read(session: &mut Session<'_, Self>, schema: &Schema) -> Result<Existing> {
        let names = schema.table_names();
        let wanted = Wanted::new(session, &names);
        let mut existing = Existing::default();
        wanted.columns(session, &mut existing).await?;
        wanted.indexes(session, &mut existing).await?;
        wanted.references(session, &mut existing).await?;
        wanted.surroundings(session, &mut existing).await?;
        Ok(existing)
    }
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
             format_type(atttypid, atttypmod) \
             FROM {WANTED} JOIN pg_class ON pg_class.oid = to_regclass(wanted.name) \
             AND relkind IN ('r', 'p', 'v', 'm', 'f') LEFT JOIN pg_attribute ON attrelid = pg_class.oid \
             AND attnum > 0 AND NOT attisdropped ORDER BY place, attnum"
        );
        for row in session.fetch(&query, &[&self.quoted]).await? {
            let [place, is_view, name, column_type] = &row[..] else {
                continue;
            };
            let Some(table) = self.name(place.as_ref()) else {
                continue;
            };
            let table = existing.tables.entry(table.to_owned()).or_default();
            table.is_view = is_view.as_deref() == Some("true");
            if let Some(name) = name {
                table.columns.push(ExistingColumn {
                    name: name.clone(),
                    column_type: column_type.clone(),
                    characters: None,
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
            "SELECT place::text, indexrelid::text, indisunique::text, coalesce(attname, '')::text \
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
                    columns: Vec::new(),
                    unique: unique.as_deref() == Some("true"),
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
            "SELECT place::text, attname::text FROM {WANTED} \
             JOIN pg_constraint ON conrelid = to_regclass(wanted.name) AND contype = 'f' \
             JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
        );
        for row in session.fetch(&query, &[&self.quoted]).await? {
            let [place, Some(column)] = &row[..] else {
                continue;
            };
            let name = self.name(place.as_ref());
            if let Some(table) = name.and_then(|name| existing.tables.get_mut(name)) {
                table.references.push(column.clone());
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
        let missing = session.fetch(MISSING, &[&schemas]).await?;
        existing.missing_schemas = missing.into_iter().flatten().flatten().collect();
        existing.missing_schemas.sort();
        Ok(())
    }
}
