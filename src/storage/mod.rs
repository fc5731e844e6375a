//! Better Auth's secondary storage: texts by their keys, each for as long as it is to live.
//!
//! Keys hold tokens and e-mail addresses, values whole sessions: neither is ever part of an error.

pub mod memory;
pub mod redis;

use std::time::Duration;

use crate::error::Error;

/// Longer times count as this one: what is stored now is not to outlive those who store it, and
/// no clock overflows.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How long an entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    Forever,
    For(Duration),
    /// It has ended before it began: what is stored so is as good as deleted.
    Over,
}

impl Lifetime {
    /// Of whole milliseconds, none of which is for ever.
    pub fn of(milliseconds: Option<f64>) -> Self {
        match milliseconds {
            None => Self::Forever,
            Some(time) if time >= 1.0 => {
                let longest = LONGEST.as_millis() as f64;
                Self::For(Duration::from_millis(time.min(longest) as u64))
            }
            // Not a number is over too: the storage does not keep what it does not understand.
            Some(_) => Self::Over,
        }
    }
}

/// The error of counting on something else.
fn not_a_counter() -> Error {
    Error::invalid_input(
        "increment() found something else than a whole number that can grow: the key holds a value \
         that was set",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_never_longer_than_was_said() {
        assert_eq!(Lifetime::of(None), Lifetime::Forever);
        assert_eq!(
            Lifetime::of(Some(1500.0)),
            Lifetime::For(Duration::from_millis(1500))
        );
        for over in [0.0, -0.0, -1.0, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(Lifetime::of(Some(over)), Lifetime::Over);
        }
        for huge in [1e15, f64::MAX, f64::INFINITY] {
            assert_eq!(Lifetime::of(Some(huge)), Lifetime::For(LONGEST));
        }
    }
}
