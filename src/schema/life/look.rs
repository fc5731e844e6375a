//! What is there, what is missing, and what stands in the way.

use super::migrate::describe;
use super::{File, Migrated, Wanted, newest};
use crate::error::{Code, Error, Result};
use crate::schema::diff::diff;
use crate::schema::existing::Existing;
use crate::schema::hazard::hazards;
use crate::schema::history::{self, Origin, Version};
use crate::schema::model::Schema;
use crate::schema::script;
use crate::schema::site::{Site, count};
use crate::schema::steps::Change;
use crate::sql::Dialect;

/// The tables that exist, and the versions.
pub async fn look<S: Site>(site: &mut S, tables: &[&str]) -> Result<(Existing, Vec<Version>)> {
    let mut names = tables.to_vec();
    names.push(history::TABLE);
    let existing = site.read(&names).await?;
    let versions = history::read(site, &existing).await?;
    Ok((existing, versions))
}

/// What is missing of the schema, where no row stands in the way of it.
pub async fn missing<S: Site>(
    site: &mut S,
    schema: &Schema,
    existing: &Existing,
) -> Result<Vec<Change>> {
    let dialect = site.dialect();
    let steps = diff(&*dialect, schema, existing)?;
    for hazard in hazards(&*dialect, existing, &steps) {
        let rows = count(site, &hazard.count(&*dialect)).await?;
        if rows > 0 {
            return Err(hazard.error(rows));
        }
    }
    let changes = steps.iter().map(|step| step.change(&*dialect, schema.id));
    Ok(changes.collect())
}

/// What a migration would do.
pub async fn plan<S: Site>(site: &mut S, wanted: Wanted<'_>) -> Result<Migrated> {
    let (existing, versions) = look(site, &wanted.table_names()).await?;
    let mut steps = Vec::new();
    for version in versions
        .iter()
        .filter(|version| is_interrupted_file(version))
    {
        let changes = changes_of_script(&*site.dialect(), &version.up, &version.description)?;
        let done = version.unfinished.unwrap_or(0).saturating_sub(1);
        steps.extend(changes.into_iter().skip(done));
    }
    match wanted {
        Wanted::Schema(schema) => steps.extend(missing(site, schema, &existing).await?),
        Wanted::Files(files) => {
            let dialect = site.dialect();
            for file in pending(&versions, files)? {
                steps.extend(changes_of_file(&*dialect, file)?);
            }
        }
    }
    Ok(Migrated {
        statements: steps.iter().map(|step| step.up.clone()).collect(),
        version: newest(&versions),
        description: describe(&steps),
        steps,
        ..Migrated::default()
    })
}

/// Whether a version of a file has to be taken to its end before anything else.
pub fn is_interrupted_file(version: &Version) -> bool {
    version.origin == Origin::File && version.unfinished.is_some()
}

/// The files that are not applied, after a look at whether the others are what was.
pub fn pending<'f>(versions: &[Version], files: &'f [File]) -> Result<Vec<&'f File>> {
    let newest_file = files.iter().map(|file| file.version).max().unwrap_or(0);
    for version in versions.iter().filter(|version| version.is_there()) {
        let file = files.iter().find(|file| file.version == version.version);
        match file {
            Some(file) if !is_same(version, file) => return Err(changed(version, file)),
            None if version.origin == Origin::File && version.version < newest_file => {
                let message = format!(
                    "{} was applied, and its file {}.up.sql is missing; bring it back, or roll back \
                     the version with its file's help",
                    version.description, version.description
                );
                return Err(Error::new(Code::MigrationMissing, message));
            }
            _ => {}
        }
    }
    let applied = |file: &&File| {
        let mut there = versions.iter().filter(|version| version.is_there());
        there.any(|version| version.version == file.version)
    };
    let mut pending: Vec<&File> = files.iter().filter(|file| !applied(file)).collect();
    pending.sort_by_key(|file| file.version);
    Ok(pending)
}

/// Whether the file is what was applied.
pub fn is_same(version: &Version, file: &File) -> bool {
    version.checksum == script::checksum(&file.up)
}

fn changed(version: &Version, file: &File) -> Error {
    let message = if version.origin == Origin::File {
        format!(
            "{}.up.sql has changed since it was applied; undo the edit, and make the change in a \
             migration of its own",
            file.name
        )
    } else {
        format!(
            "{}.up.sql has the number of version {} (\"{}\"), which was made without a file; give \
             it a number above {}",
            file.name, version.version, version.description, version.version
        )
    };
    Error::new(Code::MigrationChanged, message)
}

pub fn changes_of_file(dialect: &dyn Dialect, file: &File) -> Result<Vec<Change>> {
    changes_of_script(dialect, &file.up, &file.name)
}

/// The statements of a file that was applied, or will be.
pub fn changes_of_script(dialect: &dyn Dialect, up: &str, name: &str) -> Result<Vec<Change>> {
    let statements = script::split(dialect, up, &format!("{name}.up.sql"))?;
    let change = |(at, up): (usize, String)| Change {
        kind: "statement",
        what: format!("statement {} of {name}.up.sql", at + 1),
        table: None,
        column: None,
        constraint: None,
        up,
        down: String::new(),
        alone: false,
    };
    Ok(statements.into_iter().enumerate().map(change).collect())
}
