//! One hash in each register of 128 bits, on arm64. Up to four of them: its CPUs take two cycles
//! for most of these instructions and start one or two a cycle, so that a hash alone keeps a
//! quarter of them busy, and with 32 register names four need no spilling.

use std::arch::aarch64::*;
use std::arch::asm;

use super::romix::romix;
use super::vector::{Lanes, Vector};
use super::{Kernel, Lane};

pub const KERNEL: Kernel = Kernel {
    name: "neon",
    lanes: 4,
    supported: || std::arch::is_aarch64_feature_detected!("neon"),
    romix: romix_neon,
};

/// # Safety
/// As of [`romix`].
#[target_feature(enable = "neon")]
unsafe fn romix_neon(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    // SAFETY: this function has the instruction set; the rest is promised by the caller.
    unsafe {
        match lanes.len() {
            1 => romix::<Quad, 1>(n, r, lanes),
            2 => romix::<Quad, 2>(n, r, lanes),
            3 => romix::<Quad, 3>(n, r, lanes),
            _ => romix::<Quad, 4>(n, r, lanes),
        }
    }
}

#[derive(Clone, Copy)]
pub struct Quad(uint32x4_t);

// SAFETY of the blocks below: a value of the type, or else the caller of an unsafe function,
// guarantees the instruction set; what pointers point to is promised by the caller.
impl Vector for Quad {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self {
        // SAFETY: above.
        Self(unsafe { vld1q_u32(lanes[0].add(offset)) })
    }

    #[inline(always)]
    unsafe fn scatter(self, lanes: &Lanes, offset: usize) {
        // SAFETY: above.
        unsafe { vst1q_u32(lanes[0].add(offset), self.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: above.
        Self(unsafe { vld1q_u32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        // SAFETY: above.
        unsafe { vst1q_u32(to, self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { vaddq_u32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { veorq_u32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe {
            let rotated = vsriq_n_u32::<RIGHT>(vshlq_n_u32::<LEFT>(other.0), other.0);
            veorq_u32(self.0, rotated)
        })
    }

    #[inline(always)]
    fn turn<const BY: usize>(self) -> Self {
        // SAFETY: above.
        Self(unsafe {
            match BY {
                1 => vextq_u32::<1>(self.0, self.0),
                2 => vextq_u32::<2>(self.0, self.0),
                3 => vextq_u32::<3>(self.0, self.0),
                _ => unreachable!(),
            }
        })
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        // Its intrinsic is not stable yet.
        // SAFETY: a hint that is valid for any address and changes nothing.
        unsafe {
            asm!("prfm pldl1keep, [{}]", in(reg) at, options(nostack, readonly, preserves_flags));
        }
    }
}
