//! Better Auth's tables: what they should be, what they are, and the statements between the two.
//!
//! The `model` that an application wants and what `existing` tables are make, by `diff`, `steps`
//! in their order, and those make statements (`ddl`). What rows that exist could stand in the way
//! of is a `hazard`, looked for before the first statement. Engines differ in how a database is
//! read and in how steps are taken: `sqlite`, `servers`. Nothing here knows JavaScript.

mod ddl;
mod diff;
mod existing;
mod hazard;
mod model;
mod names;
pub mod servers;
pub mod sqlite;
mod steps;

pub use model::Schema;

#[cfg(test)]
mod tests;
