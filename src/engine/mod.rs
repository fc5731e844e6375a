//! Databases: statements in, rows out. Knows nothing of Better Auth or of JavaScript.

pub mod sqlite;
mod statement;

pub use sqlite::{InFlight, Step, Transaction};
pub use statement::{Access, Column, Keep, Parameter, Rows, Statement};
