//! One database as an adapter uses it: an engine, the dialect it speaks, and the plans compiled
//! for it.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{InFlight, Rows, Statement, Transaction};
use crate::error::{Code, Error, Result};
use crate::query::{self, Operation};
use crate::schema::{Schema, migrate};
use crate::sql::{self, Dialect};
use crate::value::Value;

pub struct Database {
    engine: Sqlite,
    dialect: &'static dyn Dialect,
    plans: RwLock<Plans>,
}

/// Names a compiled operation in later calls.
pub type PlanId = u32;

#[derive(Default)]
struct Plans {
    statements: Vec<Option<Arc<Statement>>>,
    free: Vec<PlanId>,
}

impl Database {
    /// Opens nothing yet. `options` are those of `nativeAdapter` as JSON.
    pub fn new(url: &str, options: &str, directory: &Path) -> Result<Self> {
        let options: sqlite::Options = serde_json::from_str(options).map_err(|error| {
            Error::new(Code::Internal, "the options could not be understood").with_cause(error)
        })?;
        Ok(Self {
            engine: Sqlite::new(sqlite::Config::parse(url, options, directory)?),
            dialect: &sql::Sqlite,
            plans: RwLock::default(),
        })
    }

    /// Compiles the operation whose shape is given as JSON.
    pub fn prepare(&self, operation: &str) -> Result<PlanId> {
        let operation: Operation = serde_json::from_str(operation).map_err(|error| {
            Error::new(Code::Internal, "an operation could not be understood").with_cause(error)
        })?;
        let statement = Arc::new(query::compile(self.dialect, &operation));
        Ok(self.plans.write().insert(statement))
    }

    pub fn release(&self, plan: PlanId) {
        self.plans.write().remove(plan);
    }

    pub fn statement(&self, plan: PlanId) -> Result<Arc<Statement>> {
        self.plans.read().get(plan).ok_or_else(|| {
            Error::new(
                Code::Internal,
                "an operation was run whose plan had been released",
            )
        })
    }

    /// Runs on this thread if that cannot wait; `None` means it could, and `run` has to do it.
    pub fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>> {
        let statement = self.statement(plan)?;
        self.engine.run_now(&statement, values).transpose()
    }

    /// What follows it is asynchronous, and begins here: `close` waits for it.
    pub fn enter(&self) -> Result<InFlight> {
        self.engine.enter()
    }

    pub async fn run(
        &self,
        in_flight: InFlight,
        statement: Arc<Statement>,
        values: Vec<Value>,
    ) -> Result<Rows> {
        self.engine.run(in_flight, statement, values).await
    }

    pub fn begin_now(&self) -> Result<Option<Transaction>> {
        self.engine.begin_now().transpose()
    }

    pub async fn begin(&self, in_flight: InFlight) -> Result<Transaction> {
        self.engine.begin(in_flight).await
    }

    /// Brings the database to `schema`; returns the statements that were run.
    pub async fn migrate(&self, in_flight: InFlight, schema: Schema) -> Result<Vec<String>> {
        let dialect = self.dialect;
        self.engine
            .change_schema(in_flight, move |connection| {
                migrate::apply(dialect, connection, &schema)
            })
            .await
    }

    /// The statements `migrate` would run.
    pub async fn plan(&self, in_flight: InFlight, schema: Schema) -> Result<Vec<String>> {
        let dialect = self.dialect;
        self.engine
            .change_schema(in_flight, move |connection| {
                migrate::plan(dialect, connection, &schema)
            })
            .await
    }

    /// From now on, `enter` fails.
    pub fn refuse_work(&self) {
        self.engine.refuse_work();
    }

    pub async fn close(&self) -> Result<()> {
        self.engine.close().await
    }
}

impl Plans {
    fn insert(&mut self, statement: Arc<Statement>) -> PlanId {
        if let Some(plan) = self.free.pop() {
            self.statements[plan as usize] = Some(statement);
            return plan;
        }
        self.statements.push(Some(statement));
        // Plans are released before there are that many; see the cache in js/.
        (self.statements.len() - 1) as PlanId
    }

