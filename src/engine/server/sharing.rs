//! Connections that several callers use at once, where the protocol allows it.
//!
//! Only for statements behind which nobody waits long: a connection answers in the order it was
//! asked. Whoever reads by a key joins a connection that others read on already, up to a number;
//! then the next connection is taken. Figures: docs/performance.md, "Pipelining".

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::driver::{Driver, Share};
use super::failure::Failure;
use super::pool::{Lease, Pool};
use crate::engine::waiter::Waiter;
use crate::error::Result;

/// Callers per connection. More of them save little, and each waits for those before: 64 callers
/// find 23,000 rows a second by 16 connections, 31,000 by 4, 37,000 by 2 and 40,000 by one.
const MOST: usize = 32;

pub struct Sharing<D: Driver> {
    shared: SharedNow<D>,
    /// Held by the one who takes another connection; the others wait for it, to join.
    taking: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

/// The connections that are shared at the moment.
type SharedNow<D> = Arc<Mutex<Vec<Arc<Shared<D>>>>>;

impl<D: Driver> Default for Sharing<D> {
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            taking: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }
}

struct Shared<D: Driver> {
    /// Ends with the last who has a place.
    lease: Mutex<Lease<D>>,
    /// How many have had a place so far.
    admitted: AtomicUsize,
    spoiled: AtomicBool,
}

/// A connection that is lent to one caller, or to several.
pub enum Held<D: Driver> {
    Alone(Lease<D>),
    Shared(Place<D>),
}

/// One caller's place on a connection.
pub struct Place<D: Driver> {
    connection: D::Connection,
    shared: Arc<Shared<D>>,
    all: SharedNow<D>,
    trusted: bool,
}

impl<D: Driver> Sharing<D> {
    /// A place on a connection that is shared, or on one that is from now on.
    pub async fn place(
        &self,
        pool: &Pool<D>,
        share: Share<D::Connection>,
        what: &'static str,
    ) -> Result<Place<D>> {
        if let Some(place) = self.join(pool, share) {
            return Ok(place);
        }
        let begun = Instant::now();
        let patience = pool.limits().acquire;
        let _taking = {
            let _waiting = Waiter::new(&self.waiting);
            let turn = tokio::time::timeout(patience, self.taking.lock()).await;
            turn.map_err(|_| pool.all_busy(what))?
        };
        if let Some(place) = self.join(pool, share) {
            return Ok(place);
        }
        let left = patience.saturating_sub(begun.elapsed());
        let lease = pool.lease_within(left, what).await?;
        let connection = share(&lease);
        let shared = Arc::new(Shared {
            lease: Mutex::new(lease),
            admitted: AtomicUsize::new(1),
            spoiled: AtomicBool::new(false),
        });
        self.shared.lock().push(shared.clone());
        Ok(self.placed(connection, shared))
    }

    /// Nobody joins any of those that are shared now.
    pub fn end(&self) {
        self.shared.lock().clear();
    }

    /// Those who wait to join.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place on the connection that has the fewest callers. While somebody waits for a
    /// connection, each is left when it has served a number, so that it comes back to the pool.
    fn join(&self, pool: &Pool<D>, share: Share<D::Connection>) -> Option<Place<D>> {
        let all = self.shared.lock();
        let is_wanted = !all.is_empty() && pool.is_wanted();
        let (callers, emptiest) = all
            .iter()
            .filter(|shared| !is_wanted || shared.admitted.load(Ordering::Relaxed) < MOST)
            .map(|shared| (Arc::strong_count(shared) - 1, shared))
            .min_by_key(|(callers, _)| *callers)?;
        if callers >= MOST {
            return None;
        }
        let connection = {
            let lease = emptiest.lease.lock();
            if lease.is_outlived() {
                return None;
            }
            share(&lease)
        };
        emptiest.admitted.fetch_add(1, Ordering::Relaxed);
        Some(self.placed(connection, emptiest.clone()))
    }

    fn placed(&self, connection: D::Connection, shared: Arc<Shared<D>>) -> Place<D> {
        Place {
            connection,
            shared,
            all: self.shared.clone(),
            trusted: true,
        }
    }
}

impl<D: Driver> Held<D> {
    /// Has the connection closed instead of used again. False where another caller has done so.
    fn spoil(&mut self) -> bool {
        match self {
            Self::Alone(lease) => {
                lease.spoil();
                true
            }
            Self::Shared(place) => place.spoil(),
        }
    }

    /// Has the connection closed where this is dropped before `trust`.
    pub fn distrust(&mut self) {
        match self {
            Self::Alone(lease) => lease.distrust(),
            Self::Shared(place) => place.trusted = false,
        }
    }

    /// After what was begun with `distrust`: a failure may have left the connection in a state that
    /// is not known, or may have ended it.
    pub fn settle<T>(&mut self, pool: &Pool<D>, result: &Result<T, Failure>) {
        match result {
            Err(failure) if failure.spoils_connection() => {
                if self.spoil() {
                    pool.lose(&failure.error);
                }
            }
            _ => self.trust(),
        }
    }

    fn trust(&mut self) {
        match self {
            Self::Alone(lease) => lease.trust(),
            Self::Shared(place) => place.trusted = true,
        }
    }
}

impl<D: Driver> Deref for Held<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        match self {
            Self::Alone(lease) => lease,
            Self::Shared(place) => &place.connection,
        }
    }
}

impl<D: Driver> DerefMut for Held<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        match self {
            Self::Alone(lease) => lease,
            Self::Shared(place) => &mut place.connection,
        }
    }
}

impl<D: Driver> Place<D> {
    fn spoil(&mut self) -> bool {
        self.trusted = true;
        self.shared.lease.lock().distrust();
        let mut all = self.all.lock();
        all.retain(|shared| !Arc::ptr_eq(shared, &self.shared));
        !self.shared.spoiled.swap(true, Ordering::Relaxed)
    }
}

impl<D: Driver> Drop for Place<D> {
    fn drop(&mut self) {
        if !self.trusted {
            self.spoil();
            return;
        }
        let mut all = self.all.lock();
        // This one's and the list's.
        if Arc::strong_count(&self.shared) == 2 {
            all.retain(|shared| !Arc::ptr_eq(shared, &self.shared));
        }
    }
}
