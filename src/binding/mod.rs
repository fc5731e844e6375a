//! The border to Node: the only place that imports napi.
//!
//! Nothing here decides anything about databases, passwords or storages; it converts arguments,
//! starts work and converts results.

// Only Node calls what `#[napi]` exports.
#![allow(dead_code)]

mod alone;
mod backup;
mod bridge;
mod convert;
mod database;
mod listener;
mod outcome;
mod own;
mod packed;
mod password;
mod runtime;
mod storage;
mod transaction;
