//! The open connections of one adapter and who may use which; see the engine's description.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::checkpoint::Log;
use super::config::{Config, Location};
use super::connection::{Connection, Patience, Ran, RanTogether};
use super::off_thread;
use super::turn::{Permit, Turn};
use super::waiting::Waiting;
use crate::engine::gate::closed;
use crate::engine::{Access, Call, Connections, Rows, Statement};
use crate::error::Result;
use crate::value::Value;

/// Scans that may run at the same time.
const READERS: usize = 4;

/// How long a connection is waited for that has been cut off, until it is left to its thread.
const LETTING_GO: Duration = Duration::from_secs(1);

pub struct Lanes {
    config: Config,
    main: Lane,
    writer: Lane,
    /// Idle connections; `reader_slots` bounds how many are out.
    readers: Mutex<Vec<Connection>>,
    reader_slots: Semaphore,
    turn: Arc<Turn>,
    waiting: Waiting,
    log: Arc<Log>,
    /// Whether statements stop, wherever they are.
    interrupted: Arc<AtomicBool>,
    opened: AtomicU64,
    runtime: Handle,
}

/// A connection's place: empty before it is first needed, and after `close`.
pub type Lane = Mutex<Option<Connection>>;

impl Lanes {
    /// Blocks; runs on a thread of the runtime.
    pub fn open(config: Config) -> Result<Self> {
        let (log, interrupted) = (Arc::default(), Arc::default());
        let main = Connection::open(&config, &log, &interrupted)?;
        let turn = match &config.location {
            Location::Memory => Turn::new(),
            Location::File(path) => Turn::of_file(path),
        };
        Ok(Self {
            config,
            main: Mutex::new(Some(main)),
            writer: Mutex::default(),
            readers: Mutex::default(),
            reader_slots: Semaphore::new(READERS),
            turn,
            waiting: Waiting::default(),
            log,
            interrupted,
            opened: AtomicU64::new(1),
            runtime: Handle::current(),
        })
    }

    pub fn run_now(
        self: &Arc<Self>,
        statement: &Statement,
        values: &[Value],
    ) -> Option<Result<Rows>> {
        let run = |connection: &mut Connection| {
            let ran = connection.run_now(statement, values, Patience::None);
            match ran {
                Ok(Ran::Rows(rows)) => Some(Ok(rows)),
                Ok(Ran::WouldWait) => None,
                Err(error) => Some(Err(error)),
            }
        };
        if statement.access == Access::Write {
            return self.write_now(statement.operation, run);
        }
        let _permit = match self.config.is_memory() {
            true => Some(self.turn.take_now(statement.operation)?),
            false => None,
        };
        run(self.main.try_lock()?.as_mut()?)
    }

