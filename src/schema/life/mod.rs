//! A schema's life: what is asked of it, and the answers, the same for every engine.

mod look;
mod migrate;
mod remove;
mod rollback;
mod run;
mod status;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::{Direction, Version};
use super::model::Schema;
use super::site::{Site, Visit};
use super::steps::Change;
use super::validate;
use crate::error::{Code, Error, Result};

/// A request, as the methods of a database make it.
#[derive(Debug, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Request {
    /// What `Migrate` would do.
    Plan {
        schema: Option<Schema>,
        files: Option<Vec<File>>,
    },
    /// Brings the database to the schema, or to the newest file.
    Migrate {
        schema: Option<Schema>,
        files: Option<Vec<File>>,
    },
    /// Takes back every version above `to`; the newest where none is told.
    Rollback {
        to: Option<i64>,
        /// Whether rows may be lost.
        force: bool,
        dry_run: bool,
    },
    Status {
        schema: Option<Schema>,
        files: Option<Vec<File>>,
    },
    /// Takes what is there for a version, or the files for applied.
    Baseline {
        schema: Schema,
        files: Option<Vec<File>>,
        description: String,
    },
    Validate {
        schema: Schema,
        /// Whether to look at rows as well, which takes as long as there are many.
        rows: bool,
    },
    /// Drops the tables of the schema, and the history.
    Drop { schema: Schema, dry_run: bool },
    /// Deletes every row of the tables of the schema.
    Empty { schema: Schema },
}

/// A migration in files.
#[derive(Debug, Deserialize)]
pub struct File {
    pub version: i64,
    /// As errors and the history call it: `0001_core`.
    pub name: String,
    pub up: String,
    pub down: Option<String>,
}

/// How often it begins again after it and others were in each other's way.
const ATTEMPTS: usize = 5;

impl Request {
    /// Whether it may change how tables are built.
    pub fn changes(&self) -> bool {
        match self {
            Self::Plan { .. } | Self::Status { .. } | Self::Validate { .. } => false,
            Self::Rollback { dry_run, .. } | Self::Drop { dry_run, .. } => !dry_run,
            Self::Migrate { .. } | Self::Baseline { .. } | Self::Empty { .. } => true,
        }
    }
}

/// The answer, as JSON.
pub async fn answer<S: Site>(site: &mut S, request: &Request) -> Result<String> {
    let visit = if request.changes() {
        Visit::Change
    } else {
        Visit::Look
    };
    let mut answer = in_turn(site, request, visit).await?;
    if let Answer::Migrated(done) = &mut answer
        && done.left_alone
    {
        let Answer::Migrated(rest) = in_turn(site, request, Visit::Alone).await? else {
            return Err(Error::new(
                Code::Internal,
                "a migration has one kind of answer",
            ));
        };
        done.add(rest);
    }
    let answer = serde_json::to_value(answer).map(|value| value.to_string());
    answer.map_err(|error| Error::new(Code::Internal, "no answer").with_cause(error))
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Migrated(Migrated),
    RolledBack(rollback::RolledBack),
    Status(status::Status),
    Validated(validate::Report),
    Other(Value),
}

/// What was done, or would be.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrated {
    pub statements: Vec<String>,
    pub steps: Vec<Change>,
    /// The newest version that is there; none where nothing was ever recorded.
    pub version: Option<i64>,
    /// The steps in a line.
    pub description: String,
    /// The versions that were applied now.
    pub applied: Vec<Recorded>,
    /// Whether there is more to do that no transaction takes.
    #[serde(skip)]
    pub left_alone: bool,
}

#[derive(Debug, Serialize)]
pub struct Recorded {
    pub version: i64,
    pub description: String,
}

impl Migrated {
    fn add(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.steps.extend(other.steps);
        self.description = migrate::describe(&self.steps);
        self.applied.extend(other.applied);
        self.version = other.version;
        self.left_alone = other.left_alone;
    }

    fn record(&mut self, version: &Version) {
        self.version = self.version.max(Some(version.version));
        self.applied.push(Recorded {
            version: version.version,
            description: version.description.clone(),
        });
    }
}

/// One visit, tried again where others were in its way.
async fn in_turn<S: Site>(site: &mut S, request: &Request, visit: Visit) -> Result<Answer> {
    let mut attempt = 1;
    loop {
        let result = once(site, request, visit).await;
        let conflict = matches!(&result, Err(error)
            if matches!(error.code, Code::Deadlock | Code::SerializationFailure));
        if !conflict || attempt == ATTEMPTS {
            return result;
        }
        attempt += 1;
    }
}

async fn once<S: Site>(site: &mut S, request: &Request, visit: Visit) -> Result<Answer> {
    site.enter(visit).await?;
    let result = respond(site, request, visit).await;
    let left = site.leave(visit, result.is_ok()).await;
    // What failed first is what the caller has to hear.
    let answer = result?;
    left.map(|()| answer)
}

async fn respond<S: Site>(site: &mut S, request: &Request, visit: Visit) -> Result<Answer> {
    match request {
        Request::Plan { schema, files } => {
            let wanted = Wanted::of(schema.as_ref(), files.as_deref())?;
            look::plan(site, wanted).await.map(Answer::Migrated)
        }
        Request::Migrate { schema, files } => {
            let wanted = Wanted::of(schema.as_ref(), files.as_deref())?;
            migrate::migrate(site, wanted, visit)
                .await
                .map(Answer::Migrated)
        }
        Request::Rollback { to, force, dry_run } => {
            let asked = rollback::Asked {
                to: *to,
                force: *force,
                dry_run: *dry_run,
            };
            rollback::rollback(site, asked, visit)
                .await
                .map(Answer::RolledBack)
        }
        Request::Status { schema, files } => {
            let wanted = Wanted::of(schema.as_ref(), files.as_deref())?;
            status::status(site, wanted).await.map(Answer::Status)
        }
        Request::Baseline {
            schema,
            files,
            description,
        } => migrate::baseline(site, schema, files.as_deref(), description)
            .await
            .map(Answer::Migrated),
        Request::Validate { schema, rows } => validate::validate(site, schema, *rows)
            .await
            .map(Answer::Validated),
        Request::Drop { schema, dry_run } => remove::drop(site, schema, *dry_run)
            .await
            .map(Answer::Other),
        Request::Empty { schema } => remove::empty(site, schema).await.map(Answer::Other),
    }
}

/// Where a migration leads: to the schema of the options, or through files.
#[derive(Clone, Copy)]
enum Wanted<'r> {
    Schema(&'r Schema),
    Files(&'r [File]),
}

impl<'r> Wanted<'r> {
    fn of(schema: Option<&'r Schema>, files: Option<&'r [File]>) -> Result<Self> {
        match (files, schema) {
            (Some(files), _) => Ok(Self::Files(files)),
            (None, Some(schema)) => Ok(Self::Schema(schema)),
            (None, None) => Err(Error::new(Code::Internal, "nothing is wanted")),
        }
    }

    fn table_names(&self) -> Vec<&'r str> {
        match self {
            Self::Schema(schema) => schema.table_names(),
            Self::Files(_) => Vec::new(),
        }
    }
}

/// The newest version that is there.
fn newest(versions: &[Version]) -> Option<i64> {
    let there = versions.iter().filter(|version| version.is_there());
    there.map(|version| version.version).max()
}

/// The number of the version after all that ever were, so that none has two meanings.
fn next(versions: &[Version]) -> i64 {
    versions.last().map_or(1, |last| last.version + 1)
}

fn is_whole(version: &Version) -> bool {
    version.direction == Direction::Up && version.unfinished.is_none()
}
