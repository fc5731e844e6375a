//! The storage in Redis, which processes and machines share.

mod config;
mod connection;
mod failure;
mod link;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, RedisResult, Value, cmd, from_redis_value};
use tokio::sync::Notify;

pub use config::Config;
use connection::{Failure, Target};
pub use link::Condition;
use link::{Limits, Link};

use super::Lifetime;
use crate::error::{Code, Error, Result};

/// Sets the end only of a counter that it begins, and both in one step: a script sees one moment,
/// in which no key ends between two commands.
const INCREMENT: &str = "\
if redis.call('SET', KEYS[1], 1, 'PX', ARGV[1], 'NX') then return 1 end \
return redis.call('INCR', KEYS[1])";

/// The same for one that would end at once: only what is there is counted on.
const INCREMENT_EXISTING: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end \
return redis.call('INCR', KEYS[1])";

/// GETDEL, for servers before Redis 6.2.
const GET_AND_DELETE: &str = "\
local value = redis.call('GET', KEYS[1]) \
if value then redis.call('DEL', KEYS[1]) end \
return value";

#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    prefix: String,
    response_limit: Duration,
    max_queue: usize,
    /// Calls that have not been answered yet.
    pending: AtomicUsize,
    /// Told when there are none.
    idle: Notify,
    closed: AtomicBool,
    lacks_getdel: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub struct Stats {
    pub condition: Condition,
    pub pending: usize,
    pub answered: u64,
    pub failed: u64,
    pub connections: u64,
}

/// What is known of a command when its answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes nothing: it is sent again.
    None,
    /// Twice is as good as once: whoever called may call again.
    Same,
    /// Twice is not once.
    Once,
}

impl Redis {
    /// Connects to nothing yet.
    pub fn open(config: &Config) -> Result<Self> {
        let target = Target::of(config).map_err(|error| {
            Error::invalid_input("the options of redisStorage cannot be used").with_cause(error)
        })?;
        let limits = Limits {
            connect: Duration::from_millis(config.connect_timeout_ms),
            first_pause: Duration::from_millis(config.retry_pause_ms),
            longest_pause: Duration::from_millis(config.max_retry_pause_ms),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                link: Arc::new(Link::new(target, config.place(), limits)),
                prefix: config.prefix.clone(),
                response_limit: Duration::from_millis(config.response_timeout_ms),
                max_queue: config.max_queue,
                pending: AtomicUsize::new(0),
                idle: Notify::new(),
                closed: AtomicBool::new(false),
                lacks_getdel: AtomicBool::new(false),
                answered: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            }),
        })
    }

    pub fn get(&self, key: &str) -> impl Future<Output = Result<Option<String>>> + use<> {
        let command = self.command("GET", key);
        self.call(|redis| async move { redis.ask("get", command, Effect::None).await })
    }

    pub fn set(
        &self,
        key: &str,
        value: &str,
        lifetime: Lifetime,
    ) -> impl Future<Output = Result<()>> + use<> {
        let command = match lifetime {
            Lifetime::Over => self.command("DEL", key),
            Lifetime::Forever => self.command("SET", key).arg(value).take(),
            Lifetime::For(time) => {
                let milliseconds = time.as_millis() as u64;
                self.command("SET", key)
                    .arg(value)
                    .arg("PX")
                    .arg(milliseconds)
                    .take()
            }
        };
        self.call(|redis| async move {
            redis
                .ask::<Value>("set", command, Effect::Same)
                .await
                .map(drop)
        })
    }

    pub fn delete(&self, key: &str) -> impl Future<Output = Result<()>> + use<> {
        let command = self.command("DEL", key);
        self.call(|redis| async move {
            redis
                .ask::<i64>("delete", command, Effect::Same)
                .await
                .map(drop)
        })
    }

    pub fn get_and_delete(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<String>>> + use<> {
        let (command, script) = (
            self.command("GETDEL", key),
            self.script(GET_AND_DELETE, key),
        );
        self.call(|redis| async move { redis.get_and_delete(command, script).await })
    }

    /// One more than the whole number that is there, which ends when it would have; or 1, which
    /// lives for `lifetime`.
    pub fn increment(
        &self,
        key: &str,
        lifetime: Lifetime,
    ) -> impl Future<Output = Result<i64>> + use<> {
        let command = match lifetime {
            Lifetime::Over => self.script(INCREMENT_EXISTING, key),
            Lifetime::Forever => self.command("INCR", key),
            Lifetime::For(time) => self
                .script(INCREMENT, key)
                .arg(time.as_millis() as u64)
                .take(),
        };
        self.call(|redis| async move { redis.ask("increment", command, Effect::Once).await })
    }

    pub fn contains(&self, key: &str) -> impl Future<Output = Result<bool>> + use<> {
        let command = self.command("EXISTS", key);
        self.call(|redis| async move { redis.ask("activeSessions", command, Effect::None).await })
    }

    /// How long an answer takes now; of a cluster, the slowest node's.
    pub fn ping(&self) -> impl Future<Output = Result<Duration>> + use<> {
        self.call(|redis| async move {
            let begin = Instant::now();
            redis
                .ask::<Value>("health", cmd("PING"), Effect::None)
                .await?;
            Ok(begin.elapsed())
        })
    }

    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        Stats {
            condition: shared.link.condition(),
            pending: shared.pending.load(Ordering::Relaxed),
            answered: shared.answered.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
            connections: shared.link.made(),
        }
    }

    /// Refuses what follows, and waits for what has been called.
    pub fn close(&self) -> impl Future<Output = Result<()>> + use<> {
        let shared = self.shared.clone();
        shared.closed.store(true, Ordering::SeqCst);
        async move {
            let mut idle = pin!(shared.idle.notified());
            loop {
                idle.as_mut().enable();
                if shared.pending.load(Ordering::SeqCst) == 0 {
                    break;
                }
                idle.as_mut().await;
                idle.set(shared.idle.notified());
            }
            shared.link.disconnect();
            Ok(())
        }
    }

    fn command(&self, name: &str, key: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(self.prefixed(key));
        command
    }

    fn script(&self, script: &str, key: &str) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(self.prefixed(key));
        command
    }

    fn prefixed(&self, key: &str) -> String {
        format!("{}{key}", self.shared.prefix)
    }

    /// `work`, if there is room for it.
    fn call<T, W, F>(&self, work: W) -> impl Future<Output = Result<T>> + use<T, W, F>
    where
        W: FnOnce(Arc<Shared>) -> F,
        F: Future<Output = Result<T>>,
    {
        let place = Place::take(&self.shared);
        let work = work(self.shared.clone());
        async move {
            let place = place?;
            let result = work.await;
            let counter = if result.is_ok() {
                &place.shared.answered
            } else {
                &place.shared.failed
            };
            counter.fetch_add(1, Ordering::Relaxed);
            result
        }
    }
}

