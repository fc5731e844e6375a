//! The one connection: made when somebody first needs it, made again when it is lost, and not
//! asked for over and over while Redis is away.
//!
//! That is a circuit breaker. Closed, calls wait for the connection to be made. When it cannot be,
//! the circuit opens: calls fail at once, for a pause that grows from one attempt to the next. The
//! first call after it tries, while others still fail at once, and closes it or opens it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connection::{Connection, Target};
use super::failure;
use crate::error::{Code, Error, Result};

pub struct Link {
    target: Target,
    /// For messages.
    pub place: String,
    limits: Limits,
    state: Mutex<State>,
    /// Connections made since the start.
    made: AtomicU64,
}

pub struct Limits {
    /// For how long connecting may take.
    pub connect: Duration,
    pub first_pause: Duration,
    pub longest_pause: Duration,
}

enum State {
    Unconnected,
    Connecting {
        /// Of the circuit that it may close.
        open: Option<Open>,
        outcome: Outcome,
    },
    Connected(Connection),
    Away(Open),
}

type Outcome = watch::Receiver<Option<Result<Connection>>>;

/// What a call has to do for its connection.
enum Step {
    Use(Connection),
    Await(Outcome),
}

/// An open circuit.
#[derive(Clone)]
struct Open {
    why: Error,
    until: Instant,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Unconnected,
    Connecting,
    Connected,
    Away,
}

impl Link {
    pub fn new(target: Target, place: String, limits: Limits) -> Self {
        Self {
            target,
            place,
            limits,
            state: Mutex::new(State::Unconnected),
            made: AtomicU64::new(0),
        }
    }

    pub async fn connection(self: &Arc<Self>) -> Result<Connection> {
        let mut outcome = match self.step()? {
            Step::Use(connection) => return Ok(connection),
            Step::Await(outcome) => outcome,
        };
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(made)) => made.clone(),
            _ => {
                *self.state.lock() = State::Unconnected;
                Err(Error::new(
                    Code::Internal,
                    "connecting to Redis hit a defect; please report it",
                ))
            }
        }
    }

    pub fn condition(&self) -> Condition {
        match &*self.state.lock() {
            State::Connected(connection) if connection.works() => Condition::Connected,
            State::Connected(_) | State::Unconnected => Condition::Unconnected,
            State::Connecting { .. } => Condition::Connecting,
            State::Away(_) => Condition::Away,
        }
    }

    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Ends the connection when those who use it have their answers.
    pub fn disconnect(&self) {
        *self.state.lock() = State::Unconnected;
    }

    /// Begins an attempt to connect where it is time for one.
    fn step(self: &Arc<Self>) -> Result<Step> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let open = match &*state {
            State::Connected(connection) if connection.works() => {
                return Ok(Step::Use(connection.clone()));
            }
            State::Connecting {
                open: Some(open), ..
            } => return Err(open.error(now)),
            State::Connecting { outcome, .. } => return Ok(Step::Await(outcome.clone())),
            State::Away(open) if now < open.until => return Err(open.error(now)),
            State::Away(open) => Some(open.clone()),
            State::Connected(_) | State::Unconnected => None,
        };
        let (tell, outcome) = watch::channel(None);
        *state = State::Connecting {
            open,
            outcome: outcome.clone(),
        };
        // Not a part of the call that needs it: that may be given up.
        tokio::spawn(self.clone().connect(tell));
        Ok(Step::Await(outcome))
    }

    async fn connect(self: Arc<Self>, tell: watch::Sender<Option<Result<Connection>>>) {
        let limit = self.limits.connect;
        let made = match timeout(limit, self.target.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failure::unreachable(&self.place, &error)),
            Err(_) => Err(failure::no_connection_within(
                &self.place,
                limit.as_millis(),
            )),
        };
        self.settle(&made);
        tell.send_replace(Some(made));
    }

    fn settle(&self, made: &Result<Connection>) {
        let mut state = self.state.lock();
        // Closed meanwhile: those who wait still get what has been made for them.
        let State::Connecting { open, .. } = &*state else {
            return;
        };
        *state = match made {
            Ok(connection) => {
                self.made.fetch_add(1, Ordering::Relaxed);
                State::Connected(connection.clone())
            }
            Err(why) => {
                let pause = open
                    .as_ref()
                    .map_or(self.limits.first_pause, |open| open.pause * 2);
                let pause = pause.min(self.limits.longest_pause);
                State::Away(Open {
                    why: why.clone(),
                    until: Instant::now() + pause,
                    pause,
                })
            }
        };
    }
}

impl Open {
    fn error(&self, now: Instant) -> Error {
        let left = self.until.saturating_duration_since(now);
        failure::away(&self.why, left.as_millis())
    }
}
