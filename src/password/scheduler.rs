//! Where keys are derived: threads of their own, behind a bounded queue.
//!
//! Not libuv's pool, where four hashes starve the application's file and DNS work, and not
//! tokio's blocking pool, which grows to hundreds of threads. What waits is served in order; what
//! would wait too long is refused at once. A thread that becomes free takes its share of what
//! waits, up to what its engine does side by side, and never waits for more to come: a short queue
//! is spread over all threads, and only a long one fills the lanes. Threads start on demand and
//! end when idle, and the memory they work in with them.
//!
//! This module knows neither the stored format nor how a key is derived.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot, watch};

use super::derive::{Cost, Key, Secret};
use super::kernels::Arena;
use super::pool::{Loan, Pool};
use crate::error::{Code, Error, Result};

/// Derives keys of one cost side by side, each in an arena of its own.
pub trait Engine: Send + Sync + 'static {
    /// How many at most.
    fn lanes(&self) -> usize;

    /// As many keys as there are secrets and arenas.
    fn derive(&self, cost: Cost, secrets: &[Secret], arenas: &mut [Arena]) -> Vec<Key>;
}

pub struct Limits {
    /// Threads that derive at once.
    pub threads: usize,
    /// Requests that may wait beyond those that idle threads are about to take.
    pub waiting: usize,
    /// Memory, in units of the pool.
    pub units: usize,
    /// How long a thread without work stays, and memory without use.
    pub idle: Duration,
}

/// Dropping it lets what was accepted finish.
pub struct Scheduler(Arc<Shared>);

struct Shared {
    limits: Limits,
    /// That one thread takes at once.
    lanes: usize,
    engine: Box<dyn Engine>,
    state: Mutex<State>,
    /// There is more to take, or more memory to take it with, or nothing will come any more.
    changed: Condvar,
    /// How many there are. Changes under the state's lock.
    threads: watch::Sender<usize>,
}

struct State {
    waiting: VecDeque<Request>,
    next_id: u64,
    /// Threads that are deriving.
    busy: usize,
    /// Keys under way.
    deriving: usize,
    pool: Pool,
    closing: bool,
    done: Done,
}

/// Sums over the requests that have been answered.
#[derive(Clone, Copy, Default)]
pub struct Done {
    pub requests: u64,
    /// From being submitted to being taken.
    pub waited: Duration,
    /// From being taken to having the key; side by side, each takes as long as all.
    pub derived: Duration,
}

pub struct Stats {
    pub waiting: usize,
    pub deriving: usize,
    pub threads: usize,
    /// Bytes.
    pub memory: usize,
    pub done: Done,
}

struct Request {
    id: u64,
    cost: Cost,
    secret: Secret,
    caller: Caller,
}

struct Caller {
    submitted: Instant,
    answer: oneshot::Sender<Result<Key>>,
    /// Says, by being dropped, that the request is over.
    _held: Held,
}

/// Whoever has the other end can wait until all requests with a copy are over.
pub type Held = mpsc::Sender<()>;

/// The key, when it is there. Dropping it withdraws the request if it still waits.
pub struct Pending {
    shared: Arc<Shared>,
    id: u64,
    answer: oneshot::Receiver<Result<Key>>,
}

/// What one thread does at once.
struct Batch {
    cost: Cost,
    secrets: Vec<Secret>,
    callers: Vec<Caller>,
    loan: Loan,
    taken: Instant,
}

