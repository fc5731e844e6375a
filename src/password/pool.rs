//! The memory that all threads of a scheduler hash in: bounded, shared, and given back.
//!
//! It is counted in units of what one hash at Better Auth's cost takes. An arena of one unit is
//! kept for the next hash; the larger ones that a foreign cost needs are not. Only the books are
//! kept here: making and dropping arenas takes milliseconds, so it is left to the borrower, who
//! does it outside the scheduler's lock.

use std::time::{Duration, Instant};

use super::derive::Cost;
use super::kernels::Arena;

/// Bytes; 32 MiB.
pub const UNIT: usize = Cost::BETTER_AUTH.memory();

pub struct Pool {
    /// Those that wait for the next hash, the one used last at the end, and since when.
    free: Vec<(Arena, Instant)>,
    lent: usize,
    units: usize,
}

/// Memory for a number of hashes.
pub struct Loan {
    arenas: Vec<Arena>,
    /// Of one arena.
    blocks: usize,
    /// Of the whole loan, with the arenas that are still to be made.
    units: usize,
    lanes: usize,
}

impl Pool {
    pub fn new(units: usize) -> Self {
        Self {
            free: Vec::new(),
            lent: 0,
            units,
        }
    }

    /// Bytes that are, or are about to be, taken from the system.
    pub fn bytes(&self) -> usize {
        (self.free.len() + self.lent) * UNIT
    }

    /// Whether a hash of this cost can ever be done here.
    pub fn suffices(&self, cost: Cost) -> bool {
        units_of(cost) <= self.units
    }

    /// Memory for up to `lanes` hashes, at least one; `None` until others give some back. The
    /// second part is what had to go to make room, to be dropped outside the lock.
    pub fn lend(&mut self, cost: Cost, lanes: usize) -> Option<(Loan, Vec<Arena>)> {
        let each = units_of(cost);
        let lanes = lanes.min((self.units - self.lent) / each);
        if lanes == 0 {
            return None;
        }
        let units = lanes * each;
        let reused = if each == 1 {
            lanes.min(self.free.len())
        } else {
            0
        };
        let arenas = self.take_newest(reused);
        self.lent += units;
        let over = (self.lent + self.free.len()).saturating_sub(self.units);
        let evicted = self.free.drain(..over).map(|(arena, _)| arena).collect();
        let loan = Loan {
            arenas,
            blocks: if each == 1 {
                Cost::BETTER_AUTH.blocks()
            } else {
                cost.blocks()
            },
            units,
            lanes,
        };
        Some((loan, evicted))
    }

    /// What can be used again stays; returned is the rest, to be dropped outside the lock.
    pub fn take_back(&mut self, loan: Loan) -> Vec<Arena> {
        self.lent -= loan.units;
        if loan.blocks > Cost::BETTER_AUTH.blocks() {
            return loan.arenas;
        }
        let now = Instant::now();
        self.free
            .extend(loan.arenas.into_iter().map(|arena| (arena, now)));
        Vec::new()
    }

    /// What has not been used for so long, to be dropped outside the lock.
    pub fn unused_for(&mut self, time: Duration) -> Vec<Arena> {
        let unused = self
            .free
            .iter()
            .take_while(|(_, since)| since.elapsed() >= time);
        let unused = unused.count();
        self.free.drain(..unused).map(|(arena, _)| arena).collect()
    }

    fn take_newest(&mut self, count: usize) -> Vec<Arena> {
        let newest = self.free.split_off(self.free.len() - count);
        newest.into_iter().map(|(arena, _)| arena).collect()
    }
}

impl Loan {
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Makes the arenas that are missing; as many as the system has memory for, perhaps none.
    pub fn arenas(&mut self) -> &mut [Arena] {
        while self.arenas.len() < self.lanes
            && let Some(arena) = Arena::new(self.blocks)
        {
            self.arenas.push(arena);
        }
        &mut self.arenas
    }
}

fn units_of(cost: Cost) -> usize {
    cost.memory().div_ceil(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Cost = Cost::BETTER_AUTH;

    fn large() -> Cost {
        Cost::new(17, 8, 1).expect("within the bounds")
    }

    #[test]
    fn it_lends_no_more_than_it_has_and_again_what_comes_back() {
        let mut pool = Pool::new(3);
        let (first, _) = pool.lend(ORDINARY, 2).expect("room");
        let (second, _) = pool.lend(ORDINARY, 2).expect("room");
        assert_eq!((first.lanes(), second.lanes()), (2, 1));
        assert!(pool.lend(ORDINARY, 1).is_none());
        assert_eq!(pool.bytes(), 3 * UNIT);
        assert!(pool.take_back(second).is_empty());
        let (third, _) = pool.lend(ORDINARY, 5).expect("room");
        assert_eq!(third.lanes(), 1);
    }

    #[test]
    fn memory_is_reused_and_given_back_when_unused() {
        let mut pool = Pool::new(2);
        let (mut loan, _) = pool.lend(ORDINARY, 2).expect("room");
        assert_eq!(loan.arenas().len(), 2);
        let newest = loan.arenas()[1].as_ptr();
        pool.take_back(loan);

        let (mut loan, _) = pool.lend(ORDINARY, 1).expect("room");
        assert_eq!(loan.arenas()[0].as_ptr(), newest);
        pool.take_back(loan);
        assert_eq!(pool.bytes(), 2 * UNIT);

        assert!(pool.unused_for(Duration::from_secs(3600)).is_empty());
        assert_eq!(pool.unused_for(Duration::ZERO).len(), 2);
        assert_eq!(pool.bytes(), 0);
    }

    #[test]
    fn a_large_cost_takes_several_units_and_evicts_what_is_kept() {
        let mut pool = Pool::new(5);
        let (mut loan, _) = pool.lend(ORDINARY, 3).expect("room");
        loan.arenas();
        pool.take_back(loan);
        let (held, _) = pool.lend(ORDINARY, 1).expect("room");

        let (mut loan, evicted) = pool.lend(large(), 3).expect("room for one");
        assert_eq!((loan.lanes(), evicted.len()), (1, 2));
        assert_eq!(pool.bytes(), 5 * UNIT);
        assert_eq!(loan.arenas()[0].len(), large().blocks());
        assert!(pool.lend(ORDINARY, 1).is_none());

        assert_eq!(pool.take_back(loan).len(), 1, "not kept");
        assert_eq!(pool.bytes(), UNIT);
        pool.take_back(held);
    }

    #[test]
    fn what_can_never_be_done_is_known_beforehand() {
        assert!(Pool::new(4).suffices(large()));
        assert!(!Pool::new(3).suffices(large()));
        let mut pool = Pool::new(4);
        let _held = pool.lend(ORDINARY, 1).expect("room");
        assert!(pool.lend(large(), 1).is_none(), "until it is given back");
    }
}
