//! One connection: the client's end, the statements prepared on it, and what speaks with the server.
//!
//! A handle can be cloned. What is asked by one is sent without waiting for the answers to the
//! others (PostgreSQL documentation, "Pipelining" in the chapter on the extended query protocol);
//! each statement ends with a Sync, so that one which fails takes no other with it.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};

use hashlink::LruCache;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Distinct statements kept prepared per connection. Every shape of operation is one, and an
/// application has a few dozen.
const PREPARED_STATEMENTS: usize = 512;

#[derive(Clone)]
pub struct Connection(Arc<Link>);

struct Link {
    client: Client,
    /// By their text.
    statements: Mutex<LruCache<Arc<str>, Statement>>,
    /// Statements that were sent and are not answered.
    under_way: AtomicUsize,
    wire: Arc<Wire>,
    speaking: Speaking,
    facts: Facts,
}

/// What statements depend on besides the tables.
pub struct Facts {
    pub schema: Option<String>,
    /// A collation whose lower case is Unicode's, where the database's own knows ASCII only.
    pub folding: Option<String>,
}

impl Connection {
    pub async fn open(
        config: &Config,
        tls: MakeRustlsConnect,
        schema: Option<String>,
    ) -> Result<Self, Error> {
        let (client, speaker) = config.connect(tls).await?;
        let wire = Arc::new(Wire {
            speaker: Mutex::new(Some(speaker)),
            waker: OnceLock::new(),
            ended: OnceLock::new(),
        });
        let speaking = Speaking(tokio::spawn(wire.clone().speak()));
        let folding = folding(&client).await?;
        Ok(Self(Arc::new(Link {
            client,
            statements: Mutex::new(LruCache::new(PREPARED_STATEMENTS)),
            under_way: AtomicUsize::new(0),
            wire,
            speaking,
            facts: Facts { schema, folding },
        })))
    }

    /// Says goodbye, where no other handle is left.
    pub async fn close(self) {
        if let Ok(link) = Arc::try_unwrap(self.0) {
            let Link {
                client,
                mut speaking,
                ..
            } = link;
            drop(client);
            // It ends when it has said so; whatever is in the way, the connection is gone.
            let _ = (&mut speaking.0).await;
        }
    }

    pub fn client(&self) -> &Client {
        &self.0.client
    }

    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    pub fn is_open(&self) -> bool {
        !self.0.client.is_closed()
    }

    /// Why it ended; none while it has not.
    pub fn why_ended(&self) -> Option<&str> {
        self.0.wire.ended.get().map(String::as_str)
    }

    pub async fn prepared(
        &self,
        sql: &Arc<str>,
        types: impl FnOnce() -> Vec<Type>,
    ) -> Result<Statement, Error> {
        if let Some(known) = self.0.statements.lock().get(sql) {
            return Ok(known.clone());
        }
        let types = types();
        let prepared = Box::pin(self.0.client.prepare_typed(sql, &types)).await?;
        let mut statements = self.0.statements.lock();
        statements.insert(sql.clone(), prepared.clone());
        Ok(prepared)
    }

    pub fn forget_statements(&self) {
        self.0.statements.lock().clear();
    }

    /// Asks the server. The first question is sent by the thread that asks, and not by the one
    /// that would have to wake up for it; those that come meanwhile are sent together.
    pub async fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        let _under_way = UnderWay::new(&self.0.under_way);
        let mut question = pin!(question);
        let mut pushes = self.0.under_way.load(Ordering::Relaxed) == 1;
        std::future::poll_fn(|context| {
            let answer = question.as_mut().poll(context);
            if answer.is_pending() && std::mem::take(&mut pushes) {
                self.0.wire.push();
            }
            answer
        })
        .await
    }
}

struct UnderWay<'c>(&'c AtomicUsize);

impl<'c> UnderWay<'c> {
    fn new(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the database folds letters that are not ASCII, and else a collation that does.
async fn folding(client: &Client) -> Result<Option<String>, Error> {
    const QUERY: &str = "SELECT CASE WHEN lower('Ä') <> 'ä' THEN \
        (SELECT collname::text FROM pg_collation \
         WHERE collname IN ('und-x-icu', 'pg_c_utf8', 'C.utf8', 'en_US.utf8') \
         AND pg_collation_is_visible(oid) \
         ORDER BY array_position(ARRAY['und-x-icu', 'pg_c_utf8', 'C.utf8'], collname::text) \
         LIMIT 1) END";
    let rows = client.query_typed(QUERY, &[]).await?;
    rows.first().map_or(Ok(None), |row| row.try_get(0))
}

type Speaker = tokio_postgres::Connection<Socket, Encrypted>;
type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// What sends and receives. A task of its own does so whenever there is something to do.
struct Wire {
    /// None once it has ended.
    speaker: Mutex<Option<Speaker>>,
    /// The task's: whoever else makes it speak registers that one.
    waker: OnceLock<Waker>,
    ended: OnceLock<String>,
}

impl Wire {
    async fn speak(self: Arc<Self>) {
        std::future::poll_fn(|context| {
            self.waker.get_or_init(|| context.waker().clone());
            self.poll(&mut self.speaker.lock(), context)
        })
        .await;
    }

    /// Sends what was asked, unless the task is about to.
    fn push(&self) {
        let (Some(waker), Some(mut speaker)) = (self.waker.get(), self.speaker.try_lock()) else {
            return;
        };
        if self
            .poll(&mut speaker, &mut Context::from_waker(waker))
            .is_ready()
        {
            waker.wake_by_ref();
        }
    }

    fn poll(&self, speaker: &mut Option<Speaker>, context: &mut Context<'_>) -> Poll<()> {
        while let Some(speaking) = speaker {
            match ready!(speaking.poll_message(context)) {
                // Notices, which nobody waits for.
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    let _ = self.ended.set(super::error::describe(&error));
                    *speaker = None;
                }
                None => *speaker = None,
            }
        }
        Poll::Ready(())
    }
}

/// The task, which ends with the connection: a statement that nobody waits for any more does not
/// keep it open.
struct Speaking(JoinHandle<()>);

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.abort();
    }
}
