//! A database on a server: everything waits for its answers, so nothing runs inline.

use std::path::Path;
use std::sync::Arc;

use super::plans::Plans;
use super::{Backup, Database, Pending, PlanId};
use crate::engine::mysql::MySql;
use crate::engine::postgres::Postgres;
use crate::engine::server::{self, Driver, Isolation, Plan, Server, Tables};
use crate::engine::{Program, Rows, Step};
use crate::error::{Error, Result};
use crate::maintenance::{self, Surveys};
use crate::query::{self, Operation};
use crate::schema::servers;
use crate::schema::{Request, Session};
use crate::sql;
use crate::value::Value;

pub struct Remote<D: Driver> {
    server: Arc<Server<D>>,
    plans: Arc<Plans<Plan<D>>>,
}

impl<D: Driver> Remote<D> {
    pub fn new(server: Server<D>) -> Self {
        Self {
            server: Arc::new(server),
            plans: Arc::default(),
        }
    }
}

/// Joins an engine with the dialect it speaks.
pub trait Speaks: Driver {
    /// What copies a database of its kind.
    const BACKUP_TOOL: &'static str;

    fn compile(facts: &Self::Facts, tables: Tables<Self::Column>, operation: &Operation)
    -> Program;
}

impl Speaks for Postgres {
    const BACKUP_TOOL: &'static str = "pg_dump";

    fn compile(
        facts: &Self::Facts,
        tables: Tables<Self::Column>,
        operation: &Operation,
    ) -> Program {
        let dialect = sql::Postgres {
            schema: facts.schema.clone(),
            folding: facts.folding.clone(),
            tables,
        };
        query::compile(&dialect, operation)
    }
}

impl Speaks for MySql {
    const BACKUP_TOOL: &'static str = "mysqldump or mariadb-dump";

    fn compile(
        facts: &Self::Facts,
        tables: Tables<Self::Column>,
        operation: &Operation,
    ) -> Program {
        let dialect = sql::MySql {
            mariadb: facts.mariadb,
            tables,
        };
        query::compile(&dialect, operation)
    }
}

impl<D: Speaks + Surveys> Database for Remote<D> {
    fn runs_inline(&self) -> bool {
        false
    }

    fn prepare(&self, operation: Operation) -> Result<PlanId> {
        let tables = operation.tables();
        let (name, access) = (operation.name(), operation.access());
        let compile = move |facts: &D::Facts, tables| D::compile(facts, tables, &operation);
        Ok(self.plans.insert(Plan::new(name, access, tables, compile)))
    }

    fn release(&self, plan: PlanId) {
        self.plans.release(plan);
    }

    fn run_now(&self, _plan: PlanId, _values: &[Value]) -> Result<Option<Rows>> {
        Ok(None)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (in_flight, plan) = (self.server.gate().enter(), self.plans.get(plan));
        let server = self.server.clone();
        Box::pin(async move { server.run(in_flight?, &*plan?, &values).await })
    }

    fn begin(&self, isolation: Option<Isolation>) -> Result<Arc<dyn super::Transaction>> {
        let in_flight = self.server.gate().enter()?;
        let server = self.server.clone();
        Ok(Arc::new(Transaction {
            engine: Arc::new(server::Transaction::new(server, isolation, in_flight)),
            plans: self.plans.clone(),
        }))
    }

    fn manage(&self, request: Request) -> Pending<String> {
        let in_flight = self.server.gate().enter();
        let server = self.server.clone();
        Box::pin(async move {
            let _in_flight = in_flight?;
            let answer = servers::answer(&server, &request).await;
            if request.changes() {
                server.forget_tables();
            }
            answer
        })
    }

    fn maintain(&self, request: maintenance::Request) -> Pending<String> {
        let in_flight = self.server.gate().enter();
        let server = self.server.clone();
        Box::pin(async move {
            let _in_flight = in_flight?;
            let mut session = Session::open(&server).await?;
            let answer = maintenance::answer(&mut session, &request).await;
            session.close().await;
            answer
        })
    }

    fn backup(&self, _path: &Path, _overwrite: bool) -> Result<Arc<Backup>> {
        let _in_flight = self.server.gate().enter()?;
        Err(Error::invalid_input(format!(
            "backup() copies SQLite databases; for this server use {}, as docs/backup.md shows",
            D::BACKUP_TOOL
        )))
    }

    fn query(&self, sql: String, values: Vec<Value>) -> Pending<(Vec<String>, Rows)> {
        let in_flight = self.server.gate().enter();
        let server = self.server.clone();
        Box::pin(async move { server.query(in_flight?, &sql, &values).await })
    }

    fn close(&self) -> Pending<()> {
        self.server.gate().shut();
        let server = self.server.clone();
        Box::pin(async move { server.close().await })
    }
}

struct Transaction<D: Driver> {
    engine: Arc<server::Transaction<D>>,
    plans: Arc<Plans<Plan<D>>>,
}

impl<D: Driver> super::Transaction for Transaction<D> {
    fn run_now(&self, _plan: PlanId, _values: &[Value]) -> Result<Option<Rows>> {
        Ok(None)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (engine, plan) = (self.engine.clone(), self.plans.get(plan));
        Box::pin(async move { engine.run(&*plan?, &values).await })
    }

    fn step_now(&self, _step: Step) -> Result<bool> {
        Ok(false)
    }

    fn step(&self, step: Step) -> Pending<()> {
        let engine = self.engine.clone();
        Box::pin(async move { engine.step(step).await })
    }
}
