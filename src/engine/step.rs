//! What moves a transaction along.

/// Savepoints are numbered by their depth, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Commit,
    Rollback,
    Savepoint(u32),
    Release(u32),
    RollbackTo(u32),
}

impl Step {
    pub fn sql(self) -> String {
        match self {
            Self::Commit => "COMMIT".to_owned(),
            Self::Rollback => "ROLLBACK".to_owned(),
            Self::Savepoint(depth) => format!("SAVEPOINT nested_{depth}"),
            Self::Release(depth) => format!("RELEASE SAVEPOINT nested_{depth}"),
            Self::RollbackTo(depth) => format!("ROLLBACK TO SAVEPOINT nested_{depth}"),
        }
    }

    /// As messages name it.
    pub fn attempt(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Rollback => "roll back",
            Self::Savepoint(_) | Self::Release(_) => "a nested transaction",
            Self::RollbackTo(_) => "roll back a nested transaction",
        }
    }

    pub fn ends_it(self) -> bool {
        matches!(self, Self::Commit | Self::Rollback)
    }
}
