//! Waiting between attempts: longer each time, and never for all callers alike.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(500);

pub struct Backoff {
    next: Duration,
    end: Instant,
}

impl Backoff {
    /// For attempts within `budget` from now on.
    pub fn new(budget: Duration) -> Self {
        Self {
            next: FIRST,
            end: Instant::now() + budget,
        }
    }

    /// Waits before the next attempt; `false` means that there is no time for one.
    pub async fn wait(&mut self) -> bool {
        let pause = self.next.mul_f64(0.5 + random() / 2.0);
        if Instant::now() + pause >= self.end {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}

/// A limit less up to a fifth of it, so that what was begun together does not end together.
pub fn shortened(limit: Duration) -> Duration {
    limit.mul_f64(1.0 - random() / 5.0)
}

/// From 0 to 1. Without randomness, everything works and only comes in step.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}