impl Scheduler {
    /// `limits.threads` and `limits.units` are at least 1.
    pub fn new(limits: Limits, engine: impl Engine) -> Self {
        // No more threads than have memory for a key each.
        let threads = limits.threads.min(limits.units);
        let lanes = (limits.units / threads).min(engine.lanes());
        Self(Arc::new(Shared {
            lanes,
            engine: Box::new(engine),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                next_id: 0,
                busy: 0,
                deriving: 0,
                pool: Pool::new(limits.units),
                closing: false,
                done: Done::default(),
            }),
            changed: Condvar::new(),
            threads: watch::Sender::new(0),
            limits: Limits { threads, ..limits },
        }))
    }

    /// Queues a derivation, or refuses it when the queue is full.
    pub fn submit(&self, secret: Secret, cost: Cost, held: Held) -> Result<Pending> {
        let shared = &self.0;
        let mut state = shared.state.lock();
        if !state.pool.suffices(cost) {
            return Err(too_large(cost));
        }
        let idle = shared.limits.threads - state.busy;
        if state.waiting.len() >= shared.limits.waiting + idle {
            return Err(overloaded("too many passwords wait to be hashed"));
        }
        self.provide_thread(&state)?;
        let id = state.next_id;
        state.next_id += 1;
        let (sender, answer) = oneshot::channel();
        state.waiting.push_back(Request {
            id,
            cost,
            secret,
            caller: Caller {
                submitted: Instant::now(),
                answer: sender,
                _held: held,
            },
        });
        shared.changed.notify_one();
        Ok(Pending {
            shared: Arc::clone(shared),
            id,
            answer,
        })
    }

    pub fn stats(&self) -> Stats {
        let state = self.0.state.lock();
        Stats {
            waiting: state.waiting.len(),
            deriving: state.deriving,
            threads: *self.0.threads.borrow(),
            memory: state.pool.bytes(),
            done: state.done,
        }
    }

    /// Lets what was accepted finish; then there are no threads, and no memory is held.
    pub async fn close(self) {
        let mut threads = self.0.threads.subscribe();
        drop(self);
        // An error would say that nobody can change the number any more: there are no threads.
        let _ = threads.wait_for(|&threads| threads == 0).await;
    }

    /// Starts another thread unless those that idle are enough for what waits.
    fn provide_thread(&self, state: &State) -> Result<()> {
        let threads = *self.0.threads.borrow();
        if threads == self.0.limits.threads || state.busy + state.waiting.len() < threads {
            return Ok(());
        }
        match self.start_thread() {
            Ok(()) => self.0.threads.send_modify(|threads| *threads += 1),
            // The threads there are will get to it.
            Err(_) if threads > 0 => {}
            Err(error) => return Err(overloaded("no thread could be started").with_cause(error)),
        }
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

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.0.state.lock().closing = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        while let Some(mut batch) = self.next() {
            let keys = self.derive(&mut batch);
            let callers = self.finish(batch);
            for (caller, key) in callers.into_iter().zip(keys) {
                // The caller may be gone meanwhile; then nobody wants the key.
                let _ = caller.answer.send(key);
            }
        }
    }

    /// What to do next, or `None` after too long a time without anything: the thread then ends.
    fn next(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        let mut enough = false;
        loop {
            if let Some((batch, evicted)) = state.take(self.limits.threads, self.lanes) {
                drop(state);
                drop(evicted);
                return Some(batch);
            }
            if (enough || state.closing) && state.waiting.is_empty() {
                let last = state.closing || *self.threads.borrow() == 1;
                let kept = if last {
                    Duration::ZERO
                } else {
                    self.limits.idle
                };
                let unused = state.pool.unused_for(kept);
                if unused.is_empty() {
                    self.threads.send_modify(|threads| *threads -= 1);
                    return None;
                }
                // Before it ends, so that the memory is gone when the last thread is; and without
                // the lock, so that something may have come meanwhile.
                MutexGuard::unlocked(&mut state, || drop(unused));
            } else {
                enough = self
                    .changed
                    .wait_for(&mut state, self.limits.idle)
                    .timed_out();
            }
        }
    }

    /// A panic costs its batch the answers and nobody else anything. Its payload goes nowhere: it
    /// could quote a password.
    fn derive(&self, batch: &mut Batch) -> Vec<Result<Key>> {
        let arenas = batch.loan.arenas();
        if arenas.is_empty() {
            let refused = || Err(overloaded("the system has no memory to hash a password in"));
            return batch.secrets.iter().map(|_| refused()).collect();
        }
        let mut keys = Vec::new();
        for secrets in batch.secrets.chunks(arenas.len()) {
            let arenas = &mut arenas[..secrets.len()];
            let derive = || self.engine.derive(batch.cost, secrets, arenas);
            match catch_unwind(AssertUnwindSafe(derive)) {
                Ok(derived) => keys.extend(derived.into_iter().map(Ok)),
                Err(_) => keys.extend(secrets.iter().map(|_| Err(defect()))),
            }
        }
        keys
    }

    /// Gives the memory back and makes room; before the answers, because whoever gets one may
    /// submit again at once.
    fn finish(&self, batch: Batch) -> Vec<Caller> {
        let Batch {
            callers,
            loan,
            taken,
            secrets,
            ..
        } = batch;
        drop(secrets);
        let mut state = self.state.lock();
        state.busy -= 1;
        state.deriving -= callers.len();
        let Done {
            requests,
            waited,
            derived,
        } = &mut state.done;
        *requests += callers.len() as u64;
        for caller in &callers {
            *waited += taken.duration_since(caller.submitted);
            *derived += taken.elapsed();
        }
        let not_kept = state.pool.take_back(loan);
        let unused = state.pool.unused_for(self.limits.idle);
        drop(state);
        // Another may have been waiting for memory.
        self.changed.notify_one();
        drop((not_kept, unused));
        callers
    }

    fn withdraw(&self, id: u64) {
        let mut state = self.state.lock();
        // Their ids only grow.
        if let Ok(at) = state
            .waiting
            .binary_search_by_key(&id, |request| request.id)
        {
            let request = state.waiting.remove(at);
            drop(state);
            drop(request);
        }
    }
}

