//! The connections to one database, as they are at one moment.

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Connections {
    /// The server, or the file.
    pub server: String,
    pub role: &'static str,
    pub open: usize,
    pub busy: usize,
    pub idle: usize,
    /// Callers who wait for one.
    pub waiting: usize,
    /// How many there may be.
    pub most: usize,
    /// Since the beginning, as `lost`.
    pub opened: u64,
    pub lost: u64,
}
