//! scrypt's ROMix, several hashes at a time, in the widest registers the CPU has.
//!
//! `romix` is the algorithm, written once over the operations of `vector`; an instruction set's
//! file holds those operations, how many hashes it takes at a time, and which registers for how
//! many; `memory` is what the hashes work in. All `unsafe` code of password hashing is in this
//! folder. It knows neither passwords nor threads.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(test)]
mod portable;
mod romix;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(test)]
mod tests;
mod vector;

use std::fmt;

pub use memory::{Arena, Block};

/// The instructions that hashes are mixed with. A reference to one is had only where the CPU has
/// them.
pub struct Kernel {
    name: &'static str,
    lanes: usize,
    supported: fn() -> bool,
    romix: unsafe fn(n: usize, r: usize, lanes: &mut [Lane<'_>]),
}

/// One hash to mix: its block of 128 * r bytes, in place, and memory for V.
pub struct Lane<'a> {
    pub block: &'a mut [u8],
    /// At least [`blocks`] of it.
    pub memory: &'a mut [Block],
}

/// The best first.
const KERNELS: &[Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    avx512::KERNEL,
    #[cfg(target_arch = "x86_64")]
    avx2::KERNEL,
    #[cfg(target_arch = "x86_64")]
    sse2::KERNEL,
    #[cfg(target_arch = "aarch64")]
    neon::KERNEL,
    scalar::KERNEL,
];

/// What this CPU can do, the best first; never empty.
pub fn supported() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().filter(|kernel| (kernel.supported)())
}

/// How many blocks of memory a lane needs for V.
pub const fn blocks(n: usize, r: usize) -> usize {
    2 * r * n
}

impl Kernel {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many hashes at a time give the most of them per second.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Mixes up to [`lanes`](Self::lanes) hashes of the same cost, side by side.
    ///
    /// # Panics
    /// Where there are no lanes or too many, `n` is no power of two, or a lane is too small.
    pub fn mix(&self, n: usize, r: usize, lanes: &mut [Lane<'_>]) {
        assert!((1..=self.lanes).contains(&lanes.len()));
        assert!(n.is_power_of_two() && r > 0);
        for Lane { block, memory } in lanes.iter() {
            assert!(block.len() == 128 * r && memory.len() >= blocks(n, r));
        }
        // SAFETY: the CPU has the instructions, or nobody had a reference; the rest was checked.
        unsafe { (self.romix)(n, r, lanes) }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
