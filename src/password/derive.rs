//! From password and salt to key: scrypt at Better Auth's cost.
//!
//! The only module that names an implementation of scrypt.

use scrypt::Params;
use zeroize::Zeroizing;

pub const KEY_LEN: usize = 64;

/// On the heap, so that handing it on moves a pointer and leaves no copy behind.
pub type Key = Box<Zeroizing<[u8; KEY_LEN]>>;

/// N = 2^14, r = 16, p = 1: 32 MiB of memory for each derivation under way.
const COST: (u8, u32, u32) = (14, 16, 1);

pub fn derive(password: &[u8], salt: &[u8]) -> Key {
    derive_at(COST, password, salt)
}

fn derive_at((log_n, r, p): (u8, u32, u32), password: &[u8], salt: &[u8]) -> Key {
    let params = Params::new(log_n, r, p).expect("a cost scrypt allows");
    let mut key = Box::new(Zeroizing::new([0; KEY_LEN]));
    scrypt::scrypt(password, salt, &params, key.as_mut_slice())
        .expect("a key length scrypt allows");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (password, salt, cost, expected) in vectors {
            assert_eq!(
                hex(&derive_at(cost, password.as_bytes(), salt.as_bytes())),
                expected
            );
        }
    }

    #[test]
    fn better_auths_cost() {
        // node -p 'crypto.scryptSync("", "0".repeat(32), 64,
        //   { N: 16384, r: 16, p: 1, maxmem: 2 ** 27 }).toString("hex")'
        assert_eq!(
            hex(&derive(b"", &[b'0'; 32])),
            "7202489379a26018840bf634ac9eeaa5f61bd04173abb4ae394423d4218470a0\
             cb7245f6c5b00b732c16250d14f6d421cbad6d85b0faceaf95d9207eb31a6e6c",
        );
    }
}
