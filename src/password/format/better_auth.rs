//! Better Auth's own form: `salt:key`, 32 and 128 lowercase hex digits.
//!
//! The salt scrypt gets is the salt's *text*, not the 16 bytes it spells.

use zeroize::Zeroizing;

use super::{Form, StoredHash, malformed};
use crate::error::{Code, Error, Result};
use crate::password::derive::{Cost, KEY_LEN, Key};

const SALT_LEN: usize = 32;

/// The salt's text.
pub type Salt = [u8; SALT_LEN];

pub fn parse(text: &str) -> Result<StoredHash> {
    let (salt, key) = text
        .split_once(':')
        .ok_or_else(|| malformed("it has no colon; another algorithm's hash?"))?;
    Ok(StoredHash {
        form: Form::BetterAuth,
        cost: Cost::BETTER_AUTH,
        salt: parse_salt(salt).ok_or_else(|| malformed("its salt is not 32 hex digits"))?,
        key: parse_key(key).ok_or_else(|| malformed("its key is not 128 hex digits"))?,
    })
}

pub fn encode(salt: &Salt, key: &Key) -> String {
    let mut text = String::with_capacity(SALT_LEN + 1 + 2 * KEY_LEN);
    text.extend(salt.map(char::from));
    text.push(':');
    text.extend(
        key.iter()
            .flat_map(|&byte| hex_digits(byte))
            .map(char::from),
    );
    text
}

/// 16 random bytes, spelled in hex.
pub fn random_salt() -> Result<Salt> {
    let mut bytes = [0; SALT_LEN / 2];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(Code::Internal, "the operating system gave no random bytes").with_cause(error)
    })?;
    let mut salt = [0; SALT_LEN];
    for (pair, byte) in salt.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&hex_digits(byte));
    }
    Ok(salt)
}

fn parse_salt(text: &str) -> Option<Vec<u8>> {
    let salt: &Salt = text.as_bytes().try_into().ok()?;
    salt.iter()
        .all(|&digit| hex_value(digit).is_some())
        .then(|| salt.to_vec())
}

fn parse_key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits: &[u8; 2 * KEY_LEN] = text.as_bytes().try_into().ok()?;
    let mut key = Zeroizing::new(vec![0; KEY_LEN]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(key)
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        format!(
            "{}:{}",
            "0123456789abcdef".repeat(2),
            "fedcba9876543210".repeat(8)
        )
    }

    fn encoded(stored: &StoredHash) -> String {
        let mut key = Box::new(Zeroizing::new([0; KEY_LEN]));
        key.copy_from_slice(&stored.key);
        encode(stored.salt.as_slice().try_into().expect("a salt"), &key)
    }

    fn rejection(text: &str) -> Error {
        parse(text)
            .err()
            .unwrap_or_else(|| panic!("parsed {text:?}"))
    }

    #[test]
    fn parsing_and_encoding_are_inverse() {
        let text = sample();
        let stored = parse(&text).expect("a well-formed hash");
        assert_eq!(stored.salt, b"0123456789abcdef0123456789abcdef");
        assert_eq!(stored.key[..3], [0xfe, 0xdc, 0xba]);
        assert_eq!(encoded(&stored), text);
    }

    #[test]
    fn salts_are_hex_and_fresh() {
        let salts = [
            random_salt().expect("a salt"),
            random_salt().expect("a salt"),
        ];
        assert_ne!(salts[0], salts[1]);
        for salt in salts {
            assert!(
                salt.iter().all(|&digit| hex_value(digit).is_some()),
                "{salt:?}"
            );
        }
    }

    #[test]
    fn whatever_better_auth_could_not_have_written_is_malformed() {
        let text = sample();
        let (salt, key) = text.split_once(':').expect("a colon");
        for malformed in [
            String::new(),
            ":".into(),
            salt.into(),
            format!("{salt}:"),
            format!(":{key}"),
            format!("{salt}{key}"),
            format!("{key}:{salt}"),
            format!("{text}:"),
            format!("{text}\n"),
            format!(" {text}"),
            text.to_uppercase(),
            text.replace('0', "g"),
            text[1..].into(),
            text[..text.len() - 1].into(),
            format!("{text}0"),
            format!("{}:{key}", "é".repeat(16)),
            format!("{salt}:{}", "é".repeat(64)),
            format!("scrypt:32768:8:1${salt}${key}"),
            "$2b$12$abcdefghijklmnopqrstuvwxyz".into(),
            "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$a2V5".into(),
        ] {
            assert_eq!(
                rejection(&malformed).code,
                Code::InvalidHash,
                "{malformed:?}"
            );
        }
    }

    #[test]
    fn one_changed_character_is_either_another_hash_or_malformed() {
        let text = sample();
        for at in 0..text.len() {
            for byte in 0..128u8 {
                let mut changed = text.clone().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).expect("ASCII");
                match parse(&changed) {
                    Ok(stored) => assert_eq!(encoded(&stored), changed),
                    Err(error) => assert_eq!(error.code, Code::InvalidHash),
                }
            }
        }
    }

    #[test]
    fn random_text_never_panics_and_never_parses() {
        let alphabet: Vec<char> = "0123456789abcdefABCDEF:: g$\0é🔑".chars().collect();
        let mut random = vec![0u8; 200];
        for length in (0..200).cycle().take(20_000) {
            getrandom::fill(&mut random).expect("random bytes");
            let text: String = random[..length]
                .iter()
                .map(|&byte| alphabet[usize::from(byte) % alphabet.len()])
                .collect();
            rejection(&text);
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_hash() {
        let text = sample().to_uppercase();
        let error = rejection(&text);
        let shown = format!("{error} {error:?}").to_uppercase();
        for part in text.split(':') {
            assert!(!shown.contains(&part[..8]), "{shown}");
        }
    }
}
