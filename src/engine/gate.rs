//! Whether a database still takes work, and what it has to wait for before it closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::error::{Code, Error, Result};

#[derive(Default)]
pub struct Gate {
    closed: AtomicBool,
    /// Held for reading by everything in flight; `drain` waits until it can write.
    in_flight: Arc<RwLock<()>>,
}

/// Held by what was begun before `close`, which waits for it.
pub type InFlight = OwnedRwLockReadGuard<()>;

impl Gate {
    /// From when it is called, whatever has to wait until it can go on.
    pub fn enter(&self) -> Result<InFlight> {
        self.check_open()?;
        self.in_flight
            .clone()
            .try_read_owned()
            .map_err(|_| closed())
    }

    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        Ok(())
    }

    /// From now on, `enter` fails.
    pub fn shut(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits for what is in flight.
    pub async fn drain(&self) -> OwnedRwLockWriteGuard<()> {
        self.shut();
        self.in_flight.clone().write_owned().await
    }
}

pub fn closed() -> Error {
    Error::new(Code::Closed, "the database was used after close()")
}
