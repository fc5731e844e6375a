//! The storage in this process's memory: exact about when an entry ends, and bounded by the number
//! of entries and by the bytes they take. What was used longest ago goes first.
//!
//! Written over a linked hash map, and not with a cache crate: those know one bound, keep to it
//! only some time after a write, and some refuse the new entry instead of dropping an old one,
//! which here would be somebody who has just signed in.

use std::collections::{BTreeSet, HashMap};
use std::hash::RandomState;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Instant;

use hashlink::LinkedHashMap;
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;

use super::Lifetime;
use crate::error::{Error, Result};

/// What an entry takes beside its key and value: its places in both indexes, and what the
/// allocator rounds up.
const ENTRY: usize = 192;

/// How many ended entries a call removes at most: enough to keep up, and nothing that the event
/// loop notices.
const SWEEP: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    pub max_entries: usize,
    pub max_bytes: usize,
}

pub struct Memory {
    limits: Limits,
    /// Held for one operation, which is a few look-ups: other threads may wait for it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that was used longest ago first. Keys come from outside, so their hashes are keyed.
    entries: LinkedHashMap<Arc<str>, Entry, RandomState>,
    /// When entries end, the first one first.
    ends: BTreeSet<(Instant, Arc<str>)>,
    bytes: usize,
    counts: Counts,
}

struct Entry {
    value: String,
    end: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `get` and `get_and_delete` that found something.
    pub hits: u64,
    pub misses: u64,
    /// Entries that ended.
    pub expired: u64,
    /// Entries that had to go for others.
    pub evicted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    pub entries: usize,
    pub bytes: usize,
    pub limits: Limits,
    pub counts: Counts,
}

/// Those that have a name. A store is there for as long as somebody has it open.
static SHARED: LazyLock<Mutex<HashMap<String, Weak<Memory>>>> = LazyLock::new(Mutex::default);

impl Memory {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// The one of that name in this process, whichever thread has opened it. `limits` are those of
    /// a new one, and where they were `asked` for, of one that is there.
    pub fn shared(name: &str, limits: Limits, asked: bool) -> Result<Arc<Self>> {
        let mut shared = SHARED.lock();
        if let Some(there) = shared.get(name).and_then(Weak::upgrade) {
            if asked && there.limits != limits {
                return Err(Error::invalid_input(format!(
                    "the memoryStorage shared as \"{name}\" was opened with maxEntries {} and \
                     maxBytes {}: open it with the same, or leave them out",
                    there.limits.max_entries, there.limits.max_bytes
                )));
            }
            return Ok(there);
        }
        shared.retain(|_, memory| memory.strong_count() > 0);
        let made = Arc::new(Self::new(limits));
        shared.insert(name.to_owned(), Arc::downgrade(&made));
        Ok(made)
    }

    pub fn get(&self, key: &str) -> Option<String> {
        let (mut state, _) = self.state(key);
        let found = state.entries.to_back(key).map(|entry| entry.value.clone());
        state.count(found.is_some());
        found
    }

    pub fn set(&self, key: &str, value: String, lifetime: Lifetime) -> Result<()> {
        let (mut state, now) = self.state(key);
        match lifetime {
            Lifetime::Over => {
                state.remove(key);
                Ok(())
            }
            Lifetime::Forever => state.put(key, value, None, self.limits),
            Lifetime::For(time) => state.put(key, value, Some(now + time), self.limits),
        }
    }

    pub fn delete(&self, key: &str) {
        self.state(key).0.remove(key);
    }

    pub fn get_and_delete(&self, key: &str) -> Option<String> {
        let (mut state, _) = self.state(key);
        let found = state.remove(key).map(|entry| entry.value);
        state.count(found.is_some());
        found
    }

