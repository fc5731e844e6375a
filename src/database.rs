//! One database as an adapter uses it: an engine, the dialect it speaks, and the plans compiled
//! for it.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{Rows, Statement, Transaction};
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
            Error::invalid_input(format!("nativeAdapter cannot use its options: {error}"))
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

    pub async fn run(&self, statement: Arc<Statement>, values: Vec<Value>) -> Result<Rows> {
        self.engine.run(statement, values).await
    }

    pub fn begin_now(&self) -> Result<Option<Transaction>> {
        self.engine.begin_now().transpose()
    }

    pub async fn begin(&self) -> Result<Transaction> {
        self.engine.begin().await
    }

    /// Brings the database to `schema`; returns the statements that were run.
    pub async fn migrate(&self, schema: Schema) -> Result<Vec<String>> {
        let dialect = self.dialect;
        self.engine
            .change_schema(move |connection| migrate::apply(dialect, connection, &schema))
            .await
    }

    /// The statements `migrate` would run.
    pub async fn plan(&self, schema: Schema) -> Result<Vec<String>> {
        let dialect = self.dialect;
        self.engine
            .change_schema(move |connection| migrate::plan(dialect, connection, &schema))
            .await
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
