//! From passwords and salts to keys: scrypt (RFC 7914), several at a time.
//!
//! PBKDF2 on both ends, and the kernels' mixing between them, where all the time goes.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::kernels::{self, Arena, Block, Kernel, Lane};

/// Of every key. PBKDF2 makes a shorter one as the beginning of a longer one.
pub const KEY_LEN: usize = 64;

/// On the heap, so that handing it on moves a pointer and leaves no copy behind.
pub type Key = Box<Zeroizing<[u8; KEY_LEN]>>;

/// What a key is made of.
pub struct Secret {
    pub password: Zeroizing<String>,
    pub salt: Vec<u8>,
}

/// scrypt's parameters N = 2^log_n, r and p, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    log_n: u32,
    r: u32,
    p: u32,
}

impl Cost {
    /// N = 2^14, r = 16, p = 1: 32 MiB.
    pub const BETTER_AUTH: Self = Self {
        log_n: 14,
        r: 16,
        p: 1,
    };

    /// What one hash may take of memory: 128 MiB, which is N = 2^17 with r = 8, the most that is
    /// commonly advised.
    pub const MAX_MEMORY: usize = 128 << 20;

    /// And of work, in blocks mixed: 16 times Better Auth's, about a second.
    const MAX_WORK: u64 = 16 * Self::BETTER_AUTH.work();

    /// `None` beyond the bounds: whoever can write a stored hash must not be able to take all
    /// memory, or a core for hours.
    pub fn new(log_n: u32, r: u32, p: u32) -> Option<Self> {
        let each = (1..=20).contains(&log_n) && (1..=64).contains(&r) && (1..=64).contains(&p);
        let cost = Self { log_n, r, p };
        (each && cost.memory() <= Self::MAX_MEMORY && cost.work() <= Self::MAX_WORK).then_some(cost)
    }

    /// Bytes of V.
    pub const fn memory(self) -> usize {
        self.blocks() * size_of::<Block>()
    }

    /// Blocks of V.
    pub const fn blocks(self) -> usize {
        kernels::blocks(self.n(), self.r as usize)
    }

    const fn work(self) -> u64 {
        self.p as u64 * self.memory() as u64
    }

    const fn n(self) -> usize {
        1 << self.log_n
    }
}

/// As many keys as secrets, each in an arena of its own, all of the same cost and on this thread.
pub fn derive(kernel: &Kernel, cost: Cost, secrets: &[Secret], arenas: &mut [Arena]) -> Vec<Key> {
    let r = cost.r as usize;
    let part = 128 * r;
    let mut blocks: Vec<_> = secrets
        .iter()
        .map(|secret| expand(secret, part * cost.p as usize))
        .collect();
    for index in 0..cost.p as usize {
        let mut lanes: Vec<_> = blocks
            .iter_mut()
            .zip(arenas.iter_mut())
            .map(|(blocks, memory)| Lane {
                block: &mut blocks[index * part..][..part],
                memory,
            })
            .collect();
        assert_eq!(lanes.len(), secrets.len(), "an arena for each secret");
        kernel.mix(cost.n(), r, &mut lanes);
    }
    let keys = secrets.iter().zip(&blocks);
    keys.map(|(secret, blocks)| contract(secret, blocks))
        .collect()
}

fn expand(secret: &Secret, length: usize) -> Zeroizing<Vec<u8>> {
    let mut blocks = Zeroizing::new(vec![0; length]);
    pbkdf2_hmac::<Sha256>(secret.password.as_bytes(), &secret.salt, 1, &mut blocks);
    blocks
}

