//! Where key derivations run: the package's own threads, behind a bounded queue.
//!
//! Not libuv's pool, where four hashes starve the application's file and DNS work, and not
//! tokio's blocking pool, which grows to hundreds of threads of 32 MiB each. At most one thread
//! per core derives; what waits is served in order; what would wait too long is refused at once.
//! Threads start on demand and end when idle, so a quiet server holds neither threads nor memory.
//! This module knows neither the stored format nor scrypt.

use std::collections::VecDeque;
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::derive::Key;
use super::format::Salt;
use crate::error::{Code, Error, Result};

pub struct Limits {
    /// Derivations under way at once.
    pub threads: usize,
    /// Requests that may wait beyond those.
    pub waiting: usize,
    /// How long a thread without work stays.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Counts what the process may use: CPU affinity and cgroup quota, not the machine.
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            waiting: 1024,
            idle: Duration::from_secs(10),
        }
    }
}

pub struct Scheduler(Arc<Shared>);

struct Shared {
    limits: Limits,
    derive: Box<Derive>,
    state: Mutex<State>,
    arrived: Condvar,
}

type Derive = dyn Fn(&[u8], &[u8]) -> Key + Send + Sync;

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    /// Requests accepted and not yet answered: those waiting and those under way.
    outstanding: usize,
    threads: usize,
}

struct Request {
    password: Zeroizing<String>,
    salt: Salt,
    answer: oneshot::Sender<Result<Key>>,
}

impl Scheduler {
    pub fn new(
        limits: Limits,
        derive: impl Fn(&[u8], &[u8]) -> Key + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            limits,
            derive: Box::new(derive),
            state: Mutex::default(),
            arrived: Condvar::new(),
        }))
    }

    /// Queues a derivation, or refuses it when the queue is full. Dropping the future withdraws
    /// the request if it still waits.
    pub fn submit(
        &self,
        password: Zeroizing<String>,
        salt: Salt,
    ) -> Result<impl Future<Output = Result<Key>> + Send + use<>> {
        let (answer, key) = oneshot::channel();
        self.enqueue(Request {
            password,
            salt,
            answer,
        })?;
        Ok(async { key.await.unwrap_or_else(|_| Err(defect())) })
    }

    fn enqueue(&self, request: Request) -> Result<()> {
        let Shared {
            limits,
            state,
            arrived,
            ..
        } = &*self.0;
        let mut state = state.lock();
        if state.outstanding >= limits.threads + limits.waiting {
            return Err(overloaded("too many passwords wait to be hashed"));
        }
        if state.outstanding >= state.threads && state.threads < limits.threads {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // The threads there are will get to it.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    return Err(overloaded("no thread could be started").with_cause(error));
                }
            }
        }
        state.outstanding += 1;
        state.waiting.push_back(request);
        arrived.notify_one();
        Ok(())
    }

    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        thread::Builder::new()
            .name("password-hash".into())
            .spawn(move || shared.serve())
            .map(drop)
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(request) = self.next() {
            let Request {
                password,
                salt,
                answer,
            } = request;
            let key = (!answer.is_closed()).then(|| self.derive(&password, &salt));
            drop(password);
            // Before the answer: whoever gets it may submit again at once.
            self.state.lock().outstanding -= 1;
            if let Some(key) = key {
                // The caller may be gone meanwhile; then nobody wants the key.
                let _ = answer.send(key);
            }
        }
    }

    /// The next request, or `None` after too long a time without one: the thread then ends.
    fn next(&self) -> Option<Request> {
        let mut state = self.state.lock();
        loop {
            if let Some(request) = state.waiting.pop_front() {
                return Some(request);
            }
            let wait = self.arrived.wait_for(&mut state, self.limits.idle);
            if wait.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }

    /// A panic costs its caller the answer and nobody else anything. Its payload goes nowhere:
    /// it could quote the password.
    fn derive(&self, password: &str, salt: &Salt) -> Result<Key> {
        catch_unwind(AssertUnwindSafe(|| {
            (self.derive)(password.as_bytes(), salt)
        }))
        .map_err(|_| defect())
    }
}

fn overloaded(message: &str) -> Error {
    Error::new(Code::Overloaded, message)
}

