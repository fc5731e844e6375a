//! What is in the tables: how many of everything, and what should not be there. One statement
//! counts it all, so it is what was there at one moment; no value of any row leaves the database.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::hashes::forms;
use crate::error::{Code, Error, Result};
use crate::schema::{Existing, Schema, Site, from_orphans, now};
use crate::sql::{Builder, Dialect};
use crate::value::Kind;

/// The tables and columns by what they are to Better Auth; without those that the application
/// keeps elsewhere.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    user: Option<Role>,
    account: Option<Role>,
    session: Option<Role>,
    verification: Option<Role>,
}

/// A table, and its columns by Better Auth's names; without those that the application lacks.
#[derive(Debug, Deserialize)]
struct Role {
    table: String,
    columns: Map<String, Value>,
}

pub async fn diagnose<S: Site>(site: &mut S, schema: &Schema, roles: &Roles) -> Result<Value> {
    let existing = site.read(&schema.table_names()).await?;
    let dialect = site.dialect();
    let mut counting = Counting {
        dialect: &*dialect,
        existing: &existing,
        now: dialect.moment(&now()),
        parts: Vec::new(),
        places: Vec::new(),
        values: Vec::new(),
    };
    if let Some(user) = &roles.user {
        counting.users(user);
    }
    if let Some(account) = &roles.account {
        counting.accounts(account);
    }
    if let Some(session) = &roles.session {
        counting.expiring(session, "sessions", "active");
    }
    if let Some(verification) = &roles.verification {
        counting.expiring(verification, "verifications", "pending");
    }
    let orphans = counting.orphans(schema);
    let mut answer = counting.answer(site).await?;
    let rows = answer.remove("orphans");
    let rows = rows.as_ref().and_then(Value::as_object);
    let orphans = orphans.into_iter().enumerate().map(|(at, mut orphan)| {
        let rows = rows.and_then(|rows| rows.get(&at.to_string()));
        orphan["rows"] = rows.cloned().unwrap_or(Value::Null);
        orphan
    });
    answer.insert("orphans".to_owned(), orphans.collect());
    Ok(Value::Object(answer))
}

/// A statement that counts, and where in the answer each count belongs.
struct Counting<'c> {
    dialect: &'c dyn Dialect,
    existing: &'c Existing,
    now: String,
    /// Tables of one row each.
    parts: Vec<String>,
    places: Vec<Place>,
    /// In the order of their placeholders.
    values: Vec<String>,
}

struct Place {
    section: &'static str,
    name: String,
    /// In the statement.
    expression: String,
    is_json: bool,
}

