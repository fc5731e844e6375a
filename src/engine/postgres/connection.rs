//! One connection: the client's end, the statements prepared on it, and what speaks with the server.
//!
//! A handle can be cloned. What is asked by one is sent without waiting for the answers to the
//! others (PostgreSQL documentation, "Pipelining" in the chapter on the extended query protocol);
//! each statement ends with a Sync, so that one which fails takes no other with it.

use std::sync::{Arc, OnceLock};

use hashlink::LruCache;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::describe;

/// Distinct statements kept prepared per connection. Every shape of operation is one, and an
/// application has a few dozen.
const PREPARED_STATEMENTS: usize = 512;

#[derive(Clone)]
pub struct Connection(Arc<Link>);

struct Link {
    client: Client,
    /// By their text.
    statements: Mutex<LruCache<Arc<str>, Statement>>,
    speaking: Speaking,
    /// Why the connection ended, once it has.
    ended: Arc<OnceLock<String>>,
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
        let ended: Arc<OnceLock<String>> = Arc::default();
        let why = ended.clone();
        let speaking = Speaking(tokio::spawn(async move {
            if let Err(error) = speaker.await {
                why.get_or_init(|| describe(&error));
            }
        }));
        let folding = folding(&client).await?;
        Ok(Self(Arc::new(Link {
            client,
            statements: Mutex::new(LruCache::new(PREPARED_STATEMENTS)),
            speaking,
            ended,
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
        self.0.ended.get().map(String::as_str)
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

/// The task that sends and receives, which ends with the connection: a statement that nobody waits
/// for any more does not keep it open.
struct Speaking(JoinHandle<()>);

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.abort();
    }
}
