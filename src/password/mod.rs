//! Password hashes, exactly as Better Auth writes and reads them.
//!
//! `format` is the stored text, `derive` the key derivation on one of `kernels`, `scheduler` the
//! threads it runs on and `pool` the memory they share; this module joins them. Passwords arrive
//! bounded, and NFKC-normalised where that is due (`js/password.js` says why there). Nothing here
//! knows Node or databases.

mod derive;
mod format;
mod kernels;
mod pool;
mod scheduler;

use std::ffi::OsStr;
use std::num::NonZero;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;
use std::{env, thread};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use derive::{Cost, Key, Secret, derive};
use format::{Form, StoredHash};
use kernels::{Arena, Kernel};
use pool::UNIT;
use scheduler::{Engine, Held, Limits, Pending, Scheduler};

/// What a hasher may use. `None` for what the process may use.
pub struct Options {
    pub threads: Option<usize>,
    /// Bytes; less than one hash takes counts as that.
    pub memory: usize,
    pub waiting: usize,
}

/// Hashes and verifies until it is closed.
pub struct Hasher(Mutex<Option<Open>>);

struct Open {
    /// Of other hashers, too, if it is the process's.
    scheduler: Arc<Scheduler>,
    held: Held,
    /// Closed when everything that holds the other end is over.
    over: mpsc::Receiver<()>,
}

pub struct Stats {
    pub kernel: &'static str,
    pub hashing: scheduler::Stats,
}

/// One for the whole process while anybody uses it: isolates share the cores, so they share the
/// queue for them.
static SHARED: Mutex<Weak<Scheduler>> = Mutex::new(Weak::new());

/// Longer than between two sign-ins on a server that has many; short enough that nobody misses the
/// memory. To have it back takes 10 to 20 ms for each hash at a time.
const IDLE: Duration = Duration::from_secs(10);

impl Hasher {
    /// With threads, memory and a queue of its own.
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self::on(Arc::new(scheduler(options)?)))
    }

    /// On the threads that all of these in the process share. The options are those of whoever
    /// comes first.
    pub fn shared(options: &Options) -> Result<Self> {
        let mut shared = SHARED.lock();
        if let Some(scheduler) = shared.upgrade() {
            return Ok(Self::on(scheduler));
        }
        let scheduler = Arc::new(scheduler(options)?);
        *shared = Arc::downgrade(&scheduler);
        Ok(Self::on(scheduler))
    }

    fn on(scheduler: Arc<Scheduler>) -> Self {
        let (held, over) = mpsc::channel(1);
        Self(Mutex::new(Some(Open {
            scheduler,
            held,
            over,
        })))
    }

    /// Hashes `password` under a fresh salt. The request takes its place in the queue when this is
    /// called, not when the future is first polled; dropping the future withdraws it.
    pub fn hash(
        &self,
        password: Zeroizing<String>,
    ) -> impl Future<Output = Result<String>> + Send + use<> {
        let queued = format::random_salt().and_then(|salt| {
            let pending = self.submit(password, salt.to_vec(), Cost::BETTER_AUTH)?;
            Ok((salt, pending))
        });
        async move {
            let (salt, key) = queued?;
            Ok(format::encode(&salt, &key.await?))
        }
    }

    /// Whether `password` is the one `stored` was made from; queued as [`hash`](Self::hash) is.
    pub fn verify(
        &self,
        stored: &str,
        password: Zeroizing<String>,
    ) -> impl Future<Output = Result<bool>> + Send + use<> {
        let queued = StoredHash::parse(stored).and_then(|stored| {
            let pending = self.submit(password, stored.salt.clone(), stored.cost)?;
            Ok((stored, pending))
        });
        async move {
            let (stored, key) = queued?;
            Ok(stored.matches(&key.await?))
        }
    }

    pub fn stats(&self) -> Result<Stats> {
        let open = self.0.lock();
        let Open { scheduler, .. } = open.as_ref().ok_or_else(closed)?;
        Ok(Stats {
            kernel: kernel()?.name(),
            hashing: scheduler.stats(),
        })
    }

    /// Refuses what follows and lets finish what was accepted. Threads end and memory is given
    /// back unless another hasher shares them.
    pub fn close(&self) -> impl Future<Output = ()> + Send + use<> {
        let open = self.0.lock().take();
        async move {
            let Some(Open {
                scheduler,
                held,
                mut over,
            }) = open
            else {
                return;
            };
            drop(held);
            // Nobody sends anything: it is `None` once the last request is over.
            over.recv().await;
            if let Some(last) = Arc::into_inner(scheduler) {
                last.close().await;
            }
        }
    }

    fn submit(&self, password: Zeroizing<String>, salt: Vec<u8>, cost: Cost) -> Result<Pending> {
        let open = self.0.lock();
        let Open {
            scheduler, held, ..
        } = open.as_ref().ok_or_else(closed)?;
        scheduler.submit(Secret { password, salt }, cost, held.clone())
    }
}

