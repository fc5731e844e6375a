//! Four hashes in each register of 512 bits. Few hashes take narrower registers, which AVX-512VL
//! gives an instruction that rotates: one register of any width takes the same number of
//! instructions, and the narrower ones run at a higher clock on some CPUs.

use std::arch::x86_64::*;

use super::avx2::Ymm;
use super::romix::romix;
use super::sse2::{Xmm, prefetch};
use super::vector::{Lanes, Vector};
use super::{Kernel, Lane};

pub const KERNEL: Kernel = Kernel {
    name: "avx512",
    lanes: 12,
    supported: || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl"),
    romix: romix_avx512,
};

/// # Safety
/// As of [`romix`].
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn romix_avx512(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    // SAFETY: this function has the instruction set; the rest is promised by the caller.
    unsafe {
        match lanes.len() {
            1 => romix::<Xmm<true>, 1>(n, r, lanes),
            2 => romix::<Ymm<true>, 1>(n, r, lanes),
            3 | 4 => romix::<Zmm, 1>(n, r, lanes),
            5..=8 => romix::<Zmm, 2>(n, r, lanes),
            _ => romix::<Zmm, 3>(n, r, lanes),
        }
    }
}

#[derive(Clone, Copy)]
pub struct Zmm(__m512i);

// SAFETY of the blocks below: a value of the type, or else the caller of an unsafe function,
// guarantees the instruction set; what pointers point to is promised by the caller.
impl Vector for Zmm {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self {
        // SAFETY: above.
        Self(unsafe {
            let first = _mm512_castsi128_si512(_mm_load_si128(lanes[0].add(offset).cast()));
            let second = _mm_load_si128(lanes[1].add(offset).cast());
            let third = _mm_load_si128(lanes[2].add(offset).cast());
            let fourth = _mm_load_si128(lanes[3].add(offset).cast());
            let two = _mm512_inserti32x4::<1>(first, second);
            _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(two, third), fourth)
        })
    }

    #[inline(always)]
    unsafe fn scatter(self, lanes: &Lanes, offset: usize) {
        // SAFETY: above.
        unsafe {
            _mm_store_si128(lanes[0].add(offset).cast(), _mm512_castsi512_si128(self.0));
            let second = _mm512_extracti32x4_epi32::<1>(self.0);
            _mm_store_si128(lanes[1].add(offset).cast(), second);
            let third = _mm512_extracti32x4_epi32::<2>(self.0);
            _mm_store_si128(lanes[2].add(offset).cast(), third);
            let fourth = _mm512_extracti32x4_epi32::<3>(self.0);
            _mm_store_si128(lanes[3].add(offset).cast(), fourth);
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm512_load_si512(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        // SAFETY: above.
        unsafe { _mm512_store_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm512_xor_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self {
        // SAFETY: above.
        Self(unsafe { _mm512_xor_si512(self.0, _mm512_rol_epi32::<LEFT>(other.0)) })
    }

    #[inline(always)]
    fn turn<const BY: usize>(self) -> Self {
        // SAFETY: above.
        Self(unsafe {
            match BY {
                1 => _mm512_shuffle_epi32::<0b00_11_10_01>(self.0),
                2 => _mm512_shuffle_epi32::<0b01_00_11_10>(self.0),
                3 => _mm512_shuffle_epi32::<0b10_01_00_11>(self.0),
                _ => unreachable!(),
            }
        })
    }

    #[inline(always)]
    fn prefetch(at: *const u32) {
        prefetch(at);
    }
}
