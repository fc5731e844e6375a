//! The Rust core of better-auth-native.
//!
//! Dependencies point one way: `binding` → `query`, `maintenance` → `schema`, `password`, `storage` →
//! `sql` → `engine` → `value`, `error`, `metrics`, `events`. Only `binding` knows Node.

mod binding;
mod database;
mod engine;
mod error;
mod events;
mod maintenance;
mod metrics;
mod password;
mod query;
mod schema;
mod sql;
mod storage;
mod value;