    /// One more than the whole number that is there, which ends when it would have; or 1, which
    /// lives for `lifetime`.
    pub fn increment(&self, key: &str, lifetime: Lifetime) -> Result<i64> {
        let (mut state, now) = self.state(key);
        let (count, end) = match (state.entries.get(key), lifetime) {
            (Some(entry), _) => (count_on(&entry.value)?, entry.end),
            (None, Lifetime::Over) => return Ok(1),
            (None, Lifetime::Forever) => (1, None),
            (None, Lifetime::For(time)) => (1, Some(now + time)),
        };
        state.put(key, count.to_string(), end, self.limits)?;
        Ok(count)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.state(key).0.entries.contains_key(key)
    }

    /// Of what is held: what has ended may be among it until somebody calls.
    pub fn stats(&self) -> Stats {
        let mut state = self.state.lock();
        state.sweep(Instant::now(), SWEEP);
        Stats {
            entries: state.entries.len(),
            bytes: state.bytes,
            limits: self.limits,
            counts: state.counts,
        }
    }

    /// The state as it is now, in which the entry of `key` has not ended.
    fn state(&self, key: &str) -> (MutexGuard<'_, State>, Instant) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.sweep(now, SWEEP);
        let ended = |entry: &Entry| entry.end.is_some_and(|end| end <= now);
        if state.entries.get(key).is_some_and(ended) {
            state.remove(key);
            state.counts.expired += 1;
        }
        (state, now)
    }
}

impl State {
    fn put(
        &mut self,
        key: &str,
        value: String,
        end: Option<Instant>,
        limits: Limits,
    ) -> Result<()> {
        let size = size(key, &value);
        if size > limits.max_bytes {
            return Err(Error::invalid_input(format!(
                "an entry of {size} bytes does not fit into the memoryStorage: its maxBytes is {}",
                limits.max_bytes
            )));
        }
        self.remove(key);
        let (max_entries, max_bytes) = (limits.max_entries - 1, limits.max_bytes - size);
        if self.entries.len() > max_entries || self.bytes > max_bytes {
            // What has ended goes before anything that lives.
            self.sweep(Instant::now(), usize::MAX);
        }
        while self.entries.len() > max_entries || self.bytes > max_bytes {
            self.evict();
        }
        let key: Arc<str> = key.into();
        if let Some(end) = end {
            self.ends.insert((end, key.clone()));
        }
        self.entries.insert(key, Entry { value, end });
        self.bytes += size;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.forget(key, &entry);
        Some(entry)
    }

    fn evict(&mut self) {
        if let Some((key, entry)) = self.entries.pop_front() {
            self.forget(key, &entry);
            self.counts.evicted += 1;
        }
    }

    /// Of an entry that has left: its size, and when it would have ended.
    fn forget(&mut self, key: Arc<str>, entry: &Entry) {
        self.bytes -= size(&key, &entry.value);
        if let Some(end) = entry.end {
            self.ends.remove(&(end, key));
        }
    }

    /// Removes what has ended, and not more than `most`.
    fn sweep(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            match self.ends.first() {
                Some((end, _)) if *end <= now => {}
                _ => return,
            }
            if let Some((_, key)) = self.ends.pop_first()
                && let Some(entry) = self.entries.remove(&key)
            {
                self.bytes -= size(&key, &entry.value);
                self.counts.expired += 1;
            }
        }
    }

    fn count(&mut self, found: bool) {
        if found {
            self.counts.hits += 1;
        } else {
            self.counts.misses += 1;
        }
    }
}

fn size(key: &str, value: &str) -> usize {
    key.len() + value.len() + ENTRY
}