/// Whether a hash that verifies should be made again, because Better Auth's own hasher would not
/// read it. `INVALID_HASH` for what nobody reads here.
pub fn needs_rehash(stored: &str) -> Result<bool> {
    Ok(StoredHash::parse(stored)?.form != Form::BetterAuth)
}

fn scheduler(options: &Options) -> Result<Scheduler> {
    let limits = Limits {
        // Counts what the process may use: CPU affinity and cgroup quota, not the machine.
        threads: options
            .threads
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get)),
        waiting: options.waiting,
        units: (options.memory / UNIT).max(1),
        idle: IDLE,
    };
    Ok(Scheduler::new(limits, kernel()?))
}

impl Engine for &'static Kernel {
    fn lanes(&self) -> usize {
        Kernel::lanes(self)
    }

    fn derive(&self, cost: Cost, secrets: &[Secret], arenas: &mut [Arena]) -> Vec<Key> {
        derive(self, cost, secrets, arenas)
    }
}

/// Names the kernel to use instead of the best one, for tests and measurements.
const KERNEL_VARIABLE: &str = "BETTER_AUTH_NATIVE_KERNEL";

fn kernel() -> Result<&'static Kernel> {
    static CHOSEN: LazyLock<Result<&'static Kernel>> =
        LazyLock::new(|| choose(env::var_os(KERNEL_VARIABLE).as_deref()));
    CHOSEN.clone()
}

fn choose(name: Option<&OsStr>) -> Result<&'static Kernel> {
    let mut supported = kernels::supported();
    let chosen = match name {
        Some(name) => supported.find(|kernel| kernel.name() == name),
        None => supported.next(),
    };
    chosen.ok_or_else(|| {
        let names: Vec<_> = kernels::supported().map(Kernel::name).collect();
        let names = names.join(", ");
        Error::invalid_input(format!(
            "{KERNEL_VARIABLE} names no kernel that this CPU supports: {names}"
        ))
    })
}

