//! Two hashes in each register of 256 bits. A hash alone takes half a register: the instructions
//! of three operands already make that faster than SSE2's.

use std::arch::x86_64::*;

use super::romix::romix;
use super::sse2::{Xmm, prefetch};
use super::vector::{Lanes, Vector};
use super::{Kernel, Lane};

pub const KERNEL: Kernel = Kernel {
    name: "avx2",
    lanes: 6,
    supported: || is_x86_feature_detected!("avx2"),
    romix: romix_avx2,
};

/// # Safety
/// As of [`romix`].
#[target_feature(enable = "avx2")]
unsafe fn romix_avx2(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    // SAFETY: this function has the instruction set; the rest is promised by the caller.
    unsafe {
        match lanes.len() {
            1 => romix::<Xmm<false>, 1>(n, r, lanes),
            2 => romix::<Ymm<false>, 1>(n, r, lanes),
            3 | 4 => romix::<Ymm<false>, 2>(n, r, lanes),
            _ => romix::<Ymm<false>, 3>(n, r, lanes),
        }
    }
}

/// `ROTATES`: with AVX-512VL there is an instruction that rotates.
#[derive(Clone, Copy)]
pub struct Ymm<const ROTATES: bool>(__m256i);

// SAFETY of the blocks below: a value of the type, or else the caller of an unsafe function,
// guarantees the instruction set; what pointers point to is promised by the caller.
impl<const ROTATES: bool> Vector for Ymm<ROTATES> {
    const LANES: usize = 2;

    #[inline(always)]
    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self {
        // SAFETY: above.
        Self(unsafe {
            let low = _mm256_castsi128_si256(_mm_load_si128(lanes[0].add(offset).cast()));
            _mm256_inserti128_si256::<1>(low, _mm_load_si128(lanes[1].add(offset).cast()))
        })
    }

    #[inline(always)]
    unsafe fn scatter(self, lanes: &Lanes, offset: usize) {
        // SAFETY: above.
        unsafe {
            _mm_store_si128(lanes[0].add(offset).cast(), _mm256_castsi256_si128(self.0));
            let high = _mm256_extracti128_si256::<1>(self.0);
            _mm_store_si128(lanes[1].add(offset).cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm256_load_si256(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        // SAFETY: above.
        unsafe { _mm256_store_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm256_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm256_xor_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self {
        // SAFETY: above; whoever makes a value that rotates guarantees AVX-512VL.
        Self(unsafe {
            if ROTATES {
                _mm256_xor_si256(self.0, _mm256_rol_epi32::<LEFT>(other.0))
            } else {
                let left = _mm256_xor_si256(self.0, _mm256_slli_epi32::<LEFT>(other.0));
                _mm256_xor_si256(left, _mm256_srli_epi32::<RIGHT>(other.0))
            }
        })
    }

    #[inline(always)]
    fn turn<const BY: usize>(self) -> Self {
        // SAFETY: above.
        Self(unsafe {
            match BY {
                1 => _mm256_shuffle_epi32::<0b00_11_10_01>(self.0),
                2 => _mm256_shuffle_epi32::<0b01_00_11_10>(self.0),
                3 => _mm256_shuffle_epi32::<0b10_01_00_11>(self.0),
                _ => unreachable!(),
            }
        })
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        prefetch(at);
    }
}
