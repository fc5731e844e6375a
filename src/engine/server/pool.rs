//! The connections to one server: last in, first out, never pinged, lent to callers in the order
//! they came. Pooling is deadpool's; what is added here is who holds what, and for how long.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};
use deadpool::{Runtime, Status};
use parking_lot::Mutex;

use super::backoff::{Backoff, shortened};
use super::batching::{Batching, Lookup, Turn};
use super::driver::{Driver, Share};
use super::failure::Failure;
use super::sharing::{Place, Sharing};
use crate::engine::Connections;
use crate::engine::gate::closed;
use crate::error::{Code, Error, Result};
use crate::events::{Event, Events};

#[derive(Clone, Debug)]
pub struct Limits {
    pub max: usize,
    /// Kept open even when idle.
    pub min: usize,
    pub max_waiting: usize,
    /// How long a caller waits for a connection to become free.
    pub acquire: Duration,
    /// Zero: no limit.
    pub connect: Duration,
    /// How long connecting is tried again where it fails for now.
    pub connect_retry: Duration,
    /// Zero: no limit. The same for `lifetime`.
    pub idle: Duration,
    pub lifetime: Duration,
}

impl Limits {
    /// A replica that is away is done without, for now.
    pub fn of_replica(self) -> Self {
        let connect_retry = Duration::ZERO;
        Self {
            connect_retry,
            ..self
        }
    }

    /// A fraction of the limits, so that what ends at different times is not closed at once. None
    /// where there is nothing to do.
    fn maintenance_interval(&self) -> Option<Duration> {
        let limits = [self.idle, self.lifetime].into_iter();
        let shortest = limits.filter(|limit| !limit.is_zero()).min();
        match shortest {
            Some(limit) => Some((limit / 20).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)),
            None => (self.min > 0).then_some(LONGEST_INTERVAL),
        }
    }
}

const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(15);

pub struct Pool<D: Driver> {
    connections: managed::Pool<Manager<D>>,
    limits: Limits,
    busy: Arc<Busy>,
    sharing: Sharing<D>,
    batching: Batching,
    maintained: AtomicBool,
}

