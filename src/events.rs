//! What happens to a database, told to whoever listens: by a bounded queue, so that nobody waits
//! for a listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Events that wait for their listener; further ones are dropped, and counted.
const QUEUED: usize = 1_000;

#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// A connection is there.
    Connect { server: String, duration_ms: f64 },
    /// A connection broke.
    Disconnect {
        server: String,
        code: &'static str,
        message: String,
    },
    /// As `Connect`, after connections broke or could not be made.
    Reconnect { server: String, duration_ms: f64 },
    /// An operation failed.
    Error {
        operation: String,
        model: String,
        code: &'static str,
        message: String,
        retryable: bool,
        table: Option<String>,
        duration_ms: f64,
    },
    /// An operation took longer than the threshold.
    Slow {
        operation: String,
        model: String,
        /// With placeholders, and without values.
        sql: String,
        duration_ms: f64,
        waiting_ms: f64,
    },
}

/// An event, and when it happened: milliseconds since 1970.
#[derive(Debug, Serialize)]
pub struct Told {
    at: u64,
    #[serde(flatten)]
    event: Event,
}

#[derive(Clone, Default)]
pub struct Events(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// None while nobody listens.
    sender: Mutex<Option<Sender<Told>>>,
    dropped: AtomicU64,
}

impl Events {
    /// What happens from now on. Whoever listened before hears no more.
    pub fn listen(&self) -> Receiver<Told> {
        let (sender, receiver) = mpsc::channel(QUEUED);
        *self.0.sender.lock() = Some(sender);
        receiver
    }

    pub fn tell(&self, event: impl FnOnce() -> Event) {
        let sender = self.0.sender.lock();
        let Some(sender) = sender.as_ref() else {
            return;
        };
        let told = Told {
            at: now(),
            event: event(),
        };
        if let Err(TrySendError::Full(_)) = sender.try_send(told) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The listener gets what is there, and then hears that it was all.
    pub fn end(&self) {
        self.0.sender.lock().take();
    }

    /// How many were lost because the listener did not keep up.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect() -> Event {
        Event::Connect {
            server: "a server".to_owned(),
            duration_ms: 1.0,
        }
    }

    #[test]
    fn nothing_is_kept_for_nobody_and_no_more_than_fits_for_a_listener() {
        let events = Events::default();
        events.tell(|| unreachable!("nobody listens"));
        let mut listener = events.listen();
        for _ in 0..QUEUED + 3 {
            events.tell(connect);
        }
        assert_eq!(events.dropped(), 3);
        events.end();
        events.tell(|| unreachable!("nobody listens any more"));
        let told = std::iter::from_fn(|| listener.try_recv().ok());
        assert_eq!(told.count(), QUEUED);
    }

    #[test]
    fn an_event_is_one_object() {
        let told = Told {
            at: 7,
            event: connect(),
        };
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(
            json,
            r#"{"at":7,"type":"connect","server":"a server","durationMs":1.0}"#
        );
    }
}
