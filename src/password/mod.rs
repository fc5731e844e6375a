//! Password hashes, exactly as Better Auth writes and reads them.
//!
//! `format` is the stored text, `derive` the key derivation, `scheduler` the threads it runs on;
//! this module joins them. Passwords arrive NFKC-normalised and bounded (`js/password.js` says
//! why there). Nothing here knows Node or databases.

mod derive;
mod format;
mod scheduler;

use std::sync::LazyLock;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::Result;
use format::StoredHash;
use scheduler::{Limits, Scheduler};

/// One for the whole process: isolates share the cores, so they share the queue for them.
static SCHEDULER: LazyLock<Scheduler> =
    LazyLock::new(|| Scheduler::new(Limits::default(), derive::derive));

/// Hashes `password` under a fresh salt. The request takes its place in the queue when this is
/// called, not when the future is first polled.
pub fn hash(password: Zeroizing<String>) -> impl Future<Output = Result<String>> + Send + use<> {
    let queued =
        format::random_salt().and_then(|salt| Ok((salt, SCHEDULER.submit(password, salt)?)));
    async move {
        let (salt, key) = queued?;
        Ok(StoredHash {
            salt,
            key: key.await?,
        }
        .encode())
    }
}

/// Whether `password` is the one `stored` was made from; queued as [`hash`] is.
pub fn verify(
    stored: &str,
    password: Zeroizing<String>,
) -> impl Future<Output = Result<bool>> + Send + use<> {
    let queued = StoredHash::parse(stored)
        .and_then(|stored| Ok((stored.key, SCHEDULER.submit(password, stored.salt)?)));
    async move {
        let (expected, key) = queued?;
        Ok(expected.ct_eq(key.await?.as_slice()).into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Code;

    /// Runs `work` to its end; a test that would hang fails instead.
    pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), work).await })
            .expect("an answer in time")
    }

    pub(super) fn password(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_string())
    }

    #[test]
    fn a_hash_verifies_its_own_password_and_no_other() {
        let stored = wait(hash(password("correct horse"))).expect("a hash");
        assert!(wait(verify(&stored, password("correct horse"))).expect("an answer"));
        assert!(!wait(verify(&stored, password("correct horsf"))).expect("an answer"));
    }

    #[test]
    fn a_hash_made_by_node_crypto_verifies() {
        let stored = "00112233445566778899aabbccddeeff:\
             8f35150746454d1af839fa80fa538cdca653f0ccbb4fce45c1ca7da98941ab40\
             862464a0f7c30153b05f0fa343635292faadf797f0c73a5498164036ff053cbc";
        assert!(wait(verify(stored, password("pässword 🔑"))).expect("an answer"));
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let first = hash(password("same"));
        let second = hash(password("same"));
        assert_ne!(wait(first).expect("a hash"), wait(second).expect("a hash"));
    }

    #[test]
    fn verifying_against_a_malformed_hash_is_an_error() {
        let error = wait(verify("$2b$12$abcdefghijklmnopqrstuv", password("x"))).unwrap_err();
        assert_eq!(error.code, Code::InvalidHash);
    }
}
