//! What takes away: the tables, or their rows.

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::schema::history::TABLE;
use crate::schema::model::Schema;
use crate::schema::site::{Site, count};
use crate::sql::Builder;

/// Drops the tables of the schema that exist, and the history; how many rows were in each is told.
pub async fn drop<S: Site>(site: &mut S, schema: &Schema, dry_run: bool) -> Result<Value> {
    let tables = existing(site, schema).await?;
    let strangers = site.strangers(&tables).await?;
    if let Some(stranger) = strangers.first() {
        let message = format!(
            "\"{stranger}\" refers to one of the tables, and is none of this application's; drop \
             its foreign key first"
        );
        return Err(Error::new(Code::UnsafeMigration, message).with_table(stranger));
    }
    let mut dropped = Vec::new();
    for table in &tables {
        let dialect = site.dialect();
        let mut sql = Builder::new(&*dialect);
        sql.sql("SELECT COUNT(*) FROM ").table(table);
        let query = sql.finish().0;
        dropped.push(json!({ "table": table, "rows": count(site, &query).await? }));
    }
    if !dry_run && !tables.is_empty() {
        site.drop_tables(&tables).await?;
        for table in &schema.tables {
            if let Some(column) = &table.touched {
                drop_function(site, &table.name, column).await?;
            }
            if let Some(search) = &table.search {
                let rest = site.dialect().drop_rest_of_search(&search.name);
                if let Some(statement) = rest {
                    site.run(&statement).await?;
                }
            }
        }
    }
    Ok(json!({ "tables": dropped }))
}

async fn drop_function<S: Site>(site: &mut S, table: &str, column: &str) -> Result<()> {
    let dialect = site.dialect();
    if !dialect.triggers_call_functions() {
        return Ok(());
    }
    let mut sql = Builder::new(&*dialect);
    dialect.drop_touch_function(&mut sql, table, column);
    site.run(
        &sql.finish()
            .0
            .replacen("DROP FUNCTION", "DROP FUNCTION IF EXISTS", 1),
    )
    .await
}

/// Deletes every row of the tables of the schema.
pub async fn empty<S: Site>(site: &mut S, schema: &Schema) -> Result<Value> {
    let tables = existing(site, schema).await?;
    let tables: Vec<&str> = tables.into_iter().filter(|name| *name != TABLE).collect();
    if !tables.is_empty() {
        site.empty_tables(&tables).await?;
    }
    Ok(json!({ "tables": tables.len() }))
}

/// The tables of the schema that exist, children before their parents, and the history.
async fn existing<'s, S: Site>(site: &mut S, schema: &'s Schema) -> Result<Vec<&'s str>> {
    let mut names: Vec<&str> = schema
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    names.push(TABLE);
    names.reverse();
    let existing = site.read(&names).await?;
    let is_table = |name: &&str| {
        existing
            .tables
            .get(*name)
            .is_some_and(|table| !table.is_view)
    };
    Ok(names.into_iter().filter(is_table).collect())
}
