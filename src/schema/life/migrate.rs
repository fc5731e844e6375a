//! Forwards: to what the options ask for, or through files.

use super::look::{changes_of_script, is_interrupted_file, look, missing, pending};
use super::run::{self, Failed, Run};
use super::{File, Migrated, Wanted, next};
use crate::error::{Error, Result};
use crate::schema::existing::Existing;
use crate::schema::history::{self, Direction, Origin, TABLE, Version};
use crate::schema::model::Schema;
use crate::schema::script;
use crate::schema::site::{Site, Visit};
use crate::schema::steps::Change;

pub async fn migrate<S: Site>(site: &mut S, wanted: Wanted<'_>, visit: Visit) -> Result<Migrated> {
    let (existing, versions) = look(site, &wanted.table_names()).await?;
    let mut migration = Migration {
        stepwise: site.is_stepwise(visit),
        site,
        existing,
        versions,
        done: Migrated::default(),
    };
    migration.done.version = super::newest(&migration.versions);
    migration.finish_interrupted().await?;
    match wanted {
        Wanted::Schema(schema) => migration.reach_schema(schema, visit).await?,
        Wanted::Files(files) => migration.through(files).await?,
    }
    let mut done = migration.done;
    done.description = describe(&done.steps);
    Ok(done)
}

struct Migration<'m, S> {
    site: &'m mut S,
    stepwise: bool,
    existing: Existing,
    versions: Vec<Version>,
    done: Migrated,
}

impl<S: Site> Migration<'_, S> {
    /// Takes files to their end whose statements an earlier process did not all run.
    async fn finish_interrupted(&mut self) -> Result<()> {
        let interrupted = |version: &&Version| is_interrupted_file(version);
        let interrupted: Vec<Version> = self.versions.iter().filter(interrupted).cloned().collect();
        for version in interrupted {
            let dialect = self.site.dialect();
            let changes = changes_of_script(&*dialect, &version.up, &version.description)?;
            let resumed = version.unfinished.unwrap_or(0);
            self.apply(version, changes, resumed, None).await?;
        }
        Ok(())
    }

    async fn reach_schema(&mut self, schema: &Schema, visit: Visit) -> Result<()> {
        let changes = missing(self.site, schema, &self.existing).await?;
        self.settle_interrupted(&changes).await?;
        // What a visit leaves is for the other one.
        let (alone, together): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.alone);
        let changes = if visit == Visit::Alone {
            alone
        } else {
            self.done.left_alone = !alone.is_empty();
            together
        };
        if changes.is_empty() {
            return Ok(());
        }
        let tables = self.existing.tables.keys();
        if self.versions.is_empty() && tables.into_iter().any(|name| name != TABLE) {
            let version = Version::new(1, "baseline", Origin::Baseline, String::new(), None);
            self.record(version).await?;
        }
        let up: Vec<&str> = changes.iter().map(|change| change.up.as_str()).collect();
        let down: Vec<&str> = changes
            .iter()
            .rev()
            .map(|change| change.down.as_str())
            .collect();
        let version = Version::new(
            next(&self.versions),
            &describe(&changes),
            Origin::Options,
            script::join(&up),
            Some(script::join(&down)),
        );
        self.apply(version, changes, 0, Some(schema)).await
    }

    async fn through(&mut self, files: &[File]) -> Result<()> {
        for file in pending(&self.versions, files)? {
            let dialect = self.site.dialect();
            let changes = super::look::changes_of_file(&*dialect, file)?;
            if let Some(down) = &file.down {
                script::split(&*dialect, down, &format!("{}.down.sql", file.name))?;
            }
            let version = Version::new(
                file.version,
                &file.name,
                Origin::File,
                file.up.clone(),
                file.down.clone(),
            );
            self.apply(version, changes, 0, None).await?;
        }
        Ok(())
    }

    /// Versions of the options that an earlier process did not take to their end are cut to what
    /// is in the database: what is missing today may be something else.
    async fn settle_interrupted(&mut self, missing: &[Change]) -> Result<()> {
        for place in 0..self.versions.len() {
            let version = &self.versions[place];
            let (Some(mut count), Origin::Options) = (version.unfinished, version.origin) else {
                continue;
            };
            let dialect = self.site.dialect();
            let name = format!("version {} of the history", version.version);
            let mut up = script::split(&*dialect, &version.up, &name)?;
            let down = version.down.as_deref().unwrap_or_default();
            let down = script::split(&*dialect, down, &name)?;
            let last = count.checked_sub(1).and_then(|last| up.get(last));
            if last.is_some_and(|last| missing.iter().any(|change| change.up == *last)) {
                count -= 1;
            }
            if count == 0 {
                // Nothing of it is there, and the number stays its own.
                let mut undone = version.clone();
                (undone.direction, undone.unfinished) = (Direction::Down, None);
                history::write(self.site, &undone, false).await?;
                self.versions[place] = undone;
                continue;
            }
            up.truncate(count);
            let down = &down[down.len().saturating_sub(count)..];
            let settled = Version {
                duration: version.duration,
                ..Version::new(
                    version.version,
                    &format!("{} (interrupted)", version.description),
                    Origin::Options,
                    script::join(&up),
                    Some(script::join(down)),
                )
            };
            history::write(self.site, &settled, false).await?;
            self.versions[place] = settled;
        }
        Ok(())
    }

    /// Runs the statements of a version, all but those that had been run before.
    async fn apply(
        &mut self,
        mut version: Version,
        changes: Vec<Change>,
        resumed: usize,
        schema: Option<&Schema>,
    ) -> Result<()> {
        self.prepare().await?;
        let run = Run {
            stepwise: self.stepwise,
            known: self.knows(&version),
            resumed,
            schema,
        };
        if let Err(failed) = run::up(self.site, &mut version, &changes, &run).await {
            return Err(self.explained(&changes, failed));
        }
        self.keep(version);
        let rest = changes.into_iter().skip(resumed.saturating_sub(1));
        for change in rest {
            self.done.statements.push(change.up.clone());
            self.done.steps.push(change);
        }
        Ok(())
    }

    async fn record(&mut self, version: Version) -> Result<()> {
        self.prepare().await?;
        history::write(self.site, &version, !self.knows(&version)).await?;
        self.keep(version);
        Ok(())
    }

    /// Whether the version has a row.
    fn knows(&self, version: &Version) -> bool {
        let mut known = self.versions.iter();
        known.any(|known| known.version == version.version)
    }

    fn keep(&mut self, version: Version) {
        self.done.record(&version);
        self.versions
            .retain(|known| known.version != version.version);
        self.versions.push(version);
        self.versions.sort_by_key(|version| version.version);
    }

    async fn prepare(&mut self) -> Result<()> {
        history::prepare(self.site, &self.existing).await?;
        self.existing.tables.entry(TABLE.to_owned()).or_default();
        Ok(())
    }

    fn explained(&self, changes: &[Change], failed: Failed) -> Error {
        let change = &changes[failed.place.min(changes.len() - 1)];
        let before: Vec<&str> = self
            .done
            .steps
            .iter()
            .chain(&changes[..failed.place])
            .map(|change| change.what.as_str())
            .filter(|_| self.stepwise)
            .collect();
        let (verb, done) = match change.kind {
            "statement" => ("run", "run"),
            _ => ("create", "created"),
        };
        let cannot = format!("{verb} {}", change.what);
        let mut error = run::explained(&cannot, &failed.error, &before, done);
        error.table.clone_from(&change.table);
        error.column.clone_from(&change.column);
        error.constraint.clone_from(&change.constraint);
        error
    }
}

