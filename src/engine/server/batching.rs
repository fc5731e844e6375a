//! Look-ups of several callers in one statement, where a connection answers one after the other.
//!
//! Only a few look-ups are under way at a time, each led by the caller who asked first. Whoever
//! comes meanwhile waits until one of them has its answer; then the first who waits leads the next
//! one, for all who wait for rows of the same kind. Nobody waits for company that may not come.
//! Figures: docs/performance.md, "Batching".

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::driver::Driver;
use super::pool::Pool;
use super::sharing::Held;
use super::{Plan, Server};
use crate::engine::{Call, Program, Rows, Statement};
use crate::error::{Code, Error, Result};
use crate::value::Value;

/// Look-ups under way at a server that is near: it is busy with its work, not with waiting. 64
/// callers get 26,000 rows a second with 2 or 4, 21,000 with 8, and 12,000 where each asks alone.
/// Otherwise there are as many as connections, for nobody is to wait long for others' answers.
const LEADERS: usize = 4;

/// A server is near that has answered a look-up within this time.
const NEAR: Duration = Duration::from_millis(1);

/// Keys per statement. There are always as many, the first one several times where there are fewer:
/// each number of them would be a statement of its own, to be prepared on each connection.
const MOST: usize = 32;

/// In bytes. A statement is not to be too large because of many long keys.
const LONGEST_KEY: usize = 1024;

pub struct Batching(Arc<Mutex<Queue>>);

struct Queue {
    connections: usize,
    /// The least time that an answer took.
    fastest: Duration,
    leaders: usize,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    lookup: Lookup,
    turn: oneshot::Sender<Turn>,
}

/// A key, the values beside it, and what finds the rows of many such keys.
#[derive(Clone)]
pub struct Lookup {
    several: Arc<Statement>,
    values: Vec<Value>,
}

/// How a look-up goes on after it has waited.
pub enum Turn {
    Lead(Lead),
    /// What another one has found, and since when it looked.
    Found(Rows, Instant),
    /// It took too long, for all.
    Failed(Error),
    /// Who was to find it has not.
    Apart,
}

/// What becomes of a look-up that others can have a part in.
pub enum Together<D: Driver> {
    Found(Rows),
    /// Nobody else looks for the like: it runs by itself, and then the next one leads.
    First(Held<D>, Lead),
    /// It runs by itself: it is none that others can have a part in, or looking for several has
    /// failed, and its error is its own.
    Apart,
}

/// The right to look up. Goes to the next who waits.
pub struct Lead {
    /// None once it is given away.
    queue: Option<Arc<Mutex<Queue>>>,
    since: Instant,
}

impl Batching {
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            connections,
            fastest: Duration::MAX,
            leaders: 0,
            waiting: VecDeque::new(),
        })))
    }

    /// It may be another server from now on.
    pub fn forget(&self) {
        self.0.lock().fastest = Duration::MAX;
    }

    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    pub async fn turn(&self, lookup: &Lookup) -> Turn {
        let turn = {
            let mut queue = self.0.lock();
            if queue.leaders < queue.most() {
                queue.leaders += 1;
                return Turn::Lead(Lead::new(&self.0));
            }
            let (turn, told) = oneshot::channel();
            let lookup = lookup.clone();
            queue.waiting.push_back(Waiting { lookup, turn });
            told
        };
        turn.await.unwrap_or(Turn::Apart)
    }
}

impl Queue {
    /// How many look-ups may be under way.
    fn most(&self) -> usize {
        if self.fastest < NEAR {
            self.connections.min(LEADERS)
        } else {
            self.connections
        }
    }
}

impl Lead {
    fn new(queue: &Arc<Mutex<Queue>>) -> Self {
        Self {
            queue: Some(queue.clone()),
            since: Instant::now(),
        }
    }

    /// The server has answered.
    pub fn answered(self) {
        if let Some(queue) = &self.queue {
            let mut queue = queue.lock();
            queue.fastest = queue.fastest.min(self.since.elapsed());
        }
    }

    /// Those who wait for what the leader looks for, taken out of the line.
    fn gather(&self, lookup: &Lookup) -> Vec<Waiting> {
        let mut gathered = Vec::new();
        let Some(queue) = &self.queue else {
            return gathered;
        };
        let mut queue = queue.lock();
        for _ in 0..queue.waiting.len() {
            let Some(next) = queue.waiting.pop_front() else {
                break;
            };
            if next.turn.is_closed() {
                continue;
            }
            if gathered.len() + 1 < MOST && next.lookup.is_like(lookup) {
                gathered.push(next);
            } else {
                queue.waiting.push_back(next);
            }
        }
        gathered
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        loop {
            let next = {
                let mut queue = queue.lock();
                let is_one_too_many = queue.leaders > queue.most();
                let next = (!is_one_too_many).then(|| queue.waiting.pop_front());
                let Some(next) = next.flatten() else {
                    queue.leaders -= 1;
                    return;
                };
                next
            };
            match next.turn.send(Turn::Lead(Self::new(&queue))) {
                Ok(()) => return,
                // It has been given up; what was meant for it must not look for a next one itself.
                Err(Turn::Lead(mut lead)) => drop(lead.queue.take()),
                Err(_) => return,
            }
        }
    }
}

