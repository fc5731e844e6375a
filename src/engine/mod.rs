//! Databases: statements in, rows out. Knows nothing of Better Auth or of JavaScript.

mod call;
mod cells;
mod connections;
mod fit;
pub mod gate;
pub mod mysql;
pub mod own;
pub mod postgres;
pub mod server;
pub mod sqlite;
mod statement;
mod step;
mod waiter;
pub mod words;

pub use call::Call;
pub use connections::Connections;
pub use gate::{Drained, InFlight};
pub use statement::{Access, Column, Keep, Parameter, Program, Role, Rows, Statement};
pub use step::Step;
