//! Where a database stands.

use serde::Serialize;

use super::look::{changes_of_file, is_same, look, missing};
use super::{Wanted, is_whole, newest};
use crate::error::{Code, Result};
use crate::schema::history::{Direction, Origin, Version};
use crate::schema::site::Site;
use crate::schema::steps::Change;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The newest version that is there; none where nothing was ever recorded.
    version: Option<i64>,
    in_step: bool,
    versions: Vec<Entry>,
    /// What a migration would run.
    pending: Vec<Change>,
    /// Why it would not.
    blocked: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(flatten)]
    version: Version,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Applied,
    Baseline,
    RolledBack,
    /// Not taken to its end.
    Interrupted,
    /// A file that is not applied.
    Pending,
    /// Its file is not what was applied.
    Changed,
    /// Its file is gone.
    Missing,
    /// It is newer than every file: another version of the application applied it.
    Unknown,
}

pub async fn status<S: Site>(site: &mut S, wanted: Wanted<'_>) -> Result<Status> {
    let (existing, versions) = look(site, &wanted.table_names()).await?;
    let mut pending = Vec::new();
    let mut blocked = None;
    let mut entries: Vec<Entry> = versions
        .iter()
        .map(|version| entry(version, wanted))
        .collect();
    match wanted {
        Wanted::Schema(schema) => match missing(site, schema, &existing).await {
            Ok(missing) => pending = missing,
            Err(error) if matches!(error.code, Code::UnsafeMigration | Code::SchemaMismatch) => {
                blocked = Some(error.message.clone());
            }
            Err(error) => return Err(error),
        },
        Wanted::Files(files) => {
            let dialect = site.dialect();
            let there = |number: i64| {
                let mut there = versions.iter().filter(|version| version.is_there());
                there.any(|version| version.version == number)
            };
            for file in files.iter().filter(|file| !there(file.version)) {
                pending.extend(changes_of_file(&*dialect, file)?);
                entries.retain(|entry| entry.version.version != file.version);
                let (up, down) = (file.up.clone(), file.down.clone());
                entries.push(Entry {
                    version: Version::new(file.version, &file.name, Origin::File, up, down),
                    state: State::Pending,
                });
            }
            entries.sort_by_key(|entry| entry.version.version);
        }
    }
    let settled = |entry: &Entry| {
        matches!(
            entry.state,
            State::Applied | State::Baseline | State::RolledBack
        )
    };
    Ok(Status {
        version: newest(&versions),
        in_step: pending.is_empty() && blocked.is_none() && entries.iter().all(settled),
        versions: entries,
        pending,
        blocked,
    })
}

fn entry(version: &Version, wanted: Wanted) -> Entry {
    let state = match version.origin {
        _ if version.unfinished.is_some() => State::Interrupted,
        _ if version.direction == Direction::Down => State::RolledBack,
        Origin::Baseline => State::Baseline,
        Origin::Options | Origin::File => match wanted {
            Wanted::Schema(_) => State::Applied,
            Wanted::Files(files) => {
                let file = files.iter().find(|file| file.version == version.version);
                let last = files.iter().map(|file| file.version).max().unwrap_or(0);
                match file {
                    Some(file) if !is_same(version, file) => State::Changed,
                    None if version.origin == Origin::File && version.version > last => {
                        State::Unknown
                    }
                    None if version.origin == Origin::File => State::Missing,
                    _ => State::Applied,
                }
            }
        },
    };
    debug_assert!(state != State::Applied || is_whole(version));
    Entry {
        version: version.clone(),
        state,
    }
}
