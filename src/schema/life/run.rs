//! Statements of a version, one after the other, so that it is known at any moment how far it is.

use std::time::Instant;

use crate::error::{Code, Error, Result};
use crate::schema::diff::diff;
use crate::schema::history::{self, Direction, Version};
use crate::schema::model::Schema;
use crate::schema::site::{Site, is_gone_already, is_there_already};
use crate::schema::steps::Change;

/// How statements are run.
pub struct Run<'r> {
    /// Whether each is for good at once, and is noted before it begins.
    pub stepwise: bool,
    /// Whether the version has a row already.
    pub known: bool,
    /// How many are in the database from an earlier attempt; of the last one it is not certain.
    pub resumed: usize,
    /// What the statements are for, where that can be asked again.
    pub schema: Option<&'r Schema>,
}

/// A statement that failed, and the one it was.
pub struct Failed {
    pub place: usize,
    pub error: Error,
}

/// Takes the version up. Its row is there afterwards; after a failure, where anything of it is.
pub async fn up<S: Site>(
    site: &mut S,
    version: &mut Version,
    changes: &[Change],
    run: &Run<'_>,
) -> Result<(), Failed> {
    let begun = Instant::now();
    let outside = |error| Failed { place: 0, error };
    let first = run.resumed.saturating_sub(1);
    version.direction = Direction::Up;
    if run.stepwise && run.resumed == 0 {
        version.unfinished = Some(0);
        history::write(site, version, !run.known)
            .await
            .map_err(outside)?;
    }
    for (place, change) in changes.iter().enumerate().skip(first) {
        if run.stepwise {
            version.unfinished = Some(place + 1);
            note(site, version).await.map_err(outside)?;
        }
        let Err(error) = site.run(&change.up).await else {
            continue;
        };
        // Of this one it was not certain whether it had been done.
        if run.resumed > 0 && place == first && is_there_already(&error) {
            continue;
        }
        // Somebody who does not wait for turns may have taken it.
        let taken = match run.schema.filter(|_| run.stepwise) {
            Some(schema) => !is_missing(site, schema, &change.up)
                .await
                .map_err(outside)?,
            None => false,
        };
        if taken {
            continue;
        }
        if run.stepwise {
            undo_note(site, version, place, run.known)
                .await
                .map_err(outside)?;
        }
        return Err(Failed { place, error });
    }
    version.unfinished = None;
    version.duration = begun.elapsed().as_millis() as i64;
    let new = !run.stepwise && !run.known;
    history::write(site, version, new).await.map_err(outside)
}

/// Takes the version down, by those statements, of which the last `left` are still to be run.
pub async fn down<S: Site>(
    site: &mut S,
    version: &mut Version,
    statements: &[String],
    stepwise: bool,
) -> Result<(), Failed> {
    let begun = Instant::now();
    let outside = |error| Failed { place: 0, error };
    version.direction = Direction::Down;
    for (place, statement) in statements.iter().enumerate() {
        if stepwise {
            version.unfinished = Some(statements.len() - place);
            note(site, version).await.map_err(outside)?;
        }
        match site.run(statement).await {
            Ok(()) => {}
            // An interrupted attempt may have got that far, and what is gone need not go.
            Err(error) if stepwise && is_gone_already(&error) => {}
            Err(error) => return Err(Failed { place, error }),
        }
    }
    version.unfinished = None;
    version.duration = begun.elapsed().as_millis() as i64;
    note(site, version).await.map_err(outside)
}

async fn is_missing<S: Site>(site: &mut S, schema: &Schema, statement: &str) -> Result<bool> {
    let dialect = site.dialect();
    let existing = site.read(&schema.table_names()).await?;
    let steps = diff(&*dialect, schema, &existing)?;
    let mut missing = steps.iter().map(|step| step.change(&*dialect, schema.id));
    Ok(missing.any(|missing| missing.up == statement))
}

async fn note<S: Site>(site: &mut S, version: &Version) -> Result<()> {
    history::write(site, version, false).await
}

/// The statement at `place` did nothing.
async fn undo_note<S: Site>(
    site: &mut S,
    version: &mut Version,
    place: usize,
    known: bool,
) -> Result<()> {
    version.unfinished = Some(place);
    if place == 0 {
        if !known {
            return history::forget(site, version).await;
        }
        (version.direction, version.unfinished) = (Direction::Down, None);
    }
    note(site, version).await
}

/// A statement's failure, with what became of those `before` it, which had been `done`. `cannot` is
/// what was attempted.
pub fn explained(cannot: &str, error: &Error, before: &[&str], done: &str) -> Error {
    let code = match error.code {
        Code::UniqueViolation | Code::ForeignKeyViolation | Code::NotNullViolation => {
            Code::UnsafeMigration
        }
        Code::Internal | Code::InvalidInput | Code::CheckViolation => Code::SchemaMismatch,
        code => code,
    };
    let rest = if before.is_empty() {
        "nothing was changed".to_owned()
    } else {
        let steps = before.join(", ");
        format!("{steps} had been {done} before; run it again and it goes on")
    };
    let cause = error.cause.clone().unwrap_or_else(|| error.message.clone());
    // What is to be done about it does not depend on the statement.
    let why = match (code, error.message.split_once(" failed: ")) {
        (Code::StorageFailed | Code::ReadOnly, Some((_, why))) => format!(": {why}"),
        _ => String::new(),
    };
    let mut explained = Error::new(code, format!("cannot {cannot}{why}; {rest}")).with_cause(cause);
    explained.retryable = error.retryable;
    explained.sql_state.clone_from(&error.sql_state);
    explained
}
