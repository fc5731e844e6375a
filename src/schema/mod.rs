//! Better Auth's tables: what they should be, what they are, and the way between the two.
//!
//! The `model` that an application wants and what `existing` tables are make, by `diff`, `steps`
//! in their order, and those make statements, there and back (`ddl`). What rows that exist could
//! stand in the way of is a `hazard`, looked for before the first statement. The versions that were
//! applied are the `history`, kept as a `script` each; what can be asked of all that is a schema's
//! `life`. Engines differ in how a database is read and changed: the `site`, which is `sqlite` or
//! `servers`. Nothing here knows JavaScript.

mod ddl;
mod diff;
mod existing;
mod hazard;
mod history;
mod life;
mod model;
mod names;
mod script;
pub mod servers;
mod site;
pub mod sqlite;
mod steps;
mod validate;

pub use existing::Existing;
pub use hazard::from_orphans;
pub use history::{moment_before, now};
pub use life::Request;
pub use model::Schema;
pub use script::shape as statement_shape;
pub use servers::Session;
pub use site::{Site, Visit};
pub use validate::{MissingIndex, missing_indexes};

#[cfg(test)]
mod tests;
