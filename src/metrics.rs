//! Counts and latencies: atomics of a fixed size, so that counting waits for nobody and takes no
//! memory as time goes by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde::Serialize;

use crate::error::Code;

/// From a microsecond to 67 seconds by doublings, each in four parts: a quantile is at most a
/// quarter above what it was.
const DOUBLINGS: usize = 26;
const PARTS: usize = 4;

/// One for less than a microsecond, and one for all that is longer.
const BUCKETS: usize = 1 + DOUBLINGS * PARTS + 1;

pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// In nanoseconds, as `max`.
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    pub fn note(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds / 1_000)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
        if nanoseconds > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }

    /// As it is now. What is noted meanwhile may be in some of its numbers and not in others.
    fn read(&self) -> Latency {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let counts = self.buckets.each_ref().map(load);
        let count: u64 = counts.iter().sum();
        let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let max = load(&self.max);
        let quantile = |part: f64| {
            let rank = (part * count as f64).ceil() as u64;
            let mut seen = 0;
            let reached = counts.iter().position(|count| {
                seen += count;
                seen >= rank.max(1)
            });
            let above = reached.and_then(upper).map(|bound| bound * 1_000);
            milliseconds(above.map_or(max, |above| above.min(max)))
        };
        let mut seen = 0;
        let doublings = (0..=DOUBLINGS).map(|doubling| {
            let first = if doubling == 0 {
                0
            } else {
                1 + (doubling - 1) * PARTS
            };
            let end = 1 + doubling * PARTS;
            seen += counts[first..end].iter().sum::<u64>();
            seen
        });
        Latency {
            count,
            sum: milliseconds(load(&self.sum)),
            max: milliseconds(max),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            within: doublings.collect(),
        }
    }
}

/// The bucket of so many microseconds.
fn bucket(microseconds: u64) -> usize {
    if microseconds == 0 {
        return 0;
    }
    let doubling = microseconds.ilog2();
    let part = (u128::from(microseconds) << 2 >> doubling) as usize & (PARTS - 1);
    (1 + doubling as usize * PARTS + part).min(BUCKETS - 1)
}

/// The microseconds from which on it is the next bucket; none for the last.
fn upper(bucket: usize) -> Option<u64> {
    if bucket == 0 {
        return Some(1);
    }
    let (doubling, part) = ((bucket - 1) / PARTS, (bucket - 1) % PARTS);
    let begins = |parts: usize| ((PARTS + parts) as u64) << doubling;
    // Rounded up: below 4 microseconds a part is less than one.
    (bucket < BUCKETS - 1).then(|| begins(part + 1).div_ceil(PARTS as u64))
}

/// Times in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub struct Latency {
    pub count: u64,
    sum: f64,
    max: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    /// How many took less than 1, 2, 4, ... microseconds.
    within: Vec<u64>,
}

/// What is counted of one operation on one model.
pub struct Series {
    pub operation: String,
    pub model: String,
    pub latency: Histogram,
    pub slow: AtomicU64,
    failures: [AtomicU64; Code::ALL.len()],
}

impl Series {
    fn new(operation: &str, model: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            model: model.to_owned(),
            latency: Histogram::default(),
            slow: AtomicU64::new(0),
            failures: [const { AtomicU64::new(0) }; Code::ALL.len()],
        }
    }

    pub fn note_failure(&self, code: Code) {
        self.failures[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Counted {
        let failures = Code::ALL.iter().zip(&self.failures);
        let failures = failures.map(|(code, count)| (code.as_str(), count.load(Ordering::Relaxed)));
        Counted {
            operation: self.operation.clone(),
            model: self.model.clone(),
            latency: self.latency.read(),
            slow: self.slow.load(Ordering::Relaxed),
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Counted {
    operation: String,
    model: String,
    latency: Latency,
    slow: u64,
    /// By code.
    failures: Vec<(&'static str, u64)>,
}

/// The series of one database: as many as an application has operations and models.
#[derive(Default)]
pub struct Metrics {
    series: RwLock<Vec<Arc<Series>>>,
    pub committed: AtomicU64,
    pub rolled_back: AtomicU64,
}

impl Metrics {
    pub fn series(&self, operation: &str, model: &str) -> Arc<Series> {
        let is_it = |it: &&Arc<Series>| it.operation == operation && it.model == model;
        let mut series = self.series.write();
        if let Some(known) = series.iter().find(is_it) {
            return known.clone();
        }
        let new = Arc::new(Series::new(operation, model));
        series.push(new.clone());
        new
    }

    /// Those that have counted something.
    pub fn read(&self) -> Vec<Counted> {
        let counted = self.series.read();
        let counted = counted.iter().map(|series| series.read());
        counted.filter(|it| it.latency.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_below_the_upper_bound_of_its_bucket_and_not_below_the_one_before() {
        let mut microseconds: u64 = 0;
        while microseconds < 200_000_000 {
            let found = bucket(microseconds);
            if let Some(above) = upper(found) {
                assert!(microseconds < above, "{microseconds} in {found}");
            }
            if let Some(below) = found.checked_sub(1).and_then(upper) {
                assert!(microseconds >= below, "{microseconds} in {found}");
            }
            microseconds += 1 + microseconds / 7;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_near_and_sums_exact() {
        let histogram = Histogram::default();
        for milliseconds in 1..=100 {
            histogram.note(Duration::from_millis(milliseconds));
        }
        let latency = histogram.read();
        assert_eq!(
            (latency.count, latency.sum, latency.max),
            (100, 5_050.0, 100.0)
        );
        for (quantile, exact) in [
            (latency.p50, 50.0),
            (latency.p95, 95.0),
            (latency.p99, 99.0),
        ] {
            assert!(
                (exact..=exact * 1.25).contains(&quantile),
                "{quantile} for {exact}"
            );
        }
        assert_eq!(latency.within.last(), Some(&100));
        // Less than 1.024 ms: the first.
        assert_eq!(latency.within[10], 1);
        assert!(latency.within.is_sorted());
    }

    #[test]
    fn a_histogram_of_nothing_is_all_zeros() {
        let latency = Histogram::default().read();
        assert_eq!((latency.count, latency.p50, latency.p99), (0, 0.0, 0.0));
    }

    #[test]
    fn one_operation_on_one_model_is_one_series() {
        let metrics = Metrics::default();
        let one = metrics.series("findOne", "user");
        assert!(Arc::ptr_eq(&one, &metrics.series("findOne", "user")));
        assert!(!Arc::ptr_eq(&one, &metrics.series("findOne", "session")));
        assert!(metrics.read().is_empty());
        one.latency.note(Duration::from_micros(3));
        one.note_failure(Code::Deadlock);
        let read = metrics.read();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].failures, [("DEADLOCK", 1)]);
    }
}