fn contract(secret: &Secret, blocks: &[u8]) -> Key {
    let mut key = Box::new(Zeroizing::new([0; KEY_LEN]));
    pbkdf2_hmac::<Sha256>(secret.password.as_bytes(), blocks, 1, key.as_mut_slice());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(password: &str, salt: &str) -> Secret {
        Secret {
            password: Zeroizing::new(password.into()),
            salt: salt.into(),
        }
    }

    /// Every kernel's key, from a batch of one.
    fn keys(cost: Cost, password: &str, salt: &str) -> Vec<Key> {
        let arenas = &mut [Arena::new(cost.blocks()).expect("memory")];
        kernels::supported()
            .flat_map(|kernel| derive(kernel, cost, &[secret(password, salt)], arenas))
            .collect()
    }

    fn hex(key: &Key) -> String {
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn rfc_7914_vectors() {
        let vectors: [(&str, &str, _, &str); 3] = [
            (
                "",
                "",
                (4, 1, 1),
                "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
                 fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
            ),
            (
                "password",
                "NaCl",
                (10, 8, 16),
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                 2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
            ),
            (
                "pleaseletmein",
                "SodiumChloride",
                (14, 8, 1),
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2\
                 d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
            ),
        ];
        for (password, salt, (log_n, r, p), expected) in vectors {
            let cost = Cost::new(log_n, r, p).expect("within the bounds");
            for key in keys(cost, password, salt) {
                assert_eq!(hex(&key), expected);
            }
        }
    }

    #[test]
    fn better_auths_cost() {
        // node -p 'crypto.scryptSync("", "0".repeat(32), 64,
        //   { N: 16384, r: 16, p: 1, maxmem: 2 ** 27 }).toString("hex")'
        for key in keys(Cost::BETTER_AUTH, "", &"0".repeat(32)) {
            assert_eq!(
                hex(&key),
                "7202489379a26018840bf634ac9eeaa5f61bd04173abb4ae394423d4218470a0\
                 cb7245f6c5b00b732c16250d14f6d421cbad6d85b0faceaf95d9207eb31a6e6c",
            );
        }
    }

    /// Batches of every size on every kernel, with different secrets in each lane.
    #[test]
    fn every_lane_gives_the_key_of_the_scrypt_crate() {
        for (log_n, r, p) in [(5, 1, 1), (6, 8, 3), (8, 16, 1)] {
            let cost = Cost::new(log_n, r, p).expect("within the bounds");
            for kernel in kernels::supported() {
                for lanes in 1..=kernel.lanes() {
                    let secrets: Vec<_> = (0..lanes)
                        .map(|lane| {
                            let random = super::super::format::random_salt().expect("a salt");
                            let random = str::from_utf8(&random).expect("ASCII");
                            secret(&random[..lane * 2], &random[16 + lane..])
                        })
                        .collect();
                    let arenas = &mut (0..lanes)
                        .map(|_| Arena::new(cost.blocks()).expect("memory"))
                        .collect::<Vec<_>>();
                    let keys = derive(kernel, cost, &secrets, arenas);
                    assert_eq!(keys.len(), lanes);
                    for (secret, key) in secrets.iter().zip(keys) {
                        let params = scrypt::Params::new(log_n as u8, r, p).expect("parameters");
                        let mut expected = [0; KEY_LEN];
                        scrypt::scrypt(
                            secret.password.as_bytes(),
                            &secret.salt,
                            &params,
                            &mut expected,
                        )
                        .expect("a key");
                        assert_eq!(**key, expected, "{kernel:?}, {lanes} lanes, {cost:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn costs_are_bounded_in_memory_and_in_work() {
        for (log_n, r, p) in [
            (14, 16, 1),
            (16, 8, 1),
            (17, 8, 1),
            (14, 8, 5),
            (1, 64, 64),
            (20, 1, 1),
        ] {
            let cost = Cost::new(log_n, r, p).unwrap_or_else(|| panic!("{log_n} {r} {p}"));
            assert!(cost.memory() <= Cost::MAX_MEMORY);
        }
        for (log_n, r, p) in [
            (0, 1, 1),
            (1, 0, 1),
            (1, 1, 0),
            (18, 8, 1),
            (17, 9, 1),
            (20, 2, 1),
            (21, 1, 1),
            (14, 16, 17),
            (17, 8, 5),
            (63, 8, 1),
            (64, 8, 1),
            (u32::MAX, u32::MAX, u32::MAX),
            (14, 1 << 30, 1),
            (14, 8, (1 << 30) - 1),
        ] {
            assert_eq!(Cost::new(log_n, r, p), None, "{log_n} {r} {p}");
        }
    }
}
