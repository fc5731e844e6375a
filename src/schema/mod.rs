//! Better Auth's tables: what they should be, what they are, and the statements between the two.
//!
//! Knows databases and dialects, but no connection handling and no JavaScript.

mod diff;
mod introspect;
pub mod migrate;
mod model;
pub mod servers;
mod steps;

pub use model::Schema;