impl<D: Driver> Pool<D> {
    pub fn new(driver: Arc<D>, limits: Limits, events: Events) -> Self {
        let manager = Manager {
            driver,
            limits: limits.clone(),
            history: History::default(),
            events,
        };
        let connections = managed::Pool::builder(manager)
            .max_size(limits.max)
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(limits.acquire))
            .create_timeout((!limits.connect.is_zero()).then_some(limits.connect))
            .build()
            .expect("timeouts have a runtime");
        Self {
            batching: Batching::new(limits.max),
            connections,
            limits,
            busy: Arc::default(),
            sharing: Sharing::default(),
            maintained: AtomicBool::new(false),
        }
    }

    pub fn driver(&self) -> &D {
        &self.connections.manager().driver
    }

    fn waiting(&self) -> usize {
        self.queued() + self.sharing.waiting() + self.batching.waiting()
    }

    /// Callers beyond the most connections. To deadpool, those wait too who are connecting.
    fn queued(&self) -> usize {
        let Status { size, waiting, .. } = self.connections.status();
        (size + waiting).saturating_sub(self.limits.max)
    }

    /// Whether somebody waits for a connection to come back.
    pub fn is_wanted(&self) -> bool {
        self.queued() > 0
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A connection that is not one of the pool's.
    pub async fn connect(&self) -> Result<D::Connection> {
        let mut backoff = Backoff::new(self.limits.connect_retry);
        loop {
            let connecting = self.driver().connect();
            let failure = match tokio::time::timeout(self.limits.connect, connecting).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(failure)) => failure.error,
                Err(_) => self.connects_too_slowly(),
            };
            if !failure.retryable || !backoff.wait().await {
                return Err(failure);
            }
        }
    }

    /// A connection, for `what`: an idle one, or a new one while there are fewer than the most,
    /// or the next to become free.
    pub async fn lease(&self, what: &'static str) -> Result<Lease<D>> {
        self.refuse_overload(what)?;
        self.lease_within(self.limits.acquire, what).await
    }

    /// As `lease`, for whoever has waited already.
    pub async fn lease_within(&self, patience: Duration, what: &'static str) -> Result<Lease<D>> {
        self.begin_maintenance();
        let timeouts = Timeouts {
            wait: Some(patience),
            ..self.connections.timeouts()
        };
        let mut backoff = Backoff::new(self.limits.connect_retry);
        loop {
            let failure = match self.connections.timeout_get(&timeouts).await {
                Ok(connection) => return Ok(Lease::new(connection, &self.busy, what)),
                Err(PoolError::Backend(failure)) => failure.error,
                Err(PoolError::Timeout(TimeoutType::Create)) => self.connects_too_slowly(),
                Err(PoolError::Timeout(_)) => return Err(self.all_busy(what)),
                Err(PoolError::Closed) => return Err(closed()),
                Err(PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                    return Err(Error::new(Code::Internal, "the pool is not set up"));
                }
            };
            if !failure.retryable || !backoff.wait().await {
                return Err(failure);
            }
        }
    }

    /// As `lease`, for a statement behind which others may stand in line: several callers may have
    /// the same connection.
    pub async fn place(&self, share: Share<D::Connection>, what: &'static str) -> Result<Place<D>> {
        self.refuse_overload(what)?;
        self.sharing.place(self, share, what).await
    }

    /// A turn among those who look up together, for `what`.
    pub async fn turn(&self, lookup: &Lookup, what: &'static str) -> Result<Turn> {
        self.refuse_overload(what)?;
        let turn = tokio::time::timeout(self.limits.acquire, self.batching.turn(lookup));
        turn.await.map_err(|_| self.all_busy(what))
    }

    /// A connection has broken. Closes the idle ones, which are as old, and lets nobody join those
    /// that are shared.
    pub fn lose(&self, error: &Error) {
        self.connections.manager().lose(error);
        self.connections.retain(|_, _| false);
        self.sharing.end();
        self.batching.forget();
    }

    pub fn connections(&self, role: &'static str) -> Connections {
        let Status {
            size, available, ..
        } = self.connections.status();
        let history = &self.connections.manager().history;
        Connections {
            server: self.driver().name().to_owned(),
            role,
            open: size,
            busy: size.saturating_sub(available),
            idle: available,
            waiting: self.waiting(),
            most: self.limits.max,
            opened: history.opened.load(Ordering::Relaxed),
            lost: history.lost.load(Ordering::Relaxed),
        }
    }

    /// Waits for nothing: what is lent is closed when it comes back.
    pub async fn close(&self) {
        let idle = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        for connection in idle {
            D::disconnect(connection.raw).await;
        }
    }

    fn begin_maintenance(&self) {
        if self.maintained.swap(true, Ordering::Relaxed) {
            return;
        }
        let limits = self.limits.clone();
        let Some(interval) = limits.maintenance_interval() else {
            return;
        };
        let pool = self.connections.weak();
        tokio::spawn(async move {
            while let Some(pool) = pool.upgrade().filter(|pool| !pool.is_closed()) {
                maintain(&pool, &limits).await;
                drop(pool);
                tokio::time::sleep(interval).await;
            }
        });
    }

    fn refuse_overload(&self, what: &str) -> Result<()> {
        if self.waiting() < self.limits.max_waiting {
            return Ok(());
        }
        let message = format!(
            "{what} was refused: {} callers wait for a connection to {} already; the limit is maxWaiting",
            self.limits.max_waiting,
            self.driver().name(),
        );
        Err(Error::new(Code::Overloaded, message))
    }

    pub fn all_busy(&self, what: &str) -> Error {
        let message = format!(
            "{what} waited {} ms for one of {} connections to {}: {}. More connections \
             (maxConnections), shorter transactions or a longer acquireTimeoutMs help",
            self.limits.acquire.as_millis(),
            self.limits.max,
            self.driver().name(),
            self.busy.describe(),
        );
        Error::new(Code::PoolTimeout, message)
    }

    fn connects_too_slowly(&self) -> Error {
        let message = format!(
            "{} did not accept a connection within {} ms (connectTimeoutMs)",
            self.driver().name(),
            self.limits.connect.as_millis(),
        );
        Error::new(Code::ConnectFailed, message).retryable()
    }
}

/// Closes what has been idle or open for too long, and opens what is missing to the least number.
async fn maintain<D: Driver>(pool: &managed::Pool<Manager<D>>, limits: &Limits) {
    let mut open = pool.status().size;
    let removed = pool.retain(|connection, _| {
        let keep = !connection.is_outlived()
            && (open <= limits.min || !connection.has_idled_for(limits.idle));
        if !keep {
            open -= 1;
        }
        keep
    });
    for connection in removed.removed {
        D::disconnect(connection.raw).await;
    }
    // Kept until there are enough: the pool lends idle ones before it opens another.
    let mut lent = Vec::new();
    while pool.status().size < limits.min {
        // A failure here is one of the next caller's too, who hears of it.
        match pool.get().await {
            Ok(connection) => lent.push(connection),
            Err(_) => return,
        }
    }
}

pub struct Manager<D> {
    driver: Arc<D>,
    limits: Limits,
    history: History,
    events: Events,
}

impl<D: Driver> Manager<D> {
    fn lose(&self, error: &Error) {
        self.history.lost.fetch_add(1, Ordering::Relaxed);
        self.history.away.store(true, Ordering::Relaxed);
        self.events.tell(|| Event::Disconnect {
            server: self.driver.name().to_owned(),
            code: error.code.as_str(),
            message: error.message.clone(),
        });
    }

    fn ended_while_idle(&self) -> Error {
        let message = format!("{} has closed an idle connection", self.driver.name());
        Error::new(Code::ConnectionLost, message)
    }
}

