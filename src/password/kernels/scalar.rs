//! ROMix as RFC 7914 writes it, word by word: what every other kernel is tested against, and the
//! one that runs everywhere. It shares nothing with the others but where memory comes from.

use zeroize::Zeroizing;

use super::memory::{Block, WORDS};
use super::{Kernel, Lane};

pub const KERNEL: Kernel = Kernel {
    name: "scalar",
    lanes: 1,
    supported: || true,
    romix,
};

/// Mixes one hash after the other.
fn romix(n: usize, r: usize, lanes: &mut [Lane<'_>]) {
    for Lane { block, memory } in lanes {
        let mut x = Zeroizing::new(vec![Block::default(); 2 * r]);
        let mut y = x.clone();
        let (words, _) = block.as_chunks_mut::<4>();
        for (to, from) in x.iter_mut().flat_map(|block| &mut block.0).zip(&*words) {
            *to = u32::from_le_bytes(*from);
        }
        for v in memory.chunks_exact_mut(2 * r).take(n) {
            v.copy_from_slice(&x);
            block_mix(&x, &mut y);
            std::mem::swap(&mut x, &mut y);
        }
        for _ in 0..n {
            // Integerify: N is a power of two of at most 32 bits, so the first word is enough.
            let j = x[2 * r - 1].0[0] as usize & (n - 1);
            for (block, v) in x.iter_mut().zip(&memory[2 * r * j..]) {
                xor(&mut block.0, &v.0);
            }
            block_mix(&x, &mut y);
            std::mem::swap(&mut x, &mut y);
        }
        for (to, from) in words.iter_mut().zip(x.iter().flat_map(|block| block.0)) {
            *to = from.to_le_bytes();
        }
    }
}

fn block_mix(from: &[Block], to: &mut [Block]) {
    let r = from.len() / 2;
    let mut x = from[2 * r - 1].0;
    for (index, block) in from.iter().enumerate() {
        xor(&mut x, &block.0);
        salsa20_8(&mut x);
        to[index / 2 + index % 2 * r].0 = x;
    }
}

fn xor(x: &mut [u32; WORDS], other: &[u32; WORDS]) {
    for (word, other) in x.iter_mut().zip(other) {
        *word ^= other;
    }
}

fn salsa20_8(block: &mut [u32; WORDS]) {
    let mut x = *block;
    for _ in 0..4 {
        for [a, b, c, d] in [[0, 4, 8, 12], [5, 9, 13, 1], [10, 14, 2, 6], [15, 3, 7, 11]] {
            quarter_round(&mut x, a, b, c, d);
        }
        for [a, b, c, d] in [[0, 1, 2, 3], [5, 6, 7, 4], [10, 11, 8, 9], [15, 12, 13, 14]] {
            quarter_round(&mut x, a, b, c, d);
        }
    }
    for (word, x) in block.iter_mut().zip(x) {
        *word = word.wrapping_add(x);
    }
}

fn quarter_round(x: &mut [u32; WORDS], a: usize, b: usize, c: usize, d: usize) {
    x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
    x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
    x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
    x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
}

#[cfg(test)]
mod tests {
    use super::super::memory::Arena;
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    fn words(bytes: &[u8]) -> [u32; WORDS] {
        std::array::from_fn(|at| u32::from_le_bytes(bytes[4 * at..][..4].try_into().unwrap()))
    }

    /// RFC 7914, section 8.
    #[test]
    fn salsa20_8_core() {
        let mut block = words(&bytes(
            "7e 87 9a 21 4f 3e c9 86 7c a9 40 e6 41 71 8f 26 ba ee 55 5b 8c 61 c1 b5 0d f8 46 11 6d cd
             3b 1d ee 24 f3 19 df 9b 3d 85 14 12 1e 4b 5a c5 aa 32 76 02 1d 29 09 c7 48 29 ed eb c6 8d
             b8 b8 c2 5e",
        ));
        salsa20_8(&mut block);
        let expected = bytes(
            "a4 1f 85 9c 66 08 cc 99 3b 81 ca cb 02 0c ef 05 04 4b 21 81 a2 fd 33 7d fd 7b 1c 63 96 68
             2f 29 b4 39 31 68 e3 c9 e6 bc fe 6b c5 b7 a0 6d 96 ba e4 24 cc 10 2c 91 74 5c 24 ad 67 3d
             c7 61 8f 81",
        );
        assert_eq!(block, words(&expected));
    }

    /// RFC 7914, section 10.
    #[test]
    fn romix_of_n_16() {
        let mut block = bytes(
            "f7 ce 0b 65 3d 2d 72 a4 10 8c f5 ab e9 12 ff dd 77 76 16 db bb 27 a7 0e 82 04 f3 ae 2d 0f
             6f ad 89 f6 8f 48 11 d1 e8 7b cc 3b d7 40 0a 9f fd 29 09 4f 01 84 63 95 74 f3 9a e5 a1 31
             52 17 bc d7 89 49 91 44 72 13 bb 22 6c 25 b5 4d a8 63 70 fb cd 98 43 80 37 46 66 bb 8f fc
             b5 bf 40 c2 54 b0 67 d2 7c 51 ce 4a d5 fe d8 29 c9 0b 50 5a 57 1b 7f 4d 1c ad 6a 52 3c da
             77 0e 67 bc ea af 7e 89",
        );
        let memory = &mut Arena::new(32).expect("memory");
        romix(
            16,
            1,
            &mut [Lane {
                block: &mut block,
                memory,
            }],
        );
        let expected = bytes(
            "79 cc c1 93 62 9d eb ca 04 7f 0b 70 60 4b f6 b6 2c e3 dd 4a 96 26 e3 55 fa fc 61 98 e6 ea
             2b 46 d5 84 13 67 3b 99 b0 29 d6 65 c3 57 60 1f b4 26 a0 b2 f4 bb a2 00 ee 9f 0a 43 d1 9b
             57 1a 9c 71 ef 11 42 e6 5d 5a 26 6f dd ca 83 2c e5 9f aa 7c ac 0b 9c f1 be 2b ff ca 30 0d
             01 ee 38 76 19 c4 ae 12 fd 44 38 f2 03 a0 e4 e1 c4 7e c3 14 86 1f 4e 90 87 cb 33 39 6a 68
             73 e8 f9 d2 53 9a 4b 8e",
        );
        assert_eq!(block, expected);
    }
}