    fn get(&self, plan: PlanId) -> Option<Arc<Statement>> {
        self.statements.get(plan as usize)?.clone()
    }

    fn remove(&mut self, plan: PlanId) {
        if self
            .statements
            .get_mut(plan as usize)
            .and_then(Option::take)
            .is_some()
        {
            self.free.push(plan);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::engine::Step;

    /// A database in a file of its own, removed when the test ends.
    struct Fixture {
        database: Database,
        url: String,
        directory: Option<PathBuf>,
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            if let Some(directory) = &self.directory {
                let _ = std::fs::remove_dir_all(directory);
            }
        }
    }

    impl Fixture {
        async fn file(options: &str) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!(
                "better-auth-native-{}-{number}",
                std::process::id()
            ));
            std::fs::create_dir_all(&directory).unwrap();
            let url = format!("sqlite:{}", directory.join("auth.db").display());
            Self::open(url, Some(directory), options).await
        }

        async fn memory(options: &str) -> Self {
            Self::open("sqlite::memory:".to_owned(), None, options).await
        }

        async fn open(url: String, directory: Option<PathBuf>, options: &str) -> Self {
            let database = open(&url, options);
            migrate(&database).await.unwrap();
            Self {
                database,
                url,
                directory,
            }
        }

        fn plan(&self, operation: &str) -> PlanId {
            self.database.prepare(operation).unwrap()
        }

