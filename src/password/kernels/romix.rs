//! scrypt's ROMix (RFC 7914, section 5) over `G` registers of independent hashes.
//!
//! One hash is a single chain of dependent steps, which leaves most of a core idle. Hashes that
//! know nothing of each other fill it: those that share a register cost nothing, and further
//! registers little, as long as there are execution units and register names for them.
//!
//! The words of every 64-byte block are kept in the order of [`DIAGONALS`], in which the rounds of
//! Salsa20 need no transposition; the order is entered and left once per hash. All of it is
//! `inline(always)`, so that it is compiled for the instruction set of the kernel that calls it;
//! loops instead of closures for the same reason.

#![allow(
    clippy::needless_range_loop,
    reason = "an index says which register, in several places at once"
)]

use std::mem;

use zeroize::Zeroizing;

use super::Lane;
use super::memory::{Block, WORDS};
use super::vector::{Lanes, MAX_LANES, Vector};

/// Which word of a block is at each place while mixing: the four diagonals of the 4x4 matrix.
const DIAGONALS: [usize; WORDS] = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11];

/// One block of `G` times `V::LANES` hashes: a register for each diagonal.
type State<V, const G: usize> = [[V; 4]; G];

/// How many blocks before its use a part of V is asked for: measured, and more is slower.
const AHEAD: usize = 2;

/// Mixes the blocks of 1 to `G * V::LANES` hashes. Lanes that are left over do the first hash's
/// work once more: they write what it writes, where it writes, and cost no memory.
///
/// # Safety
/// The CPU has `V`'s instruction set. There are 1 to `G * V::LANES` lanes, each with `128 * r`
/// bytes of block and at least `2 * r * n` blocks of memory; `n` is a power of two.
#[inline(always)]
pub unsafe fn romix<V: Vector, const G: usize>(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    for lane in lanes.iter_mut() {
        let (words, _) = lane.block.as_chunks::<4>();
        for (index, block) in lane.memory[..2 * r].iter_mut().enumerate() {
            for (place, to) in block.0.iter_mut().enumerate() {
                *to = u32::from_le_bytes(words[word_at(index * WORDS + place)]);
            }
        }
    }
    let mut memory: [Lanes; G] = [[lanes[0].memory.as_mut_ptr().cast(); MAX_LANES]; G];
    for (index, lane) in lanes.iter_mut().enumerate().skip(1) {
        memory[index / V::LANES][index % V::LANES] = lane.memory.as_mut_ptr().cast();
    }

    let mut front = working_memory::<V, G>(r);
    let mut back = working_memory::<V, G>(r);
    let mut from: *mut u32 = front.as_mut_ptr().cast();
    let mut to: *mut u32 = back.as_mut_ptr().cast();
    // SAFETY: as promised by the caller; the working memories are apart, and have 2r blocks for
    // each lane, aligned for the largest register.
    unsafe {
        fill::<V, G>(n, r, &memory, from);
        for _ in 0..n {
            mix::<V, G>(n, r, &memory, from, to);
            mem::swap(&mut from, &mut to);
        }
    }

    for (index, lane) in lanes.iter_mut().enumerate() {
        let (words, _) = lane.block.as_chunks_mut::<4>();
        for place in 0..2 * r * WORDS {
            let register = place / 4 * G + index / V::LANES;
            let within = 4 * (index % V::LANES) + place % 4;
            // SAFETY: within the 2r blocks of all lanes, in the layout of `store`.
            let word = unsafe { from.add(register * V::WORDS + within).read() };
            words[word_at(place)] = word.to_le_bytes();
        }
    }
}

/// Where the word at a place of the diagonal order belongs.
fn word_at(place: usize) -> usize {
    place / WORDS * WORDS + DIAGONALS[place % WORDS]
}

/// X of all lanes, register by register.
fn working_memory<V: Vector, const G: usize>(r: usize) -> Zeroizing<Vec<Block>> {
    Zeroizing::new(vec![Block::default(); 2 * r * G * V::LANES])
}

/// Steps 1 and 2: with V_0 there, makes V_1 to V_(n-1) of each lane, and X after them.
///
/// # Safety
/// As of [`romix`], with `memory` where the lanes have theirs; `x` has room for 2r blocks of all.
#[inline(always)]
unsafe fn fill<V: Vector, const G: usize>(n: usize, r: usize, memory: &[Lanes; G], x: *mut u32) {
    let size = 2 * r * WORDS;
    // SAFETY: V has n times 2r blocks, within which each offset is; `x` as promised.
    unsafe {
        let mut state: State<V, G> = gather(memory, size - WORDS);
        for i in 0..n {
            for block in 0..2 * r {
                let input = gather(memory, i * size + block * WORDS);
                state = salsa20_8(xor(state, input));
                let place = mixed_place(block, r);
                if i + 1 < n {
                    scatter(state, memory, (i + 1) * size + place * WORDS);
                } else {
                    store(state, x, place);
                }
            }
        }
    }
}

