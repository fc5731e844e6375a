//! What is noted of every call: in the metrics, and to whoever listens where it failed or was slow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use crate::engine::server::{Driver, Plan};
use crate::engine::words::{self, Script};
use crate::engine::{Call, Connections, Statement, Step};
use crate::error::Result;
use crate::events::{Event, Events};
use crate::metrics::{Counted, Metrics, Series};

#[derive(Default)]
pub struct Watch {
    metrics: Metrics,
    pub events: Events,
    /// Calls that take as long are slow.
    slow_after: Duration,
}

/// A plan, and where its calls are counted.
pub struct Watched<P> {
    pub plan: Arc<P>,
    series: Arc<Series>,
}

/// What a plan does, in SQL without values.
pub trait Shape {
    fn shape(&self) -> String;
}

impl Shape for Statement {
    fn shape(&self) -> String {
        self.sql.to_string()
    }
}

impl<D: Driver> Shape for Plan<D> {
    fn shape(&self) -> String {
        self.sql().unwrap_or_default()
    }
}

/// A statement of the application's.
pub struct Own {
    sql: Arc<str>,
    script: Script,
}

impl Shape for Own {
    fn shape(&self) -> String {
        words::without_values(&self.sql, self.script)
    }
}

/// What a database has counted, and how its connections are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    operations: Vec<Counted>,
    committed: u64,
    rolled_back: u64,
    connections: Vec<Connections>,
    dropped_events: u64,
}

impl Watch {
    pub fn new(slow_after: Duration) -> Self {
        Self {
            slow_after,
            ..Self::default()
        }
    }

    pub fn over<P>(&self, plan: P, operation: &str, model: &str) -> Watched<P> {
        Watched {
            plan: Arc::new(plan),
            series: self.metrics.series(operation, model),
        }
    }

    /// All statements of the application's are counted together.
    pub fn over_own(&self, sql: &Arc<str>, script: Script) -> Watched<Own> {
        let sql = sql.clone();
        self.over(Own { sql, script }, "query", "")
    }

    /// How `call` went.
    pub fn note_call<P: Shape, T>(&self, watched: &Watched<P>, call: &Call, result: &Result<T>) {
        self.note(watched, call.elapsed(), call.waited(), result);
    }

    pub fn note<P: Shape, T>(
        &self,
        Watched { plan, series }: &Watched<P>,
        duration: Duration,
        waited: Duration,
        result: &Result<T>,
    ) {
        series.latency.note(duration);
        if duration >= self.slow_after {
            series.slow.fetch_add(1, Ordering::Relaxed);
            self.events.tell(|| Event::Slow {
                operation: series.operation.clone(),
                model: series.model.clone(),
                sql: plan.shape(),
                duration_ms: milliseconds(duration),
                waiting_ms: milliseconds(waited),
            });
        }
        if let Err(error) = result {
            series.note_failure(error.code);
            self.events.tell(|| Event::Error {
                operation: series.operation.clone(),
                model: series.model.clone(),
                code: error.code.as_str(),
                message: error.message.clone(),
                retryable: error.retryable,
                table: error.table.clone(),
                duration_ms: milliseconds(duration),
            });
        }
    }

    /// Counts transactions that have ended, by how.
    pub fn note_step(&self, step: Step, result: &Result<()>) {
        let count = match step {
            Step::Commit if result.is_ok() => &self.metrics.committed,
            Step::Commit | Step::Rollback => &self.metrics.rolled_back,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn report(&self, connections: Vec<Connections>) -> Report {
        Report {
            operations: self.metrics.read(),
            committed: self.metrics.committed.load(Ordering::Relaxed),
            rolled_back: self.metrics.rolled_back.load(Ordering::Relaxed),
            connections,
            dropped_events: self.events.dropped(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
