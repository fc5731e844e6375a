//! Counting those who wait for something.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts as waiting until it is dropped.
pub struct Waiter<'c>(&'c AtomicUsize);

impl<'c> Waiter<'c> {
    pub fn new(waiting: &'c AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
