//! `$scrypt$ln=..,r=..,p=..$salt$key`, as the PHC string format has it and Passlib, RustCrypto and
//! others write it: decimal parameters in this order, base64 without padding.
//!
//! <https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>

use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

use super::{Form, StoredHash, malformed};
use crate::error::Result;
use crate::password::derive::{Cost, KEY_LEN};

const MAX_SALT: usize = 64;

/// Fewer bytes of key would let wrong passwords pass by chance.
const MIN_KEY: usize = 16;

pub fn parse(text: &str) -> Result<StoredHash> {
    let parts: Vec<_> = text.split('$').collect();
    let ["", algorithm, parts @ ..] = parts.as_slice() else {
        return Err(malformed("it is no PHC string"));
    };
    if *algorithm != "scrypt" {
        return Err(malformed("its algorithm is not scrypt"));
    }
    let [parameters, salt, key] = parts else {
        return Err(malformed("it does not have parameters, salt and key"));
    };
    let (log_n, r, p) = parse_parameters(parameters)
        .ok_or_else(|| malformed("its parameters are not ln=..,r=..,p=.."))?;
    let cost = Cost::new(log_n, r, p)
        .ok_or_else(|| malformed("its parameters take more memory or time than is allowed"))?;
    let salt = decode(salt, 1..=MAX_SALT).ok_or_else(|| malformed("its salt is damaged"))?;
    let key = decode(key, MIN_KEY..=KEY_LEN).ok_or_else(|| malformed("its key is damaged"))?;
    Ok(StoredHash {
        form: Form::Phc,
        cost,
        salt,
        key: Zeroizing::new(key),
    })
}

fn parse_parameters(text: &str) -> Option<(u32, u32, u32)> {
    let (log_n, rest) = text.strip_prefix("ln=")?.split_once(",r=")?;
    let (r, p) = rest.split_once(",p=")?;
    Some((decimal(log_n)?, decimal(r)?, decimal(p)?))
}

/// Digits only, and none that says nothing.
fn decimal(text: &str) -> Option<u32> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    canonical.then(|| text.parse().ok())?
}

