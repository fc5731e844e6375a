//! The stored forms of a hash: Better Auth's own, which is the only one written, and PHC strings of
//! scrypt, which users of other systems bring along.
//!
//! Better Auth itself takes anything around a colon and answers `false` for what it could never
//! have written; here a damaged or foreign hash is an error, so that it cannot pass for a wrong
//! password.

mod better_auth;
mod phc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use better_auth::{encode, random_salt};

use super::derive::{Cost, Key};
use crate::error::{Code, Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    BetterAuth,
    Phc,
}

pub struct StoredHash {
    pub form: Form,
    pub cost: Cost,
    pub salt: Vec<u8>,
    /// At most as long as a derived key; a shorter one is the beginning of it.
    key: Zeroizing<Vec<u8>>,
}

impl StoredHash {
    /// `INVALID_HASH` for what is in neither form. No form is ever guessed from another.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with('$') {
            phc::parse(text)
        } else {
            better_auth::parse(text)
        }
    }

    /// Compares in constant time.
    pub fn matches(&self, derived: &Key) -> bool {
        derived[..self.key.len()].ct_eq(&self.key).into()
    }
}

fn malformed(reason: &str) -> Error {
    Error::new(
        Code::InvalidHash,
        format!("the stored password hash cannot be verified: {reason}"),
    )
}
