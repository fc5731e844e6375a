//! One hash in each register of 128 bits; SSE2 is part of every x86-64.

use std::arch::x86_64::*;

use super::romix::romix;
use super::vector::{Lanes, Vector};
use super::{Kernel, Lane};

pub const KERNEL: Kernel = Kernel {
    name: "sse2",
    lanes: 3,
    supported: || is_x86_feature_detected!("sse2"),
    romix: romix_sse2,
};

/// # Safety
/// As of [`romix`].
#[target_feature(enable = "sse2")]
unsafe fn romix_sse2(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    // SAFETY: this function has the instruction set; the rest is promised by the caller.
    unsafe {
        match lanes.len() {
            1 => romix::<Xmm<false>, 1>(n, r, lanes),
            2 => romix::<Xmm<false>, 2>(n, r, lanes),
            _ => romix::<Xmm<false>, 3>(n, r, lanes),
        }
    }
}

/// `ROTATES`: with AVX-512VL there is an instruction that rotates.
#[derive(Clone, Copy)]
pub struct Xmm<const ROTATES: bool>(__m128i);

// SAFETY of the blocks below: a value of the type, or else the caller of an unsafe function,
// guarantees the instruction set; what pointers point to is promised by the caller.
impl<const ROTATES: bool> Vector for Xmm<ROTATES> {
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm_load_si128(lanes[0].add(offset).cast()) })
    }

    #[inline(always)]
    unsafe fn scatter(self, lanes: &Lanes, offset: usize) {
        // SAFETY: above.
        unsafe { _mm_store_si128(lanes[0].add(offset).cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm_load_si128(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        // SAFETY: above.
        unsafe { _mm_store_si128(to.cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm_xor_si128(self.0, other.0) })
    }

    #[inline(always)]
    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self {
        // SAFETY: above; whoever makes a value that rotates guarantees AVX-512VL.
        Self(unsafe {
            if ROTATES {
                _mm_xor_si128(self.0, _mm_rol_epi32::<LEFT>(other.0))
            } else {
                let left = _mm_xor_si128(self.0, _mm_slli_epi32::<LEFT>(other.0));
                _mm_xor_si128(left, _mm_srli_epi32::<RIGHT>(other.0))
            }
        })
    }

    #[inline(always)]
    fn turn<const BY: usize>(self) -> Self {
        // SAFETY: above.
        Self(unsafe {
            match BY {
                1 => _mm_shuffle_epi32::<0b00_11_10_01>(self.0),
                2 => _mm_shuffle_epi32::<0b01_00_11_10>(self.0),
                3 => _mm_shuffle_epi32::<0b10_01_00_11>(self.0),
                _ => unreachable!(),
            }
        })
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        prefetch(at);
    }
}

#[inline(always)]
pub fn prefetch(at: *const u32) {
    // SAFETY: a hint that is valid for any address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}