/// What has become of the connections so far.
#[derive(Default)]
struct History {
    opened: AtomicU64,
    lost: AtomicU64,
    /// Whether the last thing known of the server is that it was away.
    away: AtomicBool,
}

/// A connection and how long it may be used.
pub struct Pooled<C> {
    raw: C,
    /// A little earlier for some than for others, so that they are not replaced all at once.
    outlived_at: Option<Instant>,
    idle_since: Instant,
    spoiled: bool,
}

impl<C> Pooled<C> {
    fn is_outlived(&self) -> bool {
        self.outlived_at.is_some_and(|end| Instant::now() >= end)
    }

    fn has_idled_for(&self, limit: Duration) -> bool {
        !limit.is_zero() && self.idle_since.elapsed() >= shortened(limit)
    }
}

impl<D: Driver> managed::Manager for Manager<D> {
    type Type = Pooled<D::Connection>;
    type Error = Failure;

    async fn create(&self) -> Result<Self::Type, Failure> {
        let begun = Instant::now();
        // Boxed, because whoever asks for a connection would have room for this, and it is large.
        let connected = Box::pin(self.driver.connect()).await;
        let raw = connected.inspect_err(|_| self.history.away.store(true, Ordering::Relaxed))?;
        let now = Instant::now();
        self.history.opened.fetch_add(1, Ordering::Relaxed);
        let again = self.history.away.swap(false, Ordering::Relaxed);
        self.events.tell(|| {
            let server = self.driver.name().to_owned();
            let duration_ms = (now - begun).as_secs_f64() * 1e3;
            if again {
                Event::Reconnect {
                    server,
                    duration_ms,
                }
            } else {
                Event::Connect {
                    server,
                    duration_ms,
                }
            }
        });
        let lifetime = self.limits.lifetime;
        Ok(Pooled {
            raw,
            outlived_at: (!lifetime.is_zero()).then(|| now + shortened(lifetime)),
            idle_since: now,
            spoiled: false,
        })
    }

    async fn recycle(&self, connection: &mut Self::Type, _: &Metrics) -> RecycleResult<Failure> {
        if !D::is_open(&connection.raw) {
            self.lose(&self.ended_while_idle());
            return Err(RecycleError::message("the server has closed it"));
        }
        if connection.spoiled || connection.is_outlived() {
            return Err(RecycleError::message("it may not be used again"));
        }
        Ok(())
    }
}

/// A connection while it is lent.
pub struct Lease<D: Driver> {
    /// None once it has been given up.
    connection: Option<Object<Manager<D>>>,
    busy: Arc<Busy>,
    key: u64,
}

impl<D: Driver> Lease<D> {
    fn new(connection: Object<Manager<D>>, busy: &Arc<Busy>, what: &'static str) -> Self {
        Self {
            connection: Some(connection),
            busy: busy.clone(),
            key: busy.begin(what),
        }
    }

    /// Closes the connection instead of giving it back: its state is not known.
    pub fn spoil(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }

    /// Takes the connection out of the pool.
    pub fn take(mut self) -> Option<D::Connection> {
        self.connection.take().map(|lent| Object::take(lent).raw)
    }

    /// Marks the connection as unusable until `trust`: whoever drops the lease in between, a
    /// cancelled caller, closes it.
    pub fn distrust(&mut self) {
        self.lent().spoiled = true;
    }

    pub fn trust(&mut self) {
        self.lent().spoiled = false;
    }

    pub fn is_outlived(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|lent| lent.is_outlived())
    }

    fn lent(&mut self) -> &mut Pooled<D::Connection> {
        self.connection.as_mut().expect(SPOILED)
    }
}

const SPOILED: &str = "a connection that was given up is not used again";

impl<D: Driver> Deref for Lease<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        &self.connection.as_ref().expect(SPOILED).raw
    }
}

impl<D: Driver> DerefMut for Lease<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        &mut self.lent().raw
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        self.busy.end(self.key);
        match self.connection.take() {
            Some(connection) if connection.spoiled => drop(Object::take(connection)),
            Some(mut connection) => connection.idle_since = Instant::now(),
            None => {}
        }
    }
}

/// What connections are lent for, and since when.
#[derive(Default)]
struct Busy {
    next: AtomicU64,
    holders: Mutex<HashMap<u64, (&'static str, Instant)>>,
}

impl Busy {
    fn begin(&self, what: &'static str) -> u64 {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.holders.lock().insert(key, (what, Instant::now()));
        key
    }

    fn end(&self, key: u64) {
        self.holders.lock().remove(&key);
    }

    /// "3 busy, and a transaction has held one for 12000 ms"
    fn describe(&self) -> String {
        let holders = self.holders.lock();
        let oldest = holders.values().min_by_key(|(_, since)| *since);
        match oldest {
            Some((what, since)) => format!(
                "{} busy, and {what} has held one for {} ms",
                holders.len(),
                since.elapsed().as_millis()
            ),
            None => "they were given back just now".to_owned(),
        }
    }
}
