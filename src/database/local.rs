//! A database in this process: SQLite, inline where that cannot wait.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plans::Plans;
use super::watch::{Watch, Watched};
use super::{Backup, Database, Pending, PlanId};
use crate::engine::own::{Answer, Cell};
use crate::engine::server::Isolation;
use crate::engine::sqlite::{self, Sqlite};
use crate::engine::words::Script;
use crate::engine::{Call, Connections, Drained, Program, Rows, Statement, Step};
use crate::error::{Code, Error, Result};
use crate::maintenance;
use crate::maintenance::alone::{self, Alone};
use crate::query::{self, Operation};
use crate::schema::sqlite::{Inside, at_once};
use crate::schema::{self, Request};
use crate::sql;
use crate::value::Value;

pub struct Local {
    engine: Arc<Sqlite>,
    plans: Arc<Plans<Watched<Statement>>>,
    watch: Arc<Watch>,
}

impl Local {
    pub fn new(engine: Sqlite, watch: Watch) -> Self {
        Self {
            engine: Arc::new(engine),
            plans: Arc::default(),
            watch: Arc::new(watch),
        }
    }
}

impl Database for Local {
    fn runs_inline(&self) -> bool {
        true
    }

    fn prepare(&self, operation: Operation, name: &str, model: &str) -> Result<PlanId> {
        match query::compile(&sql::Sqlite, &operation) {
            Program::One(statement) | Program::Lookup { one: statement, .. } => {
                Ok(self.plans.insert(self.watch.over(statement, name, model)))
            }
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
        let plan = self.plans.get(plan)?;
        run_watched(&self.watch, &plan, |statement| {
            self.engine.run_now(statement, values)
        })
    }

    fn run_together_now(
        &self,
        calls: &[(PlanId, Vec<Value>)],
    ) -> Result<Option<Vec<Result<Rows>>>> {
        let plans = calls.iter().map(|(plan, _)| self.plans.get(*plan));
        let plans: Vec<_> = plans.collect::<Result<_>>()?;
        let begun = Instant::now();
        let values = calls.iter().map(|(_, values)| values.as_slice());
        let writes = plans.iter().map(|watched| &*watched.plan).zip(values);
        let results = self.engine.run_together_now(writes);
        let took = begun.elapsed();
        for (plan, result) in plans.iter().zip(results.iter().flatten()) {
            self.watch.note(plan, took, Duration::ZERO, result);
        }
        Ok(results)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (in_flight, plan) = (self.engine.gate().enter(), self.plans.get(plan));
        let (engine, watch, call) = (self.engine.clone(), self.watch.clone(), begin());
        Box::pin(async move {
            let (in_flight, plan) = (in_flight?, plan?);
            let work = pin!(engine.run(in_flight, plan.plan.clone(), values, &call));
            let result = engine.gate().until_cut(work).await;
            watch.note_call(&plan, &call, &result);
            result
        })
    }

    fn begin(&self, _isolation: Option<Isolation>) -> Result<Arc<dyn super::Transaction>> {
        let in_flight = self.engine.gate().enter()?;
        Ok(Arc::new(Transaction {
            engine: sqlite::Transaction::new(self.engine.clone(), in_flight),
            database: self.engine.clone(),
            plans: self.plans.clone(),
            watch: self.watch.clone(),
        }))
    }

    fn manage(&self, request: Request) -> Pending<String> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let (gate, in_flight) = (engine.gate(), in_flight?);
            let changes = request.changes();
            let work = move |connection: &mut _| schema::sqlite::answer(connection, &request);
            if changes {
                gate.until_cut(engine.change_schema(in_flight, work)).await
            } else {
                gate.until_cut(engine.read_schema(in_flight, work)).await
            }
        })
    }

    fn maintain(&self, request: maintenance::Request) -> Pending<String> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let (gate, in_flight) = (engine.gate(), in_flight?);
            let changes = request.changes();
            let work = move |connection: &mut sqlite::Connection| {
                at_once(maintenance::answer(&mut Inside(connection), &request))
            };
            if changes {
                gate.until_cut(engine.change_schema(in_flight, work)).await
            } else {
                gate.until_cut(engine.read_schema(in_flight, work)).await
            }
        })
    }

    fn backup(&self, path: &Path, overwrite: bool) -> Result<Arc<Backup>> {
        self.engine.backup(path, overwrite).map(Arc::new)
    }

    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        let (watch, call) = (self.watch.clone(), begin());
        Box::pin(async move {
            let in_flight = in_flight?;
            let watched = watch.over_own(&sql, Script::Sqlite);
            let work = engine.query(in_flight, sql, values, &call);
            let result = engine.gate().until_cut(work).await;
            watch.note_call(&watched, &call, &result);
            result
        })
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn connections(&self) -> Vec<Connections> {
        vec![self.engine.connections()]
    }

    fn version(&self) -> Pending<String> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let work = engine.version(in_flight?);
            engine.gate().until_cut(work).await
        })
    }

    fn alone(&self) -> Pending<Option<Box<dyn Alone>>> {
        let (engine, in_flight) = (self.engine.clone(), self.engine.gate().enter());
        Box::pin(async move {
            let _in_flight = in_flight?;
            alone::on_file(engine.location())
        })
    }

    fn close(&self, patience: Option<Duration>) -> Pending<Drained> {
        self.engine.gate().shut();
        let (engine, watch) = (self.engine.clone(), self.watch.clone());
        Box::pin(async move {
            let drained = engine.close(patience).await;
            watch.events.end();
            drained
        })
    }
}