fn defect() -> Error {
    Error::new(
        Code::Internal,
        "hashing a password hit a defect in better-auth-native",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::time::Instant;

    use super::super::derive::KEY_LEN;
    use super::super::tests::{password, wait};
    use super::*;

    const SALT: Salt = *b"0123456789abcdef0123456789abcdef";
    const SOON: Duration = Duration::from_secs(10);

    fn limits(threads: usize, waiting: usize) -> Limits {
        Limits {
            threads,
            waiting,
            ..Limits::default()
        }
    }

    /// A key that tells whose it is.
    fn key_of(password: &[u8]) -> Key {
        let mut key = Box::new(Zeroizing::new([0; KEY_LEN]));
        key[..password.len()].copy_from_slice(password);
        key
    }

    fn refusal<T>(submitted: Result<T>) -> Error {
        submitted.err().expect("a refusal")
    }

    /// A scheduler whose derivations report their password and then wait to be let through.
    struct Gated {
        scheduler: Scheduler,
        begun: Receiver<String>,
        gate: Sender<()>,
    }

    fn gated(limits: Limits) -> Gated {
        let (report, begun) = channel();
        let (gate, passage) = channel();
        let passage = Mutex::new(passage);
        let scheduler = Scheduler::new(limits, move |password, _| {
            let name = String::from_utf8(password.to_vec()).expect("UTF-8");
            report.send(name).expect("the test listens");
            passage.lock().recv().expect("the test opens the gate");
            key_of(password)
        });
        Gated {
            scheduler,
            begun,
            gate,
        }
    }

    impl Gated {
        fn submit(&self, name: &str) -> Result<impl Future<Output = Result<Key>> + Send + use<>> {
            self.scheduler.submit(password(name), SALT)
        }

        fn begun(&self) -> String {
            self.begun.recv_timeout(SOON).expect("a derivation begins")
        }

        fn open(&self, times: usize) {
            for _ in 0..times {
                self.gate.send(()).expect("the scheduler listens");
            }
        }
    }

    #[test]
    fn password_and_salt_reach_the_derivation() {
        let scheduler = Scheduler::new(limits(1, 0), |password, salt| {
            key_of(&[password, b"|", salt].concat())
        });
        let key = wait(
            scheduler
                .submit(password("a password"), SALT)
                .expect("room"),
        );
        assert_eq!(
            *key.expect("a key"),
            *key_of(b"a password|0123456789abcdef0123456789abcdef")
        );
    }

    #[test]
    fn waiting_requests_are_served_in_order() {
        let gated = gated(limits(1, 50));
        let names: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        let answers: Vec<_> = names
            .iter()
            .map(|name| gated.submit(name).expect("room"))
            .collect();
        gated.open(50);
        let served: Vec<_> = names.iter().map(|_| gated.begun()).collect();
        assert_eq!(served, names);
        for (name, answer) in names.iter().zip(answers) {
            assert_eq!(*wait(answer).expect("a key"), *key_of(name.as_bytes()));
        }
    }

    #[test]
    fn a_full_queue_refuses_until_a_request_is_answered() {
        let gated = gated(limits(2, 3));
        let mut answers: VecDeque<_> = (0..5)
            .map(|_| gated.submit("accepted").expect("room"))
            .collect();
        let error = refusal(gated.submit("refused"));
        assert_eq!(error.code, Code::Overloaded);
        assert!(error.retryable);

        // The third derivation begins once one of the first two has been answered.
        gated.open(1);
        for _ in 0..3 {
            gated.begun();
        }
        answers.push_back(gated.submit("accepted").expect("room for one more"));
        refusal(gated.submit("refused"));

        gated.open(5);
        for answer in answers {
            wait(answer).expect("every accepted request is answered");
        }
    }

    #[test]
    fn an_answer_makes_room_before_it_arrives() {
        let scheduler = Scheduler::new(limits(1, 0), |password, _| key_of(password));
        for _ in 0..2_000 {
            wait(scheduler.submit(password("next"), SALT).expect("room")).expect("a key");
        }
    }

    #[test]
    fn thousands_of_requests_are_all_answered_or_refused() {
        const SUBMITTERS: usize = 8;
        const EACH: usize = 1_000;
        let (threads, waiting) = (4, 1024);
        let gated = gated(limits(threads, waiting));

        let (accepted, refused) = thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|submitter| {
                    let scheduler = &gated.scheduler;
                    scope.spawn(move || {
                        (0..EACH)
                            .map(|number| format!("{submitter}/{number}"))
                            .map(|name| {
                                let submitted = scheduler.submit(password(&name), SALT);
                                submitted.map(|answer| (name, answer))
                            })
                            .partition::<Vec<_>, _>(Result::is_ok)
                    })
                })
                .collect();
            let (mut accepted, mut refused) = (Vec::new(), Vec::new());
            for submitter in submitters {
                let (ok, err) = submitter.join().expect("a submitter ends");
                accepted.extend(ok.into_iter().flatten());
                refused.extend(err.into_iter().map(refusal));
            }
            (accepted, refused)
        });

        assert_eq!(accepted.len(), threads + waiting);
        assert_eq!(refused.len(), SUBMITTERS * EACH - threads - waiting);
        assert!(refused.iter().all(|error| error.code == Code::Overloaded));
        gated.open(accepted.len());
        for (name, answer) in accepted {
            assert_eq!(
                *wait(answer).expect("a key"),
                *key_of(name.as_bytes()),
                "{name}"
            );
        }
    }

    #[test]
    fn threads_start_as_work_needs_them_and_never_beyond_the_limit() {
        let gated = gated(limits(4, 4));
        let threads = || gated.scheduler.0.state.lock().threads;
        assert_eq!(threads(), 0);
        for _ in 0..10 {
            let answer = gated.submit("alone").expect("room");
            gated.open(1);
            wait(answer).expect("a key");
        }
        assert_eq!(threads(), 1);

        let mut answers = Vec::new();
        for expected in [1, 2, 3, 4, 4, 4, 4, 4] {
            answers.push(gated.submit("together").expect("room"));
            assert_eq!(threads(), expected);
        }
        gated.open(answers.len());
        for answer in answers {
            wait(answer).expect("a key");
        }
    }

    #[test]
    fn idle_threads_end_and_the_next_request_starts_one_again() {
        let (report, ended) = channel::<()>();
        let limits = Limits {
            idle: Duration::from_millis(1),
            ..limits(2, 2)
        };
        let scheduler = Scheduler::new(limits, move |password, _| {
            let _held_by_every_thread = &report;
            key_of(password)
        });
        wait(scheduler.submit(password("first"), SALT).expect("room")).expect("a key");
        let deadline = Instant::now() + SOON;
        while scheduler.0.state.lock().threads > 0 {
            assert!(Instant::now() < deadline, "the thread ends");
            thread::yield_now();
        }
        wait(scheduler.submit(password("second"), SALT).expect("room")).expect("a key");

        drop(scheduler);
        // Disconnected only when no thread holds the derivation any more.
        assert_eq!(
            ended.recv_timeout(SOON),
            Err(RecvTimeoutError::Disconnected)
        );
    }

    #[test]
    fn a_withdrawn_request_is_never_derived() {
        let gated = gated(limits(1, 2));
        let first = gated.submit("first").expect("room");
        assert_eq!(gated.begun(), "first");
        drop(gated.submit("withdrawn").expect("room"));
        let last = gated.submit("last").expect("room");
        gated.open(2);
        wait(first).expect("a key");
        wait(last).expect("a key");
        assert_eq!(gated.begun(), "last");
        assert_eq!(gated.scheduler.0.state.lock().outstanding, 0);
    }

    #[test]
    fn a_panic_answers_its_caller_and_spares_the_thread() {
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&threads);
        let scheduler = Scheduler::new(limits(1, 2), move |password, _| {
            seen.lock().insert(thread::current().id());
            assert_ne!(password, b"a secret", "deriving from a secret");
            key_of(password)
        });
        let poisoned = scheduler.submit(password("a secret"), SALT).expect("room");
        let healthy = scheduler.submit(password("healthy"), SALT).expect("room");

        let error = wait(poisoned).expect_err("the derivation panicked");
        assert_eq!(error.code, Code::Internal);
        assert!(!format!("{error:?}").contains("secret"));
        assert_eq!(*wait(healthy).expect("a key"), *key_of(b"healthy"));
        assert_eq!(threads.lock().len(), 1);
        assert_eq!(scheduler.0.state.lock().outstanding, 0);
    }
}