impl State {
    /// For a thread that is free: its share of what waits, and what the pool evicted for it.
    fn take(&mut self, threads: usize, lanes: usize) -> Option<(Batch, Vec<Arena>)> {
        let cost = self.waiting.front()?.cost;
        let idle = threads - self.busy;
        let share = self.waiting.len().div_ceil(idle).min(lanes);
        let alike = self
            .waiting
            .iter()
            .take(share)
            .take_while(|request| request.cost == cost);
        let (loan, evicted) = self.pool.lend(cost, alike.count())?;
        self.busy += 1;
        self.deriving += loan.lanes();
        let requests = self.waiting.drain(..loan.lanes());
        let (secrets, callers) = requests.map(|it| (it.secret, it.caller)).unzip();
        let taken = Instant::now();
        Some((
            Batch {
                cost,
                secrets,
                callers,
                loan,
                taken,
            },
            evicted,
        ))
    }
}

impl Future for Pending {
    type Output = Result<Key>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Key>> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(defect())))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.answer.is_terminated() {
            self.shared.withdraw(self.id);
        }
    }
}

fn overloaded(message: &str) -> Error {
    Error::new(Code::Overloaded, message)
}

fn too_large(cost: Cost) -> Error {
    let needed = cost.memory() >> 20;
    Error::new(
        Code::InvalidHash,
        format!(
            "the stored password hash takes {needed} MiB of memory, more than maxMemory allows"
        ),
    )
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
    use std::sync::mpsc::{Receiver, Sender, channel};

    use zeroize::Zeroizing;

    use super::super::derive::KEY_LEN;
    use super::super::pool::UNIT;
    use super::super::tests::wait;
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn limits(threads: usize, waiting: usize) -> Limits {
        Limits {
            threads,
            waiting,
            units: 8,
            idle: Duration::from_secs(10),
        }
    }

    /// Tells the secrets of a batch to a function, which may wait or panic.
    struct Engine<F> {
        lanes: usize,
        meet: F,
    }

    impl<F: Fn(&[String]) + Send + Sync + 'static> super::Engine for Engine<F> {
        fn lanes(&self) -> usize {
            self.lanes
        }

        fn derive(&self, _: Cost, secrets: &[Secret], arenas: &mut [Arena]) -> Vec<Key> {
            assert_eq!(secrets.len(), arenas.len());
            let names: Vec<_> = secrets.iter().map(|it| it.password.to_string()).collect();
            (self.meet)(&names);
            names.iter().map(|name| key_of(name.as_bytes())).collect()
        }
    }

    fn submit(scheduler: &Scheduler, name: &str) -> Result<Pending> {
        submit_at(scheduler, name, Cost::BETTER_AUTH)
    }

    fn submit_at(scheduler: &Scheduler, name: &str, cost: Cost) -> Result<Pending> {
        let secret = Secret {
            password: Zeroizing::new(name.into()),
            salt: Vec::new(),
        };
        scheduler.submit(secret, cost, mpsc::channel(1).0)
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

    /// A scheduler whose batches report their passwords and then wait to be let through.
    struct Gated {
        scheduler: Scheduler,
        begun: Receiver<Vec<String>>,
        gate: Sender<()>,
    }

    fn gated(limits: Limits, lanes: usize) -> Gated {
        let (report, begun) = channel();
        let (gate, passage) = channel();
        let passage = Mutex::new(passage);
        let meet = move |names: &[String]| {
            report.send(names.to_vec()).expect("the test listens");
            passage.lock().recv().expect("the test opens the gate");
        };
        let scheduler = Scheduler::new(limits, Engine { lanes, meet });
        Gated {
            scheduler,
            begun,
            gate,
        }
    }

    impl Gated {
        fn submit(&self, name: &str) -> Result<Pending> {
            submit(&self.scheduler, name)
        }

        fn begun(&self) -> Vec<String> {
            self.begun.recv_timeout(SOON).expect("a batch begins")
        }

        fn open(&self, times: usize) {
            for _ in 0..times {
                self.gate.send(()).expect("the scheduler listens");
            }
        }
    }

    fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|number| number.to_string()).collect()
    }

    /// A thread is busy with "first", and these wait behind it in this order.
    fn queued_behind_one(gated: &Gated, names: &[String]) -> Vec<(String, Pending)> {
        let first = gated.submit("first").expect("room");
        assert_eq!(gated.begun(), ["first"]);
        let mut pending = vec![("first".to_string(), first)];
        for name in names {
            pending.push((name.clone(), gated.submit(name).expect("room")));
        }
        pending
    }

    fn check(pending: Vec<(String, Pending)>) {
        for (name, pending) in pending {
            assert_eq!(
                *wait(pending).expect("a key"),
                *key_of(name.as_bytes()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_free_thread_takes_what_waits_in_order_and_up_to_its_lanes() {
        let gated = gated(limits(1, 50), 4);
        let pending = queued_behind_one(&gated, &names(0..10));
        gated.open(4);
        assert_eq!(gated.begun(), names(0..4));
        assert_eq!(gated.begun(), names(4..8));
        assert_eq!(
            gated.begun(),
            names(8..10),
            "nothing waits for a batch to fill"
        );
        check(pending);
    }

    #[test]
    fn memory_bounds_the_lanes() {
        let gated = gated(
            Limits {
                units: 3,
                ..limits(1, 50)
            },
            4,
        );
        let pending = queued_behind_one(&gated, &names(0..5));
        gated.open(3);
        assert_eq!(gated.begun(), names(0..3));
        assert_eq!(gated.begun(), names(3..5));
        check(pending);
    }

    #[test]
    fn memory_bounds_the_threads() {
        let gated = gated(
            Limits {
                units: 2,
                ..limits(5, 50)
            },
            4,
        );
        let pending: Vec<_> = names(0..9)
            .into_iter()
            .map(|name| (name.clone(), gated.submit(&name).expect("room")))
            .collect();
        assert_eq!(gated.scheduler.stats().threads, 2);
        gated.open(9);
        check(pending);
        assert!((0..9).all(|_| gated.begun().len() == 1));
    }

    #[test]
    fn a_short_queue_is_spread_over_idle_threads() {
        let gated = gated(limits(2, 50), 4);
        let first = queued_behind_one(&gated, &[]);
        let second = gated.submit("second").expect("room");
        assert_eq!(gated.begun(), ["second"]);
        let rest = queued(&gated, 0..6);
        // One becomes free, and takes all it can; the other finds the rest.
        gated.open(1);
        assert_eq!(gated.begun(), names(0..4));
        gated.open(1);
        assert_eq!(gated.begun(), names(4..6));
        gated.open(2);
        check(first);
        wait(second).expect("a key");
        check(rest);

        let state = &mut gated.scheduler.0.state.lock();
        let batch = |state: &mut State| {
            let (batch, _) = state.take(2, 4).expect("a batch");
            batch.secrets.len()
        };
        for (waiting, shares) in [
            (1, [1, 0]),
            (2, [1, 1]),
            (3, [2, 1]),
            (5, [3, 2]),
            (8, [4, 4]),
        ] {
            state.waiting = (0..waiting).map(request).collect();
            for share in shares.into_iter().filter(|&share| share > 0) {
                assert_eq!(batch(state), share, "of {waiting}");
            }
            assert!(state.waiting.is_empty());
            (state.busy, state.deriving, state.pool) = (0, 0, Pool::new(8));
        }
    }

    fn queued(gated: &Gated, numbers: std::ops::Range<usize>) -> Vec<(String, Pending)> {
        let submit = |name: String| (name.clone(), gated.submit(&name).expect("room"));
        names(numbers).into_iter().map(submit).collect()
    }

    fn request(id: u64) -> Request {
        Request {
            id,
            cost: Cost::BETTER_AUTH,
            secret: Secret {
                password: Zeroizing::default(),
                salt: Vec::new(),
            },
            caller: Caller {
                submitted: Instant::now(),
                answer: oneshot::channel().0,
                _held: mpsc::channel(1).0,
            },
        }
    }

    #[test]
    fn costs_are_not_mixed_and_keep_their_order() {
        let gated = gated(limits(1, 50), 4);
        let mut pending = queued_behind_one(&gated, &[]);
        let large = Cost::new(16, 8, 1).expect("within the bounds");
        for (name, cost) in [
            ("a", Cost::BETTER_AUTH),
            ("b", large),
            ("c", large),
            ("d", Cost::BETTER_AUTH),
        ] {
            let submitted = submit_at(&gated.scheduler, name, cost).expect("room");
            pending.push((name.into(), submitted));
        }
        gated.open(4);
        assert_eq!(gated.begun(), ["a"]);
        assert_eq!(gated.begun(), ["b", "c"]);
        assert_eq!(gated.begun(), ["d"]);
        check(pending);
    }

    #[test]
    fn a_large_cost_waits_for_the_memory_it_needs() {
        let gated = gated(
            Limits {
                units: 4,
                ..limits(2, 50)
            },
            2,
        );
        let mut pending = queued_behind_one(&gated, &[]);
        let huge = Cost::new(17, 8, 1).expect("within the bounds");
        pending.push((
            "huge".into(),
            submit_at(&gated.scheduler, "huge", huge).expect("room"),
        ));
        pending.push(("after".into(), gated.submit("after").expect("room")));
        gated.begun.try_recv().expect_err("it has not begun");
        gated.open(1);
        assert_eq!(gated.begun(), ["huge"]);
        assert_eq!(gated.scheduler.stats().memory, 4 * UNIT);
        gated.open(2);
        assert_eq!(gated.begun(), ["after"]);
        check(pending);

        let larger = Limits {
            units: 3,
            ..limits(1, 1)
        };
        let scheduler = Scheduler::new(
            larger,
            Engine {
                lanes: 1,
                meet: |_: &[String]| (),
            },
        );
        let error = refusal(submit_at(&scheduler, "never", huge));
        assert_eq!(error.code, Code::InvalidHash);
    }

    #[test]
    fn a_full_queue_refuses_until_a_request_is_answered() {
        let gated = gated(limits(2, 3), 1);
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
        let scheduler = Scheduler::new(
            limits(1, 0),
            Engine {
                lanes: 1,
                meet: |_: &[String]| (),
            },
        );
        for _ in 0..2_000 {
            wait(submit(&scheduler, "next").expect("room")).expect("a key");
        }
    }

    #[test]
    fn thousands_of_requests_are_all_answered_or_refused() {
        const SUBMITTERS: usize = 8;
        const EACH: usize = 1_000;
        let (threads, waiting) = (4, 1024);
        let gated = gated(limits(threads, waiting), 1);

        let (accepted, refused) = thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|submitter| {
                    let scheduler = &gated.scheduler;
                    scope.spawn(move || {
                        (0..EACH)
                            .map(|number| format!("{submitter}/{number}"))
                            .map(|name| {
                                let submitted = submit(scheduler, &name);
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
        check(accepted);
    }

    #[test]
    fn whoever_tries_again_is_answered_in_the_end() {
        let scheduler = Scheduler::new(
            limits(4, 10),
            Engine {
                lanes: 2,
                meet: |_: &[String]| (),
            },
        );
        let submit = |name: &str| {
            loop {
                match submit(&scheduler, name) {
                    Ok(pending) => return pending,
                    Err(error) => assert_eq!(error.code, Code::Overloaded),
                }
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            for submitter in 0..8 {
                scope.spawn(move || {
                    let names = (0..1_250).map(|number| format!("{submitter}/{number}"));
                    check(names.map(|name| (name.clone(), submit(&name))).collect());
                });
            }
        });
        assert_eq!(scheduler.stats().done.requests, 10_000);
    }

    #[test]
    fn threads_start_as_work_needs_them_and_never_beyond_the_limit() {
        let gated = gated(limits(4, 4), 1);
        let threads = || gated.scheduler.stats().threads;
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
    fn idle_threads_end_with_their_memory_and_the_next_request_starts_one_again() {
        let limits = Limits {
            idle: Duration::from_millis(1),
            ..limits(2, 20)
        };
        let scheduler = Scheduler::new(
            limits,
            Engine {
                lanes: 4,
                meet: |_: &[String]| (),
            },
        );
        for _ in 0..3 {
            let pending: Vec<_> = (0..10)
                .map(|_| submit(&scheduler, "x").expect("room"))
                .collect();
            for pending in pending {
                wait(pending).expect("a key");
            }
            let mut threads = scheduler.0.threads.subscribe();
            wait(threads.wait_for(|&threads| threads == 0)).expect("the threads end");
            assert_eq!(scheduler.stats().memory, 0);
        }
        assert_eq!(scheduler.stats().done.requests, 30);
    }

    #[test]
    fn closing_finishes_what_was_accepted_and_leaves_nothing() {
        let gated = gated(limits(2, 20), 4);
        let pending = queued_behind_one(&gated, &names(0..9));
        let Gated {
            scheduler,
            begun: _begun,
            gate,
        } = gated;
        let shared = Arc::clone(&scheduler.0);
        let closed = thread::spawn(move || wait(scheduler.close()));
        for _ in 0..pending.len() {
            gate.send(()).expect("the scheduler listens");
        }
        closed.join().expect("it closes");
        check(pending);
        assert_eq!(*shared.threads.borrow(), 0);
        assert_eq!(shared.state.lock().pool.bytes(), 0);
    }

    #[test]
    fn statistics_tell_what_waits_what_is_under_way_and_what_is_done() {
        let gated = gated(limits(1, 20), 4);
        let pending = queued_behind_one(&gated, &names(0..6));
        let stats = gated.scheduler.stats();
        assert_eq!((stats.waiting, stats.deriving, stats.threads), (6, 1, 1));
        assert_eq!((stats.memory, stats.done.requests), (UNIT, 0));
        gated.open(1);
        assert_eq!(gated.begun().len(), 4);
        let stats = gated.scheduler.stats();
        assert_eq!(
            (stats.waiting, stats.deriving, stats.done.requests),
            (2, 4, 1)
        );
        gated.open(2);
        check(pending);
        let stats = gated.scheduler.stats();
        assert_eq!(
            (stats.waiting, stats.deriving, stats.done.requests),
            (0, 0, 7)
        );
        assert!(stats.done.waited > Duration::ZERO && stats.done.derived > Duration::ZERO);
    }

    #[test]
    fn a_withdrawn_request_makes_room_and_is_never_derived() {
        let gated = gated(limits(1, 2), 4);
        let mut pending = queued_behind_one(&gated, &[]);
        let withdrawn = gated.submit("withdrawn").expect("room");
        pending.push(("last".into(), gated.submit("last").expect("room")));
        refusal(gated.submit("refused"));
        drop(withdrawn);
        pending.push((
            "more".into(),
            gated.submit("more").expect("the room it left"),
        ));
        gated.open(2);
        assert_eq!(gated.begun(), ["last", "more"]);
        check(pending);
    }

    #[test]
    fn a_request_under_way_can_be_abandoned() {
        let gated = gated(limits(1, 2), 4);
        drop(queued_behind_one(&gated, &[]));
        let next = gated.submit("next").expect("room");
        gated.open(2);
        assert_eq!(*wait(next).expect("a key"), *key_of(b"next"));
    }

    #[test]
    fn a_panic_answers_its_batch_and_spares_the_thread_and_the_memory() {
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&threads);
        let meet = move |names: &[String]| {
            seen.lock().insert(thread::current().id());
            assert_ne!(names[0], "a secret", "deriving from a secret");
        };
        let scheduler = Scheduler::new(limits(1, 2), Engine { lanes: 1, meet });
        let poisoned = submit(&scheduler, "a secret").expect("room");
        let healthy = submit(&scheduler, "healthy").expect("room");

        let error = wait(poisoned).expect_err("the derivation panicked");
        assert_eq!(error.code, Code::Internal);
        assert!(!format!("{error:?}").contains("secret"));
        assert_eq!(*wait(healthy).expect("a key"), *key_of(b"healthy"));
        assert_eq!(threads.lock().len(), 1);
        let stats = scheduler.stats();
        assert_eq!((stats.deriving, stats.memory), (0, UNIT));
    }
}