/// Runs on this thread, if that cannot wait. A statement that took long is run elsewhere from then
/// on.
fn run_watched(
    watch: &Watch,
    plan: &Watched<Statement>,
    run: impl FnOnce(&Statement) -> Option<Result<Rows>>,
) -> Result<Option<Rows>> {
    let begun = Instant::now();
    let result = run(&plan.plan);
    let took = begun.elapsed();
    if took >= sqlite::WIDE {
        plan.plan.set_wide(true);
    }
    if let Some(result) = &result {
        watch.note(plan, took, Duration::ZERO, result);
    }
    result.transpose()
}

/// A call that may have to wait, from now on.
fn begin() -> Arc<Call> {
    Arc::new(Call::begin())
}

struct Transaction {
    engine: Arc<sqlite::Transaction>,
    database: Arc<Sqlite>,
    plans: Arc<Plans<Watched<Statement>>>,
    watch: Arc<Watch>,
}

impl super::Transaction for Transaction {
    fn run_now(&self, plan: PlanId, values: &[Value]) -> Result<Option<Rows>> {
        let plan = self.plans.get(plan)?;
        run_watched(&self.watch, &plan, |statement| {
            self.engine.run_now(statement, values)
        })
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (engine, database) = (self.engine.clone(), self.database.clone());
        let (plan, watch, call) = (self.plans.get(plan), self.watch.clone(), begin());
        Box::pin(async move {
            let plan = plan?;
            let work = pin!(engine.run(plan.plan.clone(), values, &call));
            let result = database.gate().until_cut(work).await;
            watch.note_call(&plan, &call, &result);
            result
        })
    }

    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer> {
        let (engine, database) = (self.engine.clone(), self.database.clone());
        let (watch, call) = (self.watch.clone(), begin());
        Box::pin(async move {
            let watched = watch.over_own(&sql, Script::Sqlite);
            let work = engine.query(sql, values, &call);
            let result = database.gate().until_cut(work).await;
            watch.note_call(&watched, &call, &result);
            result
        })
    }

    fn step_now(&self, step: Step) -> Result<bool> {
        match self.engine.step_now(step) {
            Some(result) => {
                self.watch.note_step(step, &result);
                result.map(|()| true)
            }
            None => Ok(false),
        }
    }

    fn step(&self, step: Step) -> Pending<()> {
        let (engine, database) = (self.engine.clone(), self.database.clone());
        let watch = self.watch.clone();
        Box::pin(async move {
            let result = database.gate().until_cut(engine.step(step)).await;
            watch.note_step(step, &result);
            result
        })
    }
}