        fn insertion(&self) -> PlanId {
            self.plan(
                r#"{"operation":"create","table":"counter",
                    "set":[{"column":"id","kind":"id"},{"column":"n","kind":"number"}],
                    "returning":[{"column":"n","kind":"number"}]}"#,
            )
        }

        fn insert_now(&self, id: &str, n: i64) -> Result<Option<Rows>> {
            let values = [Value::Text(id.to_owned()), Value::Integer(n)];
            self.database.run_now(self.insertion(), &values)
        }

        async fn begin(&self) -> Result<Transaction> {
            self.database.begin(self.database.enter()?).await
        }

        async fn count(&self) -> i64 {
            let plan = self.plan(r#"{"operation":"count","table":"counter","filter":[]}"#);
            match run(&self.database, plan, Vec::new()).await[..] {
                [Value::Integer(count)] => count,
                ref other => panic!("not a count: {other:?}"),
            }
        }
    }

    /// For tests in which waiting has to end in vain.
    const IMPATIENT: &str = r#"{"busyTimeoutMs":50,"acquireTimeoutMs":50}"#;
    const PATIENT: &str = "{}";

    fn open(url: &str, options: &str) -> Database {
        Database::new(url, options, Path::new("/")).unwrap()
    }

    async fn migrate(database: &Database) -> Result<Vec<String>> {
        database.migrate(database.enter()?, schema()).await
    }

    async fn run(database: &Database, plan: PlanId, values: Vec<Value>) -> Rows {
        let (in_flight, statement) = (database.enter().unwrap(), database.statement(plan).unwrap());
        database.run(in_flight, statement, values).await.unwrap()
    }

    fn schema() -> Schema {
        serde_json::from_str(
            r#"{"id":"text","tables":[{"name":"counter","indexes":[],"columns":[
                {"name":"n","kind":"number","required":true,"references":null,"default":null}]}]}"#,
        )
        .unwrap()
    }

    #[tokio::test]
    async fn the_first_operation_opens_off_the_callers_thread_and_later_ones_run_on_it() {
        let fixture = Fixture::file(PATIENT).await;
        let reopened = open(&fixture.url, PATIENT);
        let plan = reopened
            .prepare(
                r#"{"operation":"findMany","table":"counter","limit":true,
                    "columns":[{"column":"n","kind":"number"}],"filter":[],"sort":null}"#,
            )
            .unwrap();
        assert_eq!(reopened.run_now(plan, &[Value::Integer(10)]).unwrap(), None);
        run(&reopened, plan, vec![Value::Integer(10)]).await;
        assert_eq!(
            reopened.run_now(plan, &[Value::Integer(10)]).unwrap(),
            Some(Vec::new())
        );
    }

    #[tokio::test]
    async fn a_scan_that_turns_out_wide_moves_off_the_callers_thread_and_is_complete() {
        let fixture = Fixture::file(PATIENT).await;
        let insertion = fixture.insertion();
        for n in 0..30_000 {
            let values = vec![Value::Text(format!("id-{n}")), Value::Integer(n)];
            // Now and then a check-point has the turn to write.
            if fixture
                .database
                .run_now(insertion, &values)
                .unwrap()
                .is_none()
            {
                run(&fixture.database, insertion, values).await;
            }
        }
        let plan = fixture.plan(
            r#"{"operation":"count","table":"counter","filter":[
                {"column":"id","kind":"string","operator":"contains"}]}"#,
        );
        let values = [Value::Text("9".to_owned())];
        assert_eq!(fixture.database.run_now(plan, &values).unwrap(), None);
        let expected = (0..30_000).filter(|n| n.to_string().contains('9')).count() as i64;
        let rows = run(&fixture.database, plan, values.to_vec()).await;
        assert_eq!(rows, [Value::Integer(expected)]);
    }

    #[tokio::test]
    async fn while_a_transaction_is_open_others_read_what_was_and_wait_to_write() {
        for fixture in [
            Fixture::file(IMPATIENT).await,
            Fixture::memory(IMPATIENT).await,
        ] {
            let transaction = Arc::new(fixture.begin().await.unwrap());
            assert_eq!(
                fixture.insert_now("outside", 1).unwrap(),
                None,
                "{}",
                fixture.url
            );
            assert!(fixture.database.begin_now().unwrap().is_none());
            let held_up = fixture.begin().await.err().unwrap();
            assert_eq!(held_up.code, Code::PoolTimeout);
            transaction.step(Step::Commit).await.unwrap();
            assert!(
                fixture.insert_now("outside", 1).unwrap().is_some(),
                "{}",
                fixture.url
            );
        }
    }

    #[tokio::test]
    async fn a_transaction_that_is_dropped_leaves_nothing() {
        for fixture in [Fixture::file(PATIENT).await, Fixture::memory(PATIENT).await] {
            let transaction = fixture.begin().await.unwrap();
            let statement = fixture.database.statement(fixture.insertion()).unwrap();
            let values = [Value::Text("inside".to_owned()), Value::Integer(1)];
            transaction.run_now(&statement, &values).unwrap().unwrap();
            drop(transaction);
            assert_eq!(fixture.count().await, 0, "{}", fixture.url);
        }
    }

    #[tokio::test]
    async fn a_lock_held_elsewhere_makes_a_write_wait_and_then_say_so() {
        let fixture = Fixture::file(IMPATIENT).await;
        let path = fixture.directory.as_ref().unwrap().join("auth.db");
        let other = rusqlite::Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(fixture.insert_now("a", 1).unwrap(), None);
        let error = fixture.begin().await.err().unwrap();
        assert_eq!(error.code, Code::DatabaseLocked);
        other.execute_batch("ROLLBACK").unwrap();
        assert!(fixture.insert_now("a", 1).unwrap().is_some());
    }

    #[tokio::test]
    async fn after_close_everything_is_refused() {
        let fixture = Fixture::file(PATIENT).await;
        fixture.insert_now("a", 1).unwrap().unwrap();
        fixture.database.close().await.unwrap();
        fixture.database.close().await.unwrap();
        assert_eq!(fixture.insert_now("b", 2).unwrap_err().code, Code::Closed);
        assert_eq!(fixture.begin().await.err().unwrap().code, Code::Closed);
        assert_eq!(
            migrate(&open(&fixture.url, PATIENT)).await.unwrap(),
            Vec::<String>::new()
        );
    }

    #[tokio::test]
    async fn a_plan_that_was_released_is_gone_and_its_number_is_used_again() {
        let fixture = Fixture::memory(PATIENT).await;
        let plan = fixture.plan(r#"{"operation":"count","table":"counter","filter":[]}"#);
        fixture.database.release(plan);
        assert_eq!(
            fixture.database.statement(plan).unwrap_err().code,
            Code::Internal
        );
        let next = fixture.plan(r#"{"operation":"count","table":"counter","filter":[]}"#);
        assert_eq!(next, plan);
    }
}