    /// Runs writes in one transaction on this thread, if that cannot wait.
    pub fn run_together_now<'w>(
        self: &Arc<Self>,
        writes: impl ExactSizeIterator<Item = (&'w Statement, &'w [Value])>,
    ) -> Option<Vec<Result<Rows>>> {
        self.write_now("writes of several callers", |connection| {
            match connection.run_together(writes, Patience::None) {
                Ok(RanTogether::Committed(results)) => Some(results),
                // It fails again where it may wait, and is told there.
                Ok(RanTogether::Locked | RanTogether::Apart) | Err(_) => None,
            }
        })
    }

    /// Does `work` in a turn on this thread, if there is nothing to wait for.
    fn write_now<T>(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> Option<T>,
    ) -> Option<T> {
        // A full sync waits for the disk, and so does moving the log.
        if self.config.full_sync || self.log_is_in_the_way() {
            return None;
        }
        let _permit = self.turn.take_now(what)?;
        let mut lane = self.main.try_lock()?;
        let done = work(lane.as_mut()?);
        close_if_stuck(&mut lane);
        self.checkpoint_if_due();
        done
    }

    pub async fn read(
        self: &Arc<Self>,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: &Arc<Call>,
    ) -> Result<Rows> {
        if self.config.is_memory() {
            return self.write(statement, values, call).await;
        }
        let call = call.clone();
        self.with_reader(move |connection| {
            call.stops_waiting();
            connection.run(&statement, &values)
        })
        .await
    }

    fn open_connection(&self) -> Result<Connection> {
        let connection = Connection::open(&self.config, &self.log, &self.interrupted)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    /// Lends a connection that does not write to `work`, off this thread.
    async fn with_reader<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _slot = self.reader_slots.acquire().await.map_err(|_| closed())?;
        let lanes = self.clone();
        off_thread(move || {
            let idle = lanes.readers.lock().pop();
            let mut connection = idle.map_or_else(|| lanes.open_connection(), Ok)?;
            let result = work(&mut connection);
            // Closed in the meantime: nobody waited for this.
            if !lanes.reader_slots.is_closed() {
                lanes.readers.lock().push(connection);
            }
            result
        })
        .await
    }

    /// Lends a connection to whoever only looks; the one that there is to a database in memory.
    pub async fn with_looker<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.config.is_memory() {
            return self.with_writer("a look", work).await;
        }
        self.with_reader(work).await
    }

    pub async fn write(
        self: &Arc<Self>,
        statement: Arc<Statement>,
        values: Vec<Value>,
        call: &Arc<Call>,
    ) -> Result<Rows> {
        if statement.gives_way() && self.log.give_way() {
            let log = self.log.clone();
            self.with_reader(move |connection| {
                log.checkpoint_giving_way(connection);
                Ok(())
            })
            .await?;
        }
        let (answer, unserved) = self.waiting.add(statement, values, call.clone());
        if unserved {
            self.runtime.spawn(self.clone().serve_waiting());
        }
        let timeout = self.config.acquire_timeout;
        answer
            .within(timeout, || self.turn.timed_out(timeout))
            .await
    }

    /// Runs the writes that wait, turn after turn, until there are none.
    async fn serve_waiting(self: Arc<Self>) {
        loop {
            let permit = self.turn.take_whenever_it_comes("writes that waited").await;
            let lanes = self.clone();
            let served = off_thread(move || {
                let _permit = permit;
                let mut lane = lanes.begin_writing()?;
                lanes.waiting.run_some(lane.as_mut().ok_or_else(closed)?);
                close_if_stuck(&mut lane);
                lanes.checkpoint_if_due();
                Ok(())
            });
            if let Err(error) = served.await {
                self.waiting.fail_all(&error);
            }
            if !self.waiting.goes_on() {
                return;
            }
        }
    }

    /// Lends the writing connection to `work`, off this thread.
    pub async fn with_writer<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.turn(what).await?;
        let lanes = self.clone();
        off_thread(move || {
            let _permit = permit;
            let mut lane = lanes.begin_writing()?;
            let result = work(lane.as_mut().ok_or_else(closed)?);
            lanes.checkpoint_if_due();
            result
        })
        .await
    }

    pub async fn turn(&self, what: &'static str) -> Result<Permit> {
        self.turn.take(what, self.config.acquire_timeout).await
    }

    pub fn turn_now(&self, what: &'static str) -> Option<Permit> {
        self.turn.take_now(what)
    }

    /// The connection whoever has the turn may wait on, opened if need be; none after `close`.
    /// Blocks.
    pub fn writing(&self) -> Result<MutexGuard<'_, Option<Connection>>> {
        let mut lane = self.writing_lane().lock();
        if lane.is_none() && !self.config.is_memory() && !self.reader_slots.is_closed() {
            *lane = Some(self.open_connection()?);
        }
        Ok(lane)
    }

    /// As `writing`, for whoever begins a turn: it begins with the log out of the way.
    pub fn begin_writing(&self) -> Result<MutexGuard<'_, Option<Connection>>> {
        close_if_stuck(&mut self.writing_lane().lock());
        let lane = self.writing()?;
        if let Some(connection) = lane.as_ref().filter(|_| self.log_is_in_the_way()) {
            self.log.checkpoint(connection);
        }
        Ok(lane)
    }

    pub fn log_is_in_the_way(&self) -> bool {
        self.log.is_in_the_way()
    }

    /// As `writing`, but `None` where that would have to open or to wait.
    pub fn writing_now(&self) -> Option<MutexGuard<'_, Option<Connection>>> {
        self.writing_lane().try_lock().filter(|lane| lane.is_some())
    }

    fn writing_lane(&self) -> &Lane {
        if self.config.is_memory() {
            &self.main
        } else {
            &self.writer
        }
    }

    pub fn is_memory(&self) -> bool {
        self.config.is_memory()
    }

    pub fn full_sync(&self) -> bool {
        self.config.full_sync
    }

    /// Starts a check-point in the background when the log has grown.
    pub fn checkpoint_if_due(self: &Arc<Self>) {
        let Some(checkpoint) = self.log.begin_checkpoint() else {
            return;
        };
        let lanes = self.clone();
        self.runtime.spawn(async move {
            let log = lanes.log.clone();
            let moved = lanes.with_reader(move |connection| {
                log.checkpoint(connection);
                Ok(())
            });
            // Refused after `close`, which does the same.
            let _ = moved.await;
            drop(checkpoint);
        });
    }

    pub fn connections(&self, server: String) -> Connections {
        let idle_readers = self.readers.lock().len();
        let reading = READERS.saturating_sub(self.reader_slots.available_permits());
        let is_open = |lane: &Lane| lane.try_lock().is_none_or(|lane| lane.is_some());
        let open = usize::from(is_open(&self.main)) + usize::from(is_open(&self.writer));
        let open = open + idle_readers + reading;
        let busy = (reading + usize::from(self.turn.is_taken())).min(open);
        Connections {
            open,
            busy,
            idle: open - busy,
            waiting: self.waiting.len() + self.turn.waiting(),
            opened: self.opened.load(Ordering::Relaxed),
            ..Self::no_connections(server)
        }
    }

    /// Those of a database that nothing has opened yet.
    pub fn no_connections(server: String) -> Connections {
        Connections {
            server,
            role: "file",
            open: 0,
            busy: 0,
            idle: 0,
            waiting: 0,
            most: READERS + 2,
            opened: 0,
            lost: 0,
        }
    }

    /// Has statements stop, wherever they are.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Waits for a check-point that is running, then closes every connection; the last one moves
    /// the log into the file.
    pub async fn close(self: &Arc<Self>) -> Result<()> {
        let _all = self.reader_slots.acquire_many(READERS as u32).await;
        self.reader_slots.close();
        let lanes = self.clone();
        off_thread(move || {
            lanes.readers.lock().clear();
            for lane in [&lanes.writer, &lanes.main] {
                if let Some(mut lane) = lane.try_lock_for(LETTING_GO) {
                    lane.take();
                }
            }
            Ok(())
        })
        .await
    }
}

/// A connection that could not leave its transaction would keep all others from writing.
fn close_if_stuck(lane: &mut Option<Connection>) {
    if lane.as_ref().is_some_and(Connection::in_transaction) {
        *lane = None;
    }
}