impl Lookup {
    /// `None` where it has to run by itself.
    fn new(program: &Program, values: &[Value]) -> Option<Self> {
        let Program::Lookup {
            several: Some(several),
            ..
        } = program
        else {
            return None;
        };
        match values.first() {
            Some(Value::Text(key)) if key.len() <= LONGEST_KEY => Some(Self {
                several: several.clone(),
                values: values.to_vec(),
            }),
            _ => None,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.several, &other.several) && self.values[1..] == other.values[1..]
    }

    fn key(&self) -> &Value {
        &self.values[0]
    }
}

impl<D: Driver> Server<D> {
    /// Runs a look-up together with those of others, where there are such.
    pub(super) async fn run_together(
        &self,
        pool: &Pool<D>,
        plan: &Plan<D>,
        values: &[Value],
        call: &Call,
    ) -> Result<Together<D>> {
        let program = plan.compiled(self.knowledge());
        let Some(lookup) = program.and_then(|program| Lookup::new(&program, values)) else {
            return Ok(Together::Apart);
        };
        let mut lead = match pool.turn(&lookup, plan.operation).await? {
            Turn::Lead(lead) => lead,
            Turn::Found(rows, since) => {
                call.stopped_waiting(since);
                return Ok(Together::Found(rows));
            }
            Turn::Failed(error) => return Err(error),
            Turn::Apart => return Ok(Together::Apart),
        };
        let mut held = Held::Alone(pool.lease(plan.operation).await?);
        let others = lead.gather(&lookup);
        let since = Instant::now();
        lead.since = since;
        if others.is_empty() {
            return Ok(Together::First(held, lead));
        }
        call.stops_waiting();
        let work = self.look_up(&mut held, pool, &lookup, &others);
        Ok(match work.await {
            Ok(rows) => {
                lead.answered();
                Together::Found(deal(rows, &lookup, others, since))
            }
            // The others need not try what took too long for all.
            Err(error) if error.code == Code::StatementTimeout => {
                for other in others {
                    // Some may have given up.
                    let _ = other.turn.send(Turn::Failed(error.clone()));
                }
                return Err(error);
            }
            Err(_) => Together::Apart,
        })
    }

    /// The rows of all of them.
    async fn look_up(
        &self,
        held: &mut Held<D>,
        pool: &Pool<D>,
        lookup: &Lookup,
        others: &[Waiting],
    ) -> Result<Rows> {
        let mut values = lookup.values.clone();
        let again = std::iter::repeat(lookup.key());
        let keys = keys(lookup, others).chain(again).take(MOST);
        values[0] = Value::List(keys.cloned().collect());
        held.distrust();
        let work = self.execute(held, &lookup.several, &values);
        let result = self.in_time(lookup.several.operation, work).await;
        held.settle(pool, &result);
        result
            .map(|executed| executed.rows)
            .map_err(|failure| failure.error)
    }
}

/// Gives each of the others its row, and the leader its own. The last of a row's cells is its key.
fn deal(rows: Rows, lookup: &Lookup, others: Vec<Waiting>, since: Instant) -> Rows {
    let width = lookup.several.columns.len();
    let mut found = vec![Rows::new(); others.len() + 1];
    let mut cells = rows.into_iter();
    loop {
        let mut row: Rows = cells.by_ref().take(width).collect();
        let Some(key) = row.pop() else { break };
        // Where several rows have the key, the first is as good as any.
        let mut places = keys(lookup, &others)
            .zip(&mut found)
            .filter(|(wanted, found)| **wanted == key && found.is_empty());
        let Some((_, first)) = places.next() else {
            continue;
        };
        for (_, again) in places {
            again.clone_from(&row);
        }
        *first = row;
    }
    let mut found = found.into_iter();
    let own = found.next().unwrap_or_default();
    for (other, rows) in others.into_iter().zip(found) {
        // It may have given up.
        let _ = other.turn.send(Turn::Found(rows, since));
    }
    own
}

