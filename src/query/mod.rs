//! What Better Auth asks of a database, and the statement each question compiles to.
//!
//! Knows nothing of connections or of JavaScript.

mod compile;
mod operation;
mod search;

pub use compile::compile;
pub use operation::Operation;
