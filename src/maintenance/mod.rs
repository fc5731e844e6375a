//! What keeps a database in good order beside an application that uses it.
//!
//! `alone` is the lock of who works in the background. Each of the others answers one question by what a `Site` gives: text in, text out. What differs from
//! engine to engine is in `statistics`, a file per engine. Nothing here knows JavaScript.

pub mod alone;
mod diagnosis;
mod hashes;
mod statistics;

pub use statistics::{Surveyed, Surveys};

use serde::Deserialize;

use crate::error::{Code, Error, Result};
use crate::schema::{Schema, Visit};

/// A request, as the methods of a database make it.
#[derive(Debug, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Request {
    Statistics {
        schema: Schema,
        /// Milliseconds from which a statement is slow.
        slow: f64,
    },
    /// Has the planner's statistics made anew.
    Analyze { tables: Vec<String> },
    Diagnose {
        schema: Schema,
        roles: diagnosis::Roles,
    },
    /// What the index of words over these columns is known by.
    FullText {
        table: String,
        name: String,
        columns: Vec<String>,
    },
}

impl Request {
    /// Whether it writes.
    pub fn changes(&self) -> bool {
        matches!(self, Self::Analyze { .. })
    }
}

/// The answer, as JSON.
pub async fn answer<S: Surveyed>(site: &mut S, request: &Request) -> Result<String> {
    let answer = match request {
        Request::Statistics { schema, slow } => {
            serde_json::to_value(statistics::statistics(site, schema, *slow).await?)
        }
        Request::Analyze { tables } => {
            serde_json::to_value(statistics::analyze(site, tables).await?)
        }
        Request::Diagnose { schema, roles } => {
            site.enter(Visit::Look).await?;
            let answer = diagnosis::diagnose(site, schema, roles).await;
            site.leave(Visit::Look, false).await?;
            serde_json::to_value(answer?)
        }
        Request::FullText {
            table,
            name,
            columns,
        } => serde_json::to_value(site.full_text(table, name, columns).await?),
    };
    let answer = answer.map(|value| value.to_string());
    answer.map_err(|error| Error::new(Code::Internal, "no answer").with_cause(error))
}