/// The leader's first.
fn keys<'k>(lookup: &'k Lookup, others: &'k [Waiting]) -> impl Iterator<Item = &'k Value> {
    let others = others.iter().map(|other| &other.lookup);
    std::iter::once(lookup).chain(others).map(Lookup::key)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;
    use crate::engine::{Access, Column, Keep};
    use crate::value::Kind;

    fn several() -> Arc<Statement> {
        let columns = vec![Column::Scalar(Kind::String); 2];
        let (access, keep) = (Access::Read, Keep::All);
        let sql = String::new();
        Arc::new(Statement::new(
            sql,
            vec![],
            columns,
            access,
            keep,
            "findOne",
            "user",
        ))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn lookup(several: &Arc<Statement>, key: &str, limit: i64) -> Lookup {
        Lookup {
            several: several.clone(),
            values: vec![text(key), Value::Integer(limit)],
        }
    }

    fn leads(turn: Option<Turn>) -> Lead {
        match turn {
            Some(Turn::Lead(lead)) => lead,
            _ => panic!("it does not lead"),
        }
    }

    #[test]
    fn who_waits_is_taken_along_by_the_first_of_them_who_looks_for_the_like() {
        let batching = Batching::new(1);
        let (users, sessions) = (several(), several());
        let own = lookup(&users, "a", 5);
        let first = leads(batching.turn(&own).now_or_never());
        let others = [
            lookup(&sessions, "s", 5),
            lookup(&users, "b", 5),
            lookup(&users, "c", 6),
            lookup(&users, "a", 5),
        ];
        let mut turns = others
            .each_ref()
            .map(|other| Box::pin(batching.turn(other)));
        assert!(turns.iter_mut().all(|turn| turn.now_or_never().is_none()));
        let gathered = first.gather(&own);
        assert_eq!(batching.waiting(), 2);
        let rows = vec![
            text("Ada"),
            text("a"),
            text("Abe"),
            text("a"),
            text("?"),
            text("A"),
        ];
        assert_eq!(deal(rows, &own, gathered, Instant::now()), [text("Ada")]);
        drop(first);
        let [session, none, limited, same] = &mut turns;
        assert!(matches!(none.now_or_never(), Some(Turn::Found(rows, _)) if rows.is_empty()));
        assert!(matches!(same.now_or_never(), Some(Turn::Found(rows, _)) if rows == [text("Ada")]));
        assert!(limited.now_or_never().is_none());
        drop(leads(session.now_or_never()));
        drop(leads(limited.now_or_never()));
        drop(leads(batching.turn(&own).now_or_never()));
    }

    #[test]
    fn who_gives_up_stands_in_nobodys_way() {
        let batching = Batching::new(1);
        let own = lookup(&several(), "a", 5);
        let first = leads(batching.turn(&own).now_or_never());
        let mut patient = pin!(async {
            // Those before it give up: one before its turn, and one when it has come.
            let mut next = Box::pin(batching.turn(&own));
            for _ in [1, 2] {
                let mut impatient = Box::pin(batching.turn(&own));
                assert!(impatient.as_mut().now_or_never().is_none());
            }
            assert!(next.as_mut().now_or_never().is_none());
            next.await
        });
        assert!(patient.as_mut().now_or_never().is_none());
        let mut given_up = Box::pin(batching.turn(&own));
        assert!(given_up.as_mut().now_or_never().is_none());
        drop(first);
        let second = leads(patient.now_or_never());
        drop(second);
        drop(given_up);
        drop(leads(batching.turn(&own).now_or_never()));
    }

    #[test]
    fn those_whose_leader_is_lost_go_alone() {
        let batching = Batching::new(1);
        let own = lookup(&several(), "a", 5);
        let first = leads(batching.turn(&own).now_or_never());
        let mut other = pin!(batching.turn(&own));
        assert!(other.as_mut().now_or_never().is_none());
        drop(first.gather(&own));
        assert!(matches!(other.now_or_never(), Some(Turn::Apart)));
    }

    #[test]
    fn a_server_that_is_near_is_asked_less_often_at_a_time() {
        let batching = Batching::new(10);
        let own = lookup(&several(), "a", 5);
        let lead = || match batching.turn(&own).now_or_never() {
            Some(Turn::Lead(lead)) => Some(lead),
            _ => None,
        };
        let mut far: Vec<_> = std::iter::from_fn(lead).collect();
        assert_eq!(far.len(), 10);
        far.pop().unwrap().answered();
        assert!(lead().is_none());
        far.truncate(LEADERS);
        assert!(lead().is_none());
        far.pop();
        assert!(lead().is_some());
        drop(far);
        assert_eq!(
            std::iter::from_fn(lead).take(20).collect::<Vec<_>>().len(),
            LEADERS
        );
        batching.forget();
        assert_eq!(
            std::iter::from_fn(lead).take(20).collect::<Vec<_>>().len(),
            10
        );
    }

    #[test]
    fn a_statement_takes_so_many_keys_and_no_more() {
        let batching = Batching::new(1);
        let own = lookup(&several(), "a", 5);
        let first = leads(batching.turn(&own).now_or_never());
        let mut turns: Vec<_> = (0..2 * MOST)
            .map(|_| Box::pin(batching.turn(&own)))
            .collect();
        for turn in &mut turns {
            assert!(turn.as_mut().now_or_never().is_none());
        }
        assert_eq!(first.gather(&own).len() + 1, MOST);
        assert_eq!(batching.waiting(), MOST + 1);
    }
}
