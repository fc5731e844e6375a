//! What keeps a database in order while it is in use.

pub mod alone;