fn count_on(value: &str) -> Result<i64> {
    let count = value
        .parse()
        .ok()
        .and_then(|count: i64| count.checked_add(1));
    count.ok_or_else(super::not_a_counter)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Code;

    fn memory(max_entries: usize, max_bytes: usize) -> Memory {
        Memory::new(Limits {
            max_entries,
            max_bytes,
        })
    }

    fn set(memory: &Memory, key: &str, value: &str) {
        memory.set(key, value.into(), Lifetime::Forever).unwrap();
    }

    /// Lives for less than the clock can tell.
    const MOMENT: Lifetime = Lifetime::For(Duration::from_nanos(1));

    fn pass(time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() <= end {}
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let memory = memory(3, usize::MAX);
        for key in ["a", "b", "c"] {
            set(&memory, key, "1");
        }
        memory.get("a");
        set(&memory, "b", "2");
        set(&memory, "d", "1");
        let left: Vec<_> = ["a", "b", "c", "d"].map(|key| memory.contains(key)).into();
        assert_eq!(left, [true, true, false, true]);
        assert_eq!(memory.stats().counts.evicted, 1);
    }

    #[test]
    fn the_bytes_are_those_of_what_is_there() {
        let memory = memory(100, 3 * ENTRY + 30);
        set(&memory, "a", "123456789");
        assert_eq!(memory.stats().bytes, ENTRY + 10);
        set(&memory, "a", "1");
        assert_eq!(memory.stats().bytes, ENTRY + 2);
        for key in ["b", "c", "d", "e"] {
            set(&memory, key, "123456789");
            assert!(memory.stats().bytes <= 3 * ENTRY + 30);
        }
        assert_eq!(memory.stats().entries, 3);
        for key in ["a", "b", "c", "d", "e"] {
            memory.delete(key);
        }
        assert_eq!(memory.stats().bytes, 0);
        let too_large = memory.set("a", "1".repeat(1000), Lifetime::Forever);
        assert_eq!(too_large.unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn what_has_ended_makes_room_before_what_lives() {
        let memory = memory(2, usize::MAX);
        set(&memory, "lives", "1");
        memory.set("ends", "1".into(), MOMENT).unwrap();
        pass(Duration::from_micros(10));
        set(&memory, "new", "1");
        assert!(memory.contains("lives") && memory.contains("new"));
        let Counts {
            expired, evicted, ..
        } = memory.stats().counts;
        assert_eq!((expired, evicted), (1, 0));
    }

    #[test]
    fn a_new_end_replaces_the_old_one() {
        let memory = memory(2, usize::MAX);
        memory.set("a", "1".into(), MOMENT).unwrap();
        set(&memory, "a", "2");
        pass(Duration::from_micros(10));
        assert_eq!(memory.get("a").as_deref(), Some("2"));
        memory.set("a", "3".into(), Lifetime::Over).unwrap();
        assert_eq!(memory.get("a"), None);
        assert_eq!(memory.state.lock().ends.len(), 0);
    }

    #[test]
    fn a_counter_ends_as_said_at_its_beginning() {
        let memory = memory(2, usize::MAX);
        let hour = Lifetime::For(Duration::from_secs(3600));
        assert_eq!(memory.increment("a", hour).unwrap(), 1);
        let end = memory.state.lock().entries["a"].end;
        assert_eq!(memory.increment("a", MOMENT).unwrap(), 2);
        assert_eq!(memory.state.lock().entries["a"].end, end);
        assert_eq!(memory.increment("b", Lifetime::Over).unwrap(), 1);
        assert!(!memory.contains("b"));
        for unfit in ["text", "", "1.5", "9223372036854775807"] {
            set(&memory, "b", unfit);
            let error = memory.increment("b", hour).unwrap_err();
            assert_eq!(error.code, Code::InvalidInput);
        }
    }

    #[test]
    fn threads_that_count_together_miss_none() {
        let limits = Limits {
            max_entries: 10,
            max_bytes: 1 << 20,
        };
        std::thread::scope(|scope| {
            let one = Memory::shared("counted", limits, false).unwrap();
            for _ in 0..4 {
                scope.spawn(move || {
                    let own = Memory::shared("counted", limits, true).unwrap();
                    for _ in 0..1000 {
                        own.increment("n", Lifetime::Forever).unwrap();
                    }
                });
            }
            while one.get("n").as_deref() != Some("4000") {
                std::thread::yield_now();
            }
        });
        let (other, again) = (
            Limits {
                max_entries: 11,
                ..limits
            },
            limits,
        );
        let open = Memory::shared("counted", again, true).unwrap();
        assert!(!open.contains("n"), "it went with the last who had it open");
        assert!(Memory::shared("counted", other, true).is_err());
        assert!(Memory::shared("counted", other, false).is_ok());
    }
}
