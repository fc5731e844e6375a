//! Registers made of arrays. In tests they stand in for those this CPU lacks, of every width, and
//! say what each operation of an instruction set's own must give.

use super::vector::{Lanes, Vector};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Portable<const L: usize>(pub [[u32; 4]; L]);

impl<const L: usize> Portable<L> {
    fn zip(self, other: Self, operation: impl Fn(u32, u32) -> u32) -> Self {
        let lane = |lane: usize, word: usize| operation(self.0[lane][word], other.0[lane][word]);
        Self(std::array::from_fn(|l| {
            std::array::from_fn(|word| lane(l, word))
        }))
    }
}

impl<const L: usize> Vector for Portable<L> {
    const LANES: usize = L;

    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self {
        // SAFETY: as promised by the caller.
        Self(std::array::from_fn(|lane| unsafe {
            lanes[lane].add(offset).cast::<[u32; 4]>().read()
        }))
    }

    unsafe fn scatter(self, lanes: &Lanes, offset: usize) {
        for (lane, words) in lanes.iter().zip(self.0) {
            // SAFETY: as promised by the caller.
            unsafe { lane.add(offset).cast::<[u32; 4]>().write(words) }
        }
    }

    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { from.cast::<[[u32; 4]; L]>().read() })
    }

    unsafe fn store(self, to: *mut u32) {
        // SAFETY: as promised by the caller.
        unsafe { to.cast::<[[u32; 4]; L]>().write(self.0) }
    }

    fn add(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_add)
    }

    fn xor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }

    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self {
        assert_eq!(LEFT + RIGHT, 32);
        self.zip(other, |a, b| a ^ b.rotate_left(LEFT as u32))
    }

    fn turn<const BY: usize>(self) -> Self {
        Self(
            self.0
                .map(|words| std::array::from_fn(|word| words[(word + BY) % 4])),
        )
    }

    fn prefetch(_: *const u32) {}
}