fn closed() -> Error {
    Error::new(Code::Closed, "the password hasher has been closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `work` to its end; a test that would hang fails instead.
    pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), work).await })
            .expect("an answer in time")
    }

    fn password(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_string())
    }

    fn hasher() -> Hasher {
        let options = Options {
            threads: Some(2),
            memory: 8 * UNIT,
            waiting: 100,
        };
        Hasher::new(&options).expect("a hasher")
    }

    #[test]
    fn a_hash_verifies_its_own_password_and_no_other() {
        let hasher = hasher();
        let stored = wait(hasher.hash(password("correct horse"))).expect("a hash");
        assert!(wait(hasher.verify(&stored, password("correct horse"))).expect("an answer"));
        assert!(!wait(hasher.verify(&stored, password("correct horsf"))).expect("an answer"));
        assert!(!needs_rehash(&stored).expect("a known format"));
    }

    #[test]
    fn a_hash_made_by_node_crypto_verifies() {
        let stored = "00112233445566778899aabbccddeeff:\
             8f35150746454d1af839fa80fa538cdca653f0ccbb4fce45c1ca7da98941ab40\
             862464a0f7c30153b05f0fa343635292faadf797f0c73a5498164036ff053cbc";
        assert!(wait(hasher().verify(stored, password("pässword 🔑"))).expect("an answer"));
    }

    #[test]
    fn hashes_at_other_costs_verify_beside_ones_own() {
        let hasher = hasher();
        // Passlib's documentation has it: 64 MiB, more than a unit.
        let foreign = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        let own = wait(hasher.hash(password("password"))).expect("a hash");
        let answers: Vec<_> = (0..12)
            .map(|number| {
                let stored = if number % 3 == 0 { foreign } else { &own };
                let text = if number % 2 == 0 {
                    "password"
                } else {
                    "another"
                };
                (number % 2 == 0, hasher.verify(stored, password(text)))
            })
            .collect();
        for (expected, answer) in answers {
            assert_eq!(wait(answer).expect("an answer"), expected);
        }
        assert!(needs_rehash(foreign).expect("a known format"));
    }

    #[test]
    fn a_cost_beyond_the_memory_is_an_error_and_takes_no_place() {
        let options = Options {
            threads: Some(1),
            memory: UNIT,
            waiting: 0,
        };
        let hasher = Hasher::new(&options).expect("a hasher");
        let foreign = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        let error = wait(hasher.verify(foreign, password("password"))).unwrap_err();
        assert_eq!(error.code, Code::InvalidHash);
        assert!(error.message.contains("64 MiB"), "{error}");
        wait(hasher.hash(password("x"))).expect("a hash");
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let hasher = hasher();
        let first = hasher.hash(password("same"));
        let second = hasher.hash(password("same"));
        assert_ne!(wait(first).expect("a hash"), wait(second).expect("a hash"));
    }

    #[test]
    fn verifying_against_a_malformed_hash_is_an_error() {
        for stored in ["$2b$12$abcdefghijklmnopqrstuv", "", "x"] {
            let error = wait(hasher().verify(stored, password("x"))).unwrap_err();
            assert_eq!(error.code, Code::InvalidHash);
            assert_eq!(needs_rehash(stored).unwrap_err().code, Code::InvalidHash);
        }
    }

    #[test]
    fn closing_finishes_what_was_accepted_and_refuses_the_rest() {
        let hasher = hasher();
        let accepted: Vec<_> = (0..10).map(|_| hasher.hash(password("x"))).collect();
        wait(hasher.close());
        for hash in accepted {
            wait(hash).expect("accepted before");
        }
        assert_eq!(
            wait(hasher.hash(password("x"))).unwrap_err().code,
            Code::Closed
        );
        assert_eq!(hasher.stats().err().expect("closed").code, Code::Closed);
        wait(hasher.close());
    }

    #[test]
    fn those_who_share_threads_close_for_themselves_only() {
        let options = Options {
            threads: Some(1),
            memory: UNIT,
            waiting: 10,
        };
        let (one, other) = (Hasher::shared(&options), Hasher::shared(&options));
        let (one, other) = (one.expect("a hasher"), other.expect("a hasher"));
        wait(one.hash(password("x"))).expect("a hash");
        assert_eq!(other.stats().expect("open").hashing.done.requests, 1);
        wait(one.close());
        wait(other.hash(password("x"))).expect("a hash");
        wait(other.close());

        let next = Hasher::shared(&options).expect("a hasher");
        assert_eq!(
            next.stats().expect("open").hashing.done.requests,
            0,
            "a new one"
        );
    }

    #[test]
    fn a_kernel_is_chosen_by_name_and_only_where_it_is_supported() {
        for kernel in kernels::supported() {
            let chosen = choose(Some(kernel.name().as_ref())).expect("supported");
            assert_eq!(chosen.name(), kernel.name());
        }
        let best = kernels::supported().next().expect("one");
        assert_eq!(choose(None).expect("one").name(), best.name());
        for name in ["", "AVX2", "mmx", "avx512 ", "no kernel has this name"] {
            let error = choose(Some(name.as_ref())).unwrap_err();
            assert_eq!(error.code, Code::InvalidInput);
            assert!(error.message.contains("scalar"), "{error}");
        }
    }
}