fn decode(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<Vec<u8>> {
    // Before decoding: what comes from a database may be of any length.
    if text.len() > Base64Unpadded::encoded_len(&[0; KEY_LEN]) {
        return None;
    }
    let bytes = Base64Unpadded::decode_vec(text).ok()?;
    length.contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    /// Passlib's documentation has it, for the password "password".
    const PASSLIB: &str =
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

    fn rejection(text: &str) -> String {
        let error = StoredHash::parse(text).err();
        let error = error.unwrap_or_else(|| panic!("parsed {text:?}"));
        assert_eq!(error.code, Code::InvalidHash, "{text:?}");
        error.message.clone()
    }

    fn encoded(stored: &StoredHash, log_n: u32, r: u32, p: u32) -> String {
        let [salt, key] = [&stored.salt, &*stored.key].map(|it| Base64Unpadded::encode_string(it));
        format!("$scrypt$ln={log_n},r={r},p={p}${salt}${key}")
    }

    #[test]
    fn a_string_of_another_system_is_read() {
        let stored = StoredHash::parse(PASSLIB).expect("a PHC string");
        assert_eq!(stored.form, Form::Phc);
        assert_eq!(Some(stored.cost), Cost::new(16, 8, 1));
        assert_eq!((stored.salt.len(), stored.key.len()), (16, 32));
        assert_eq!(encoded(&stored, 16, 8, 1), PASSLIB);
    }

    #[test]
    fn whatever_is_written_by_the_format_is_read_back() {
        let mut random = [0u8; 3 + MAX_SALT + KEY_LEN];
        for _ in 0..5_000 {
            getrandom::fill(&mut random).expect("random bytes");
            let [log_n, r, p] = [random[0] % 24, random[1] % 70, random[2] % 70].map(u32::from);
            let [salt, key] = [
                1 + random[3] as usize % MAX_SALT,
                MIN_KEY + random[4] as usize % (KEY_LEN - MIN_KEY + 1),
            ];
            let written = StoredHash {
                form: Form::Phc,
                cost: Cost::BETTER_AUTH,
                salt: random[3..][..salt].to_vec(),
                key: Zeroizing::new(random[3 + MAX_SALT..][..key].to_vec()),
            };
            let text = encoded(&written, log_n, r, p);
            match Cost::new(log_n, r, p) {
                Some(cost) => {
                    let read = StoredHash::parse(&text).expect("a PHC string");
                    assert_eq!(
                        (read.cost, read.salt, &read.key),
                        (cost, written.salt, &written.key)
                    );
                }
                None => drop(rejection(&text)),
            }
        }
    }

    #[test]
    fn one_changed_character_is_either_another_hash_or_malformed() {
        for at in 0..PASSLIB.len() {
            for byte in 0..128u8 {
                let mut changed = PASSLIB.to_owned().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).expect("ASCII");
                let Ok(stored) = StoredHash::parse(&changed) else {
                    rejection(&changed);
                    continue;
                };
                let parameters = changed.split('$').nth(2).expect("parameters");
                let (log_n, r, p) = parse_parameters(parameters).expect("three numbers");
                assert_eq!(Some(stored.cost), Cost::new(log_n, r, p));
                assert_eq!(encoded(&stored, log_n, r, p), changed);
            }
        }
    }

    #[test]
    fn random_pieces_never_panic_and_never_parse() {
        const PIECES: [&str; 16] = [
            "$",
            "$scrypt",
            "$argon2id",
            "ln=",
            "r=",
            "p=",
            ",",
            "14",
            "8",
            "1",
            "=",
            "c2FsdHNhbHQ",
            "é",
            "\0",
            "99999999999",
            "-1",
        ];
        let mut random = [0u8; 12];
        for _ in 0..20_000 {
            getrandom::fill(&mut random).expect("random bytes");
            let text: String = random.map(|byte| PIECES[usize::from(byte) % 16]).concat();
            // A whole string takes more pieces than come together.
            rejection(&text);
        }
    }

    #[test]
    fn what_the_format_does_not_have_is_malformed() {
        let rest = "$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        for text in [
            "$".into(),
            "$scrypt$".into(),
            format!("$scrypt{rest}"),
            format!("$scrypt$ln=16,p=1,r=8{rest}"),
            format!("$scrypt$ln=16,r=8{rest}"),
            format!("$scrypt$ln=16,r=8,p=1,x=1{rest}"),
            format!("$scrypt$n=16,r=8,p=1{rest}"),
            format!("$scrypt$ln=016,r=8,p=1{rest}"),
            format!("$scrypt$ln=+16,r=8,p=1{rest}"),
            format!("$scrypt$ln=16,r=8,p={rest}"),
            format!("$scrypt$ln=16,r=8,p=99999999999{rest}"),
            format!("$scrypt$v=1$ln=16,r=8,p=1{rest}"),
            format!("{PASSLIB}$"),
            format!("{PASSLIB}="),
            format!("{PASSLIB} "),
            format!(" {PASSLIB}"),
            PASSLIB.to_uppercase(),
            PASSLIB.replace("scrypt", "scrypt2"),
            PASSLIB.replace("+iCs5E", "-iCs5E"),
            "$scrypt$ln=16,r=8,p=1$$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E".into(),
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$".into(),
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDA".into(),
            format!(
                "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q${}",
                "A".repeat(1 << 20)
            ),
            "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D".into(),
        ] {
            rejection(&text);
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_and_repeats_nothing() {
        let greedy = PASSLIB.replace("ln=16", "ln=40");
        let message = rejection(&greedy);
        assert!(message.contains("more memory"), "{message}");
        let argon2 = rejection("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$a2V5");
        assert!(argon2.contains("not scrypt"), "{argon2}");
        for message in [message, argon2] {
            assert!(
                !message.contains("nFNh2C") && !message.contains("aM15713"),
                "{message}"
            );
        }
    }
}