/// A line about a version.
pub fn describe(changes: &[Change]) -> String {
    let of_kind = |kind: &'static str| changes.iter().filter(move |change| change.kind == kind);
    let mut parts = Vec::new();
    let tables: Vec<&str> = of_kind("table")
        .filter_map(|it| it.table.as_deref())
        .collect();
    if !tables.is_empty() {
        parts.push(format!("create {}", tables.join(", ")));
    }
    let columns: Vec<String> = of_kind("column")
        .filter_map(|it| {
            Some(format!(
                "{}.{}",
                it.table.as_deref()?,
                it.column.as_deref()?
            ))
        })
        .collect();
    if !columns.is_empty() {
        parts.push(format!("add {}", columns.join(", ")));
    }
    for (kind, plural) in [
        ("index", "indexes"),
        ("foreign key", "foreign keys"),
        ("trigger", "triggers"),
    ] {
        match of_kind(kind).count() {
            0 => {}
            1 => parts.push(format!("1 {kind}")),
            count => parts.push(format!("{count} {plural}")),
        }
    }
    let mut line = parts.join("; ");
    if line.chars().count() > 200 {
        line = line.chars().take(199).chain(['…']).collect();
    }
    line
}

/// Takes what is there for the first version, or files for applied.
pub async fn baseline<S: Site>(
    site: &mut S,
    schema: &Schema,
    files: Option<&[File]>,
    description: &str,
) -> Result<Migrated> {
    let (existing, versions) = look(site, &schema.table_names()).await?;
    if let Some(newest) = super::newest(&versions) {
        return Err(Error::invalid_input(format!(
            "the database has a history already, up to version {newest}; a baseline is its beginning"
        )));
    }
    let visit = Visit::Change;
    let mut migration = Migration {
        stepwise: site.is_stepwise(visit),
        site,
        existing,
        versions,
        done: Migrated::default(),
    };
    match files {
        None => {
            let number = next(&migration.versions);
            let up = String::new();
            let version = Version::new(number, description, Origin::Baseline, up, None);
            migration.record(version).await?;
        }
        Some(files) => {
            for file in pending(&migration.versions, files)? {
                let (up, down) = (file.up.clone(), file.down.clone());
                let version = Version::new(file.version, &file.name, Origin::File, up, down);
                migration.record(version).await?;
            }
        }
    }
    Ok(migration.done)
}
