//! Every kernel, every number of lanes and every operation against a twin that shares no code with
//! it. Lanes differ in all they hold, so that a mix-up of two of them shows.

use super::memory::{Arena, Block};
use super::portable::Portable;
use super::romix::romix;
use super::vector::{MAX_LANES, Vector};
use super::*;

/// Sizes at which every path is taken: one block pair, Better Auth's and the usual r, and an odd
/// one; few rounds and many.
const COSTS: [(usize, usize); 6] = [(2, 1), (16, 1), (64, 3), (32, 8), (16, 16), (256, 16)];

fn random<T: AsMut<[u8]>>(mut bytes: T) -> T {
    getrandom::fill(bytes.as_mut()).expect("random bytes");
    bytes
}

/// Random blocks, and what the scalar twin makes of each of them.
fn sample(n: usize, r: usize, count: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let input: Vec<_> = (0..count).map(|_| random(vec![0; 128 * r])).collect();
    let mut expected = input.clone();
    for block in &mut expected {
        let memory = &mut Arena::new(blocks(n, r)).expect("memory");
        scalar::KERNEL.mix(n, r, &mut [Lane { block, memory }]);
    }
    (input, expected)
}

/// Calls `mix` on lanes whose memory still holds what others left there.
fn mixed(
    n: usize,
    r: usize,
    mut input: Vec<Vec<u8>>,
    mix: impl FnOnce(&mut [Lane<'_>]),
) -> Vec<Vec<u8>> {
    let used = || {
        let mut arena = Arena::new(blocks(n, r)).expect("memory");
        arena.fill(Block([0xdead_beef; 16]));
        arena
    };
    let mut arenas: Vec<_> = input.iter().map(|_| used()).collect();
    let lanes = input.iter_mut().zip(&mut arenas);
    mix(&mut lanes
        .map(|(block, memory)| Lane { block, memory })
        .collect::<Vec<_>>());
    input
}

#[test]
fn every_kernel_with_every_number_of_lanes_is_the_scalar_twin() {
    for kernel in supported() {
        for lanes in 1..=kernel.lanes() {
            for (n, r) in COSTS {
                let (input, expected) = sample(n, r, lanes);
                let output = mixed(n, r, input, |lanes| kernel.mix(n, r, lanes));
                assert!(
                    output == expected,
                    "{kernel:?}, {lanes} lanes, n {n}, r {r}"
                );
            }
        }
    }
}

/// Every combination of registers that some kernel uses, on this CPU or another.
#[test]
fn the_algorithm_is_the_scalar_twin_at_every_width() {
    fn check<const L: usize, const G: usize>() {
        for lanes in 1..=L * G {
            for (n, r) in COSTS {
                let (input, expected) = sample(n, r, lanes);
                let output = mixed(n, r, input, |lanes| {
                    // SAFETY: `Portable` needs no CPU; the lanes are as many and as large as asked.
                    unsafe { romix::<Portable<L>, G>(n, r, lanes) }
                });
                assert!(
                    output == expected,
                    "{G} registers of {L}, {lanes} lanes, n {n}, r {r}"
                );
            }
        }
    }
    check::<1, 1>();
    check::<1, 2>();
    check::<1, 3>();
    check::<1, 4>();
    check::<2, 1>();
    check::<2, 2>();
    check::<2, 3>();
    check::<4, 1>();
    check::<4, 2>();
    check::<4, 3>();
}

/// Memory for one register of any width, or for a row of every lane.
fn words() -> [Block; MAX_LANES] {
    std::array::from_fn(|_| {
        let bytes = random([0; 64]);
        Block(std::array::from_fn(|at| {
            u32::from_le_bytes(bytes[4 * at..][..4].try_into().unwrap())
        }))
    })
}

/// Each operation of `V` against the array of the same width.
///
/// # Safety
/// The CPU has `V`'s instruction set.
#[inline(always)]
unsafe fn operations<V: Vector, const L: usize>() {
    assert_eq!(V::LANES, L);
    for _ in 0..100 {
        let (mut a, mut b) = (words(), words());
        let mut stored = words();
        let at = |blocks: &mut [Block; MAX_LANES]| -> *mut u32 { blocks.as_mut_ptr().cast() };
        let separately =
            |blocks: &mut [Block; MAX_LANES]| blocks.each_mut().map(|block| block.0.as_mut_ptr());
        // SAFETY: a register is at most the 64 bytes of the first block; a row of each lane is
        // within its own block. The caller vouches for the CPU.
        unsafe {
            let (x, y) = (V::load(at(&mut a)), V::load(at(&mut b)));
            let (p, q) = (
                Portable::<L>::load(at(&mut a)),
                Portable::<L>::load(at(&mut b)),
            );
            let mut same = |x: V, p: Portable<L>| {
                x.store(at(&mut stored));
                assert_eq!(Portable::<L>::load(at(&mut stored)), p);
            };
            same(x, p);
            same(x.add(y), p.add(q));
            same(x.xor(y), p.xor(q));
            same(x.xor_rotated::<7, 25>(y), p.xor_rotated::<7, 25>(q));
            same(x.xor_rotated::<9, 23>(y), p.xor_rotated::<9, 23>(q));
            same(x.xor_rotated::<13, 19>(y), p.xor_rotated::<13, 19>(q));
            same(x.xor_rotated::<18, 14>(y), p.xor_rotated::<18, 14>(q));
            same(x.turn::<1>(), p.turn::<1>());
            same(x.turn::<2>(), p.turn::<2>());
            same(x.turn::<3>(), p.turn::<3>());
            same(
                V::gather(&separately(&mut a), 8),
                Portable::<L>::gather(&separately(&mut a), 8),
            );
            let mut expected = b;
            x.scatter(&separately(&mut b), 4);
            p.scatter(&separately(&mut expected), 4);
            assert!(
                b.iter()
                    .zip(&expected)
                    .all(|(b, expected)| b.0 == expected.0)
            );
        }
        V::prefetch(std::ptr::null());
    }
}

#[test]
fn every_operation_is_that_of_arrays() {
    // SAFETY: arrays need no CPU; the others are used where the CPU has them.
    unsafe {
        operations::<Portable<4>, 4>();
        #[cfg(target_arch = "x86_64")]
        on_x86();
        #[cfg(target_arch = "aarch64")]
        operations::<neon::Quad, 1>();
    }
}

#[cfg(target_arch = "x86_64")]
fn on_x86() {
    /// # Safety
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn avx2() {
        // SAFETY: as promised.
        unsafe { operations::<avx2::Ymm<false>, 2>() }
    }

    /// # Safety
    /// The CPU has AVX-512F and AVX-512VL.
    #[target_feature(enable = "avx512f,avx512vl")]
    unsafe fn avx512() {
        // SAFETY: as promised.
        unsafe {
            operations::<sse2::Xmm<true>, 1>();
            operations::<avx2::Ymm<true>, 2>();
            operations::<avx512::Zmm, 4>();
        }
    }

    for kernel in supported() {
        // SAFETY: the CPU has what a supported kernel needs.
        unsafe {
            match kernel.name() {
                "sse2" => operations::<sse2::Xmm<false>, 1>(),
                "avx2" => avx2(),
                "avx512" => avx512(),
                _ => {}
            }
        }
    }
}

#[test]
fn the_scalar_twin_is_always_there_and_the_best_comes_first() {
    let names: Vec<_> = supported().map(Kernel::name).collect();
    assert_eq!(names.last(), Some(&"scalar"));
    #[cfg(target_arch = "x86_64")]
    assert!(names.contains(&"sse2"));
    #[cfg(target_arch = "aarch64")]
    assert_eq!(names[0], "neon");
    let ranks: Vec<_> = supported().map(Kernel::lanes).collect();
    assert!(ranks.is_sorted_by(|a, b| a > b), "{names:?}");
}

#[test]
#[should_panic]
fn memory_that_is_too_small_is_refused() {
    let kernel = supported().next().expect("one");
    let memory = &mut Arena::new(blocks(16, 1) - 1).expect("memory");
    kernel.mix(
        16,
        1,
        &mut [Lane {
            block: &mut [0; 128],
            memory,
        }],
    );
}

#[test]
#[should_panic]
fn a_cost_that_is_no_power_of_two_is_refused() {
    let kernel = supported().next().expect("one");
    let memory = &mut Arena::new(blocks(17, 1)).expect("memory");
    kernel.mix(
        17,
        1,
        &mut [Lane {
            block: &mut [0; 128],
            memory,
        }],
    );
}