impl Shared {
    async fn ask<T: FromRedisValue>(
        &self,
        attempt: &str,
        command: Cmd,
        effect: Effect,
    ) -> Result<T> {
        match self.try_to_ask(attempt, &command, effect).await? {
            Ok(answer) => self.read(attempt, answer),
            Err(refusal) => Err(failure::refused(&self.link.place, attempt, &refusal)),
        }
    }

    async fn get_and_delete(&self, command: Cmd, script: Cmd) -> Result<Option<String>> {
        const ATTEMPT: &str = "getAndDelete";
        if !self.lacks_getdel.load(Ordering::Relaxed) {
            match self.try_to_ask(ATTEMPT, &command, Effect::Once).await? {
                Ok(answer) => return self.read(ATTEMPT, answer),
                Err(refusal) if failure::is_unknown_command(&refusal) => {
                    self.lacks_getdel.store(true, Ordering::Relaxed);
                }
                Err(refusal) => return Err(failure::refused(&self.link.place, ATTEMPT, &refusal)),
            }
        }
        self.ask(ATTEMPT, script, Effect::Once).await
    }

    /// The answer, be it a refusal. What changes nothing is asked once more where a connection
    /// breaks, as one does that was there before Redis was restarted.
    async fn try_to_ask(
        &self,
        attempt: &str,
        command: &Cmd,
        effect: Effect,
    ) -> Result<RedisResult<Value>> {
        let mut may_repeat = effect == Effect::None;
        loop {
            let connection = self.link.connection().await?;
            let (place, harmless) = (&self.link.place, effect != Effect::Once);
            return match connection.ask(command, self.response_limit).await {
                Ok(answer) => Ok(Ok(answer)),
                Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
                Err(Failure::Lost(_)) if may_repeat => {
                    may_repeat = false;
                    continue;
                }
                Err(Failure::Lost(error)) => Err(failure::lost(place, attempt, &error, harmless)),
                Err(Failure::Silent) => {
                    let limit = self.response_limit.as_millis();
                    Err(failure::silent(place, attempt, limit, harmless))
                }
            };
        }
    }

    fn read<T: FromRedisValue>(&self, attempt: &str, answer: Value) -> Result<T> {
        from_redis_value(answer).map_err(|_| failure::unfit(&self.link.place, attempt))
    }
}

/// Of a call, in the bounded queue.
struct Place {
    shared: Arc<Shared>,
}

impl Place {
    fn take(shared: &Arc<Shared>) -> Result<Self> {
        let before = shared.pending.fetch_add(1, Ordering::SeqCst);
        let place = Self {
            shared: shared.clone(),
        };
        if shared.closed.load(Ordering::SeqCst) {
            return Err(Error::new(Code::Closed, "the redisStorage is closed"));
        }
        if before >= shared.max_queue {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "{before} calls wait for {}, as many as maxQueue allows",
                    shared.link.place
                ),
            ));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.shared.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.idle.notify_waiters();
        }
    }
}
