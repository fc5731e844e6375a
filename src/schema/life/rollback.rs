//! Backwards, by the statements that the history keeps.

use serde::Serialize;

use super::look::look;
use super::run;
use super::{Recorded, is_whole, newest};
use crate::error::{Code, Error, Result};
use crate::schema::history::{Direction, Origin, Version};
use crate::schema::script::{self, Loss};
use crate::schema::site::{Site, Visit, count};

pub struct Asked {
    pub to: Option<i64>,
    pub force: bool,
    pub dry_run: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledBack {
    pub statements: Vec<String>,
    /// The newest version that is left; none where nothing is.
    pub version: Option<i64>,
    pub rolled_back: Vec<Recorded>,
    /// What was, or would be, lost.
    pub losses: Vec<Lost>,
}

#[derive(Debug, Serialize)]
pub struct Lost {
    pub table: Option<String>,
    pub column: Option<String>,
    /// None where it cannot be told.
    pub rows: Option<i64>,
    pub statement: String,
}

/// A version, and the statements that take it back.
struct Way {
    version: Version,
    statements: Vec<String>,
}

pub async fn rollback<S: Site>(site: &mut S, asked: Asked, visit: Visit) -> Result<RolledBack> {
    let (_, versions) = look(site, &[]).await?;
    let target = target(&versions, asked.to)?;
    let mut ways = Vec::new();
    let there = versions.iter().rev().filter(|version| version.is_there());
    for version in there.take_while(|version| version.version > target) {
        let statements = way_back(site, version)?;
        let version = version.clone();
        ways.push(Way {
            version,
            statements,
        });
    }
    let losses = losses(site, &ways).await?;
    if !asked.force && !asked.dry_run && !losses.is_empty() {
        return Err(refusal(&losses));
    }
    let mut done = RolledBack {
        losses,
        ..RolledBack::default()
    };
    let stepwise = site.is_stepwise(visit);
    for Way {
        mut version,
        statements,
    } in ways
    {
        if !asked.dry_run {
            let result = run::down(site, &mut version, &statements, stepwise).await;
            if let Err(failed) = result {
                let before = done.statements.iter().chain(&statements[..failed.place]);
                let before: Vec<&str> = before.map(String::as_str).filter(|_| stepwise).collect();
                let cannot = format!("undo version {} ({})", version.version, version.description);
                return Err(run::explained(&cannot, &failed.error, &before, "run"));
            }
        }
        done.statements.extend(statements);
        done.rolled_back.push(Recorded {
            version: version.version,
            description: version.description,
        });
    }
    let left = versions
        .into_iter()
        .filter(|version| version.version <= target);
    done.version = newest(&left.collect::<Vec<_>>());
    Ok(done)
}

/// The version that stays: the one asked for, or the one before the newest.
fn target(versions: &[Version], to: Option<i64>) -> Result<i64> {
    let there: Vec<&Version> = versions
        .iter()
        .filter(|version| version.is_there())
        .collect();
    let Some(newest) = there.last() else {
        let message = "nothing is recorded that could be rolled back";
        return Err(Error::new(Code::MigrationMissing, message));
    };
    let target = match to {
        Some(to) => to,
        None if newest.origin == Origin::Baseline => newest.version,
        None => there.iter().rev().nth(1).map_or(0, |before| before.version),
    };
    let known = target == 0 || there.iter().any(|version| version.version == target);
    if !known {
        let message = format!(
            "there is no version {target} to roll back to; the newest is {}",
            newest.version
        );
        return Err(Error::new(Code::MigrationMissing, message));
    }
    Ok(target)
}

/// The statements that take back what of the version is in the database.
fn way_back<S: Site>(site: &S, version: &Version) -> Result<Vec<String>> {
    let dialect = site.dialect();
    if version.origin == Origin::Baseline {
        return Err(Error::invalid_input(format!(
            "version {} is the baseline: what was there before it is not recorded, so there is no \
             way back",
            version.version
        )));
    }
    let Some(down) = &version.down else {
        return Err(Error::new(
            Code::MigrationMissing,
            format!(
                "{} was applied without a file {}.down.sql, so there is no way back",
                version.description, version.description
            ),
        ));
    };
    let name = format!("the way back from version {}", version.version);
    let mut down = script::split(&*dialect, down, &name)?;
    if is_whole(version) {
        return Ok(down);
    }
    let up = script::split(&*dialect, &version.up, &name)?;
    let left = version.unfinished.unwrap_or(0);
    if version.direction == Direction::Up && up.len() != down.len() {
        return Err(Error::new(
            Code::SchemaMismatch,
            format!(
                "{} was interrupted after {left} of its {} statements, and its way back has {}: it \
                 cannot be told which of them to run. Finish it with migrate first",
                version.description,
                up.len(),
                down.len()
            ),
        ));
    }
    Ok(down.split_off(down.len().saturating_sub(left)))
}

async fn losses<S: Site>(site: &mut S, ways: &[Way]) -> Result<Vec<Lost>> {
    let dialect = site.dialect();
    let mut found = Vec::new();
    let mut dropped: Vec<String> = Vec::new();
    let mut threats = Vec::new();
    for way in ways {
        for statement in &way.statements {
            let losses = script::losses(&*dialect, statement).into_iter();
            threats.extend(losses.map(|loss| (&way.version, statement, loss)));
        }
    }
    for (version, statement, loss) in threats {
        let (query, table, column) = match loss {
            Loss::Rows(table) => (format!("SELECT COUNT(*) FROM {table}"), table, None),
            Loss::Values(table, column) => (
                format!("SELECT COUNT(*) FROM {table} WHERE {column} IS NOT NULL"),
                table,
                Some(column),
            ),
            Loss::Unknown => {
                found.push(Lost {
                    table: None,
                    column: None,
                    rows: None,
                    statement: statement.clone(),
                });
                continue;
            }
        };
        let rows = match count_if_there(site, &table, &query, version).await? {
            Some(rows) if rows > 0 && !dropped.contains(&table) => rows,
            _ => continue,
        };
        if column.is_none() {
            dropped.push(table.clone());
        }
        found.push(Lost {
            table: Some(bare(&table)),
            column: column.as_deref().map(bare),
            rows: Some(rows),
            statement: statement.clone(),
        });
    }
    // A column's values are rows of its table.
    found.retain(|lost| {
        let whole = |table: &String| dropped.iter().any(|dropped| bare(dropped) == *table);
        lost.column.is_none() || !lost.table.as_ref().is_some_and(whole)
    });
    Ok(found)
}

/// None where what would be lost is gone already, by an attempt that was interrupted.
async fn count_if_there<S: Site>(
    site: &mut S,
    table: &str,
    query: &str,
    version: &Version,
) -> Result<Option<i64>> {
    match count(site, query).await {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.code != Code::SchemaMismatch => Err(error),
        Err(_) if version.unfinished.is_some() => Ok(None),
        Err(error) => {
            let message = format!("the rows of {} cannot be counted", bare(table));
            Err(Error::new(error.code, message)
                .with_cause(error.cause.clone().unwrap_or_else(|| error.message.clone())))
        }
    }
}

/// A name without its quotes.
fn bare(name: &str) -> String {
    name.replace(['"', '`'], "")
}

fn refusal(losses: &[Lost]) -> Error {
    let rows = |count: i64| {
        if count == 1 {
            "1 row".to_owned()
        } else {
            format!("{count} rows")
        }
    };
    let told = losses
        .iter()
        .map(|lost| match (&lost.table, &lost.column, lost.rows) {
            (Some(table), Some(column), Some(count)) => {
                format!(
                    "the values of \"{column}\" in {} of \"{table}\"",
                    rows(count)
                )
            }
            (Some(table), None, Some(count)) => format!("{} of \"{table}\"", rows(count)),
            _ => format!(
                "what \"{}\" takes away, which cannot be counted",
                lost.statement
            ),
        });
    let message = format!(
        "rolling back would lose {}; back them up, or force it",
        told.collect::<Vec<_>>().join(", ")
    );
    let mut error = Error::new(Code::UnsafeMigration, message);
    if let Some(first) = losses.first() {
        error.table.clone_from(&first.table);
        error.column.clone_from(&first.column);
    }
    error
}