impl Counting<'_> {
    /// The column of that role, where the database has it.
    fn column<'r>(&self, role: &'r Role, name: &str) -> Option<&'r str> {
        let column = role.columns.get(name)?.as_str()?;
        let table = self.existing.tables.get(&role.table)?;
        table.column(self.dialect, column)?;
        Some(column)
    }

    /// Adds a table of one row, and its columns to the answer.
    fn part(&mut self, section: &'static str, select: String, names: &[(&str, bool)]) {
        let part = format!("part{}", self.parts.len());
        for (at, (name, is_json)) in names.iter().enumerate() {
            self.places.push(Place {
                section,
                name: (*name).to_owned(),
                expression: format!("{part}.c{at}"),
                is_json: *is_json,
            });
        }
        self.parts.push(format!("({select}) AS {part}"));
    }

    /// The placeholder of a new value.
    fn bind(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        let mut placeholder = String::new();
        self.dialect
            .placeholder(self.values.len(), &mut placeholder);
        placeholder
    }

    fn users(&mut self, user: &Role) {
        if !self.existing.tables.contains_key(&user.table) {
            return;
        }
        let mut names = vec![("total", false)];
        let mut sql = Builder::new(self.dialect);
        sql.sql("SELECT COUNT(*) AS c0");
        for (name, field) in [
            ("verified", "emailVerified"),
            ("banned", "banned"),
            ("twoFactor", "twoFactorEnabled"),
        ] {
            if let Some(column) = self.column(user, field) {
                sql.sql(", COUNT(CASE WHEN ").name(column);
                sql.sql(&format!(" IS TRUE THEN 1 END) AS c{}", names.len()));
                names.push((name, false));
            }
        }
        sql.sql(" FROM ").table(&user.table);
        self.part("users", sql.finish().0, &names);
        if let Some(email) = self.column(user, "email") {
            let mut sql = Builder::new(self.dialect);
            sql.sql("SELECT COALESCE(SUM(equal_rows), 0) AS c0 FROM (SELECT COUNT(*) AS equal_rows FROM ");
            sql.table(&user.table).sql(" WHERE ").name(email);
            sql.sql(" IS NOT NULL GROUP BY lower(").name(email);
            sql.sql(") HAVING COUNT(*) > 1) AS equal_groups");
            let names = [("sameEmailInOtherCase", false)];
            self.part("users", sql.finish().0, &names);
        }
    }

    fn accounts(&mut self, account: &Role) {
        let Some(provider) = self.column(account, "providerId") else {
            return;
        };
        let mut sql = Builder::new(self.dialect);
        sql.sql("SELECT COALESCE(SUM(amount), 0) AS c0, ");
        self.dialect.json_object(&mut sql, "provider", "amount");
        sql.sql(" AS c1 FROM (SELECT COALESCE(").name(provider);
        sql.sql(", '') AS provider, COUNT(*) AS amount FROM ");
        sql.table(&account.table);
        sql.sql(" GROUP BY COALESCE(")
            .name(provider)
            .sql(", '')) AS providers");
        let names = [("total", false), ("byProvider", true)];
        self.part("accounts", sql.finish().0, &names);
        if let Some(password) = self.column(account, "password") {
            self.hashes(account, provider, password);
        }
    }

    /// Every hash is looked at once, and called by its form.
    fn hashes(&mut self, account: &Role, provider: &str, password: &str) {
        let forms = forms();
        let mut sql = Builder::new(self.dialect);
        sql.sql("SELECT COUNT(*) AS c0");
        let mut names = vec![("total", false)];
        let found = ["withoutPassword", "malformed"].into_iter();
        for form in found.chain(forms.iter().map(|(name, _)| *name)) {
            sql.sql(&format!(
                ", COUNT(CASE WHEN form = '{form}' THEN 1 END) AS c{}",
                names.len()
            ));
            names.push((form, false));
        }
        sql.sql(" FROM (SELECT CASE WHEN ").name(password);
        sql.sql(" IS NULL OR ").name(password);
        sql.sql(" = '' THEN 'withoutPassword'");
        for (form, glob) in &forms {
            let pattern = self.bind(&self.dialect.pattern(glob));
            sql.sql(" WHEN ");
            self.dialect.matches(&mut sql, password, &pattern);
            sql.sql(&format!(" THEN '{form}'"));
        }
        sql.sql(" ELSE 'malformed' END AS form FROM ")
            .table(&account.table);
        sql.sql(" WHERE ")
            .name(provider)
            .sql(" = 'credential') AS hashes");
        self.part("credentials", sql.finish().0, &names);
    }

    fn expiring(&mut self, role: &Role, section: &'static str, living: &str) {
        let Some(expires) = self.column(role, "expiresAt") else {
            return;
        };
        let now = self.now.clone();
        let mut sql = Builder::new(self.dialect);
        sql.sql("SELECT ");
        for (at, comparison) in [" > ", " <= "].into_iter().enumerate() {
            let now = self.bind(&now);
            sql.sql(if at == 0 {
                "COUNT(CASE WHEN "
            } else {
                ", COUNT(CASE WHEN "
            });
            sql.name(expires).sql(comparison);
            sql.sql(&self.dialect.text_as(Kind::Date, &now));
            sql.sql(&format!(" THEN 1 END) AS c{at}"));
        }
        sql.sql(" FROM ").table(&role.table);
        self.part(
            section,
            sql.finish().0,
            &[(living, false), ("expired", false)],
        );
    }

    /// Those of every foreign key; counted where the database compares the two columns.
    fn orphans(&mut self, schema: &Schema) -> Vec<Value> {
        let mut keys = Vec::new();
        for table in &schema.tables {
            for column in &table.columns {
                let Some(reference) = &column.references else {
                    continue;
                };
                let type_of = |table: &str, column: &str| {
                    let column = self
                        .existing
                        .tables
                        .get(table)?
                        .column(self.dialect, column);
                    column.map(|column| column.column_type.as_deref())
                };
                let Some(child) = type_of(&table.name, &column.name) else {
                    continue;
                };
                let parent = type_of(&reference.table, &reference.column);
                let comparable = match (child, parent.flatten()) {
                    (Some(child), Some(parent)) => self.dialect.can_refer(child, parent),
                    _ => true,
                };
                if comparable {
                    let mut sql = Builder::new(self.dialect);
                    sql.sql("SELECT COUNT(*) AS c0");
                    from_orphans(&mut sql, table, column, reference, parent.is_some());
                    let number = keys.len().to_string();
                    self.part("orphans", sql.finish().0, &[(&number, false)]);
                }
                keys.push(json!({
                    "table": table.name,
                    "column": column.name,
                    "references": reference.table,
                }));
            }
        }
        keys
    }

    async fn answer<S: Site>(self, site: &mut S) -> Result<Map<String, Value>> {
        let mut answer = Map::new();
        for section in [
            "users",
            "accounts",
            "credentials",
            "sessions",
            "verifications",
        ] {
            answer.insert(section.to_owned(), Value::Null);
        }
        if self.parts.is_empty() {
            return Ok(answer);
        }
        let mut sql = Builder::new(self.dialect);
        sql.sql("SELECT ").list(", ", &self.places, |sql, place| {
            if place.is_json {
                sql.sql(&place.expression);
            } else {
                sql.sql(&format!("CAST({} AS CHAR(20))", place.expression));
            }
        });
        sql.sql(" FROM ");
        sql.list(" CROSS JOIN ", &self.parts, |sql, part| {
            sql.sql(part);
        });
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let mut rows = site.fetch(&sql.finish().0, &values).await?;
        let row = rows.pop().unwrap_or_default();
        for (place, cell) in self.places.into_iter().zip(row) {
            let section = answer.entry(place.section).or_insert(Value::Null);
            section[place.name] = read(cell, place.is_json)?;
        }
        Ok(answer)
    }
}

/// A count; of JSON, nothing at all where there was nothing to count.
fn read(cell: Option<String>, is_json: bool) -> Result<Value> {
    let text = match cell {
        Some(text) => text,
        None if is_json => return Ok(json!({})),
        None => return Ok(Value::Null),
    };
    serde_json::from_str(text.trim_end())
        .map_err(|error| Error::new(Code::Internal, "a count is no number").with_cause(error))
}
