//! The Rust core of better-auth-native.
//!
//! Dependencies point one way: `binding` → `query`, `schema`, `password` → `sql` → `engine` →
//! `value`, `error`. Only `binding` knows Node.

mod binding;
pub mod database;
pub mod engine;
pub mod error;
pub mod password;
pub mod query;
pub mod schema;
pub mod sql;
pub mod value;