/// One turn of step 3: `to` becomes BlockMix(`from` xor V_j), each lane with the j of its own last
/// block.
///
/// # Safety
/// As of [`fill`]; `from` and `to` are 2r blocks of all lanes each, and apart.
#[inline(always)]
unsafe fn mix<V: Vector, const G: usize>(
    n: usize,
    r: usize,
    memory: &[Lanes; G],
    from: *const u32,
    to: *mut u32,
) {
    let size = 2 * r * WORDS;
    let last = 2 * r - 1;
    let mut chosen = *memory;
    for group in 0..G {
        for within in 0..V::LANES {
            // SAFETY: the first word of the lane's last block; then a V_j, for j is below n.
            unsafe {
                let first = from.add((last * 4 * G + group) * V::WORDS + 4 * within);
                let j = first.read() as usize & (n - 1);
                chosen[group][within] = chosen[group][within].add(j * size);
            }
        }
    }
    prefetch::<V, G>(&chosen, last);
    for block in 0..AHEAD {
        prefetch::<V, G>(&chosen, block);
    }
    // SAFETY: `from`, `to` and the chosen V_j have 2r blocks.
    unsafe {
        let mut state: State<V, G> = xor(load(from, last), gather(&chosen, last * WORDS));
        for block in 0..2 * r {
            if block + AHEAD < last {
                prefetch::<V, G>(&chosen, block + AHEAD);
            }
            let input = xor(load(from, block), gather(&chosen, block * WORDS));
            state = salsa20_8(xor(state, input));
            store(state, to, mixed_place(block, r));
        }
    }
}

/// BlockMix puts the even blocks before the odd ones.
#[inline(always)]
fn mixed_place(block: usize, r: usize) -> usize {
    block / 2 + (block % 2) * r
}

/// The Salsa20/8 core on blocks in diagonal order: four double rounds, and the sum with what they
/// began from.
#[inline(always)]
fn salsa20_8<V: Vector, const G: usize>(start: State<V, G>) -> State<V, G> {
    let mut state = start;
    for _ in 0..4 {
        // Columns become rows and rows columns by the same turns.
        quarter_rounds(&mut state);
        turn(&mut state);
        quarter_rounds(&mut state);
        turn(&mut state);
    }
    for group in 0..G {
        for row in 0..4 {
            state[group][row] = state[group][row].add(start[group][row]);
        }
    }
    state
}

/// Four quarter rounds at once, one in each column of the registers.
#[inline(always)]
fn quarter_rounds<V: Vector, const G: usize>(state: &mut State<V, G>) {
    for [a, b, _, d] in state.iter_mut() {
        *b = b.xor_rotated::<7, 25>(a.add(*d));
    }
    for [a, b, c, _] in state.iter_mut() {
        *c = c.xor_rotated::<9, 23>(b.add(*a));
    }
    for [_, b, c, d] in state.iter_mut() {
        *d = d.xor_rotated::<13, 19>(c.add(*b));
    }
    for [a, _, c, d] in state.iter_mut() {
        *a = a.xor_rotated::<18, 14>(d.add(*c));
    }
}

#[inline(always)]
fn turn<V: Vector, const G: usize>(state: &mut State<V, G>) {
    for [_, b, c, d] in state.iter_mut() {
        (*b, *c, *d) = (d.turn::<1>(), c.turn::<2>(), b.turn::<3>());
    }
}

#[inline(always)]
fn xor<V: Vector, const G: usize>(mut state: State<V, G>, other: State<V, G>) -> State<V, G> {
    for group in 0..G {
        for row in 0..4 {
            state[group][row] = state[group][row].xor(other[group][row]);
        }
    }
    state
}

/// A block of each lane from the lanes' own memory.
///
/// # Safety
/// The CPU has the instruction set, and each lane has a block at `offset` words.
#[inline(always)]
unsafe fn gather<V: Vector, const G: usize>(memory: &[Lanes; G], offset: usize) -> State<V, G> {
    // SAFETY: as promised; blocks are aligned, and a row is four words of them.
    unsafe {
        let mut state = [[V::gather(&memory[0], offset); 4]; G];
        for group in 0..G {
            for row in 0..4 {
                state[group][row] = V::gather(&memory[group], offset + 4 * row);
            }
        }
        state
    }
}

/// The reverse of [`gather`].
///
/// # Safety
/// Each lane has a block at `offset` words, which nobody else refers to.
#[inline(always)]
unsafe fn scatter<V: Vector, const G: usize>(
    state: State<V, G>,
    memory: &[Lanes; G],
    offset: usize,
) {
    for group in 0..G {
        for row in 0..4 {
            // SAFETY: as promised; blocks are aligned, and a row is four words of them.
            unsafe { state[group][row].scatter(&memory[group], offset + 4 * row) };
        }
    }
}

/// A block of all lanes from working memory.
///
/// # Safety
/// The CPU has the instruction set, and the working memory has that block.
#[inline(always)]
unsafe fn load<V: Vector, const G: usize>(from: *const u32, block: usize) -> State<V, G> {
    // SAFETY: as promised; the registers of a block lie one after the other, aligned as the
    // working memory is.
    unsafe {
        let mut state = [[V::load(from); 4]; G];
        for group in 0..G {
            for row in 0..4 {
                let register = (4 * block + row) * G + group;
                state[group][row] = V::load(from.add(register * V::WORDS));
            }
        }
        state
    }
}

/// The reverse of [`load`].
///
/// # Safety
/// The working memory has that block, and nobody else refers to it.
#[inline(always)]
unsafe fn store<V: Vector, const G: usize>(state: State<V, G>, to: *mut u32, block: usize) {
    for group in 0..G {
        for row in 0..4 {
            let register = (4 * block + row) * G + group;
            // SAFETY: as promised; aligned as the working memory is.
            unsafe { state[group][row].store(to.add(register * V::WORDS)) };
        }
    }
}

/// A block is one cache line.
#[inline(always)]
fn prefetch<V: Vector, const G: usize>(memory: &[Lanes; G], block: usize) {
    for lanes in memory {
        for lane in &lanes[..V::LANES] {
            V::prefetch(lane.wrapping_add(block * WORDS));
        }
    }
}
