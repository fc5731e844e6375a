//! A database in this process: SQLite, inline where that cannot wait.

use std::path::Path;
use std::sync::Arc;

use super::plans::Plans;
use super::{Backup, Database, Pending, PlanId};
use crate::engine::server::Isolation;
use crate::engine::sqlite::{self, Sqlite};
use crate::engine::{Program, Rows, Statement, Step};
use crate::error::{Code, Error, Result};
use crate::maintenance;
use crate::query::{self, Operation};
use crate::schema::sqlite::{Inside, at_once};
use crate::schema::{self, Request};
use crate::sql;
use crate::value::Value;

pub struct Local {
    engine: Arc<Sqlite>,
    plans: Arc<Plans<Statement>>,
}

impl Local {
    pub fn new(engine: Sqlite) -> Self {
        Self {
            engine: Arc::new(engine),
            plans: Arc::default(),
        }
    }
}

impl Database for Local {
    fn runs_inline(&self) -> bool {
        true
    }

    fn prepare(&self, operation: Operation) -> Result<PlanId> {
        match query::compile(&sql::Sqlite, &operation) {
            Program::One(statement) => Ok(self.plans.insert(statement)),
            _ => Err(Error::new(
                Code::Internal,
                "SQLite answers everything with one statement",
            )),
        }
    }

    fn release(&self, plan: PlanId) {
        self.plans.release(plan);
    }

    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>> {
        let statement = self.plans.get(plan)?;
        self.engine.run_now(&statement, values).transpose()
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (in_flight, statement) = (self.engine.gate().enter(), self.plans.get(plan));
        let engine = self.engine.clone();
        Box::pin(async move { engine.run(in_flight?, statement?, values).await })
    }

    fn begin(&self, _isolation: Option<Isolation>) -> Result<Arc<dyn super::Transaction>> {
        let in_flight = self.engine.gate().enter()?;
        Ok(Arc::new(Transaction {
            engine: Arc::new(sqlite::Transaction::new(self.engine.clone(), in_flight)),
            plans: self.plans.clone(),
        }))
    }

    fn manage(&self, request: Request) -> Pending<String> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let changes = request.changes();
            let work = move |connection: &mut _| schema::sqlite::answer(connection, &request);
            if changes {
                engine.change_schema(in_flight?, work).await
            } else {
                engine.read_schema(in_flight?, work).await
            }
        })
    }

    fn maintain(&self, request: maintenance::Request) -> Pending<String> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let changes = request.changes();
            let work = move |connection: &mut sqlite::Connection| {
                at_once(maintenance::answer(&mut Inside(connection), &request))
            };
            if changes {
                engine.change_schema(in_flight?, work).await
            } else {
                engine.read_schema(in_flight?, work).await
            }
        })
    }

    fn backup(&self, path: &Path, overwrite: bool) -> Result<Arc<Backup>> {
        self.engine.backup(path, overwrite).map(Arc::new)
    }

    fn query(&self, sql: String, values: Vec<Value>) -> Pending<(Vec<String>, Rows)> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move { engine.query(in_flight?, sql, values).await })
    }

    fn close(&self) -> Pending<()> {
        self.engine.gate().shut();
        let engine = self.engine.clone();
        Box::pin(async move { engine.close().await })
    }
}

struct Transaction {
    engine: Arc<sqlite::Transaction>,
    plans: Arc<Plans<Statement>>,
}

impl super::Transaction for Transaction {
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>> {
        let statement = self.plans.get(plan)?;
        self.engine.run_now(&statement, values).transpose()
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (engine, statement) = (self.engine.clone(), self.plans.get(plan));
        Box::pin(async move { engine.run(statement?, values).await })
    }

    fn step_now(&self, step: Step) -> Result<bool> {
        match self.engine.step_now(step) {
            Some(result) => result.map(|()| true),
            None => Ok(false),
        }
    }

    fn step(&self, step: Step) -> Pending<()> {
        let engine = self.engine.clone();
        Box::pin(async move { engine.step(step).await })
    }
}
