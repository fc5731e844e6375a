//! One process at a time: a lock that is not waited for, and that ends with whoever holds it. It
//! locks no table and no row; it only says who works in the background.

use std::fs::{File, TryLockError, remove_file};
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::mysql::MySql;
use crate::engine::postgres::Postgres;
use crate::engine::server::{Driver, Failure, Server};
use crate::engine::sqlite::{Location, in_words};
use crate::error::{Code, Error, Result};

/// Whoever has it works alone until it is let go of, or the process ends.
pub trait Alone: Send {
    fn let_go(self: Box<Self>) -> LettingGo;
}

pub type LettingGo = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How servers lock.
pub trait Locks: Driver {
    /// Asks for a lock that the connection keeps as long as it is left in that state.
    fn lock(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;
}

impl Locks for Postgres {
    /// In a transaction, because behind a pooler a session's lock would stay for others. One
    /// without a snapshot keeps no dead row alive.
    async fn lock(&self, connection: &mut Self::Connection) -> Result<bool, Failure> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
            SET LOCAL idle_in_transaction_session_timeout = 0";
        const LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended(\
            'better-auth-native clean-up ' || coalesce(nullif($1::text, ''), current_schema(), ''), \
            0))::text";
        self.control(connection, BEGIN, "begin a transaction")
            .await?;
        let schema = Self::facts(connection).schema.clone().unwrap_or_default();
        let got = self.fetch(connection, LOCK, &[&schema]).await?;
        Ok(got.first().and_then(|row| row.first()?.as_deref()) == Some("true"))
    }
}

impl Locks for MySql {
    async fn lock(&self, connection: &mut Self::Connection) -> Result<bool, Failure> {
        const LOCK: &str = "SELECT CAST(GET_LOCK(CONCAT('better-auth-native clean ', \
            LEFT(SHA2(DATABASE(), 256), 36)), 0) AS CHAR)";
        let got = self.fetch(connection, LOCK, &[]).await?;
        Ok(got.first().and_then(|row| row.first()?.as_deref()) == Some("1"))
    }
}

/// On a connection of its own, beside the pool.
pub async fn on_server<D: Locks>(server: &Server<D>) -> Result<Option<Box<dyn Alone>>> {
    let mut connection = server.connect().await?;
    let locked = server.driver().lock(&mut connection).await;
    if locked.map_err(|failure| failure.error)? {
        return Ok(Some(Box::new(OnServer::<D>(connection))));
    }
    D::disconnect(connection).await;
    Ok(None)
}

struct OnServer<D: Driver>(D::Connection);

impl<D: Driver> Alone for OnServer<D> {
    fn let_go(self: Box<Self>) -> LettingGo {
        Box::pin(async move {
            // Without a goodbye the server notices by itself.
            let _ = tokio::time::timeout(GOODBYE, D::disconnect(self.0)).await;
        })
    }
}

/// By a file beside the database, which the operating system unlocks when the process ends. A
/// database in memory is nobody else's.
pub fn on_file(location: &Location) -> Result<Option<Box<dyn Alone>>> {
    let Location::File(database) = location else {
        return Ok(Some(Box::new(OnFile(None))));
    };
    let mut path = database.clone().into_os_string();
    path.push("-cleanup");
    let path = PathBuf::from(path);
    let failed = |error: std::io::Error| {
        let message = format!(
            "the file {}, which says who cleans up, could not be locked: {}",
            path.display(),
            in_words(&error)
        );
        Error::new(Code::StorageFailed, message).with_cause(error)
    };
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Box::new(OnFile(Some((file, path)))))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

struct OnFile(Option<(File, PathBuf)>);

impl Alone for OnFile {
    fn let_go(self: Box<Self>) -> LettingGo {
        Box::pin(async move { drop(self) })
    }
}

impl Drop for OnFile {
    /// Removed while it is locked. Who has opened it and not locked it yet would have the lock of a
    /// file that is gone; at worst two clean up at once, which does no harm.
    fn drop(&mut self) {
        if let Some((_locked, path)) = self.0.take() {
            let _ = remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_locked_by_one_at_a_time_and_nothing_of_it_is_left() {
        let folder = std::env::temp_dir().join(format!("clean-up-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let location = Location::File(folder.join("auth.db"));
        let first = on_file(&location).unwrap().unwrap();
        assert!(on_file(&location).unwrap().is_none());
        drop(first);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        drop(on_file(&location).unwrap().unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
