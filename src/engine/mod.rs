//! Databases: statements in, rows out. Knows nothing of Better Auth or of JavaScript.

mod cells;
mod fit;
pub mod gate;
pub mod mysql;
pub mod postgres;
pub mod server;
pub mod sqlite;
mod statement;
mod step;

pub use gate::InFlight;
pub use statement::{Access, Column, Keep, Parameter, Program, Role, Rows, Statement};
pub use step::Step;
