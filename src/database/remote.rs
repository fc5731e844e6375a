//! A database on a server: everything waits for its answers, so nothing runs inline.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::plans::Plans;
use super::watch::{Watch, Watched};
use super::{Backup, Database, Pending, PlanId};
use crate::engine::mysql::MySql;
use crate::engine::own::{Answer, Cell};
use crate::engine::postgres::Postgres;
use crate::engine::server::{self, Driver, Isolation, Plan, Server, Tables};
use crate::engine::{Call, Connections, Drained, Program, Rows, Step};
use crate::error::{Code, Error, Result};
use crate::maintenance::alone::{self, Alone, Locks};
use crate::maintenance::{self, Surveys};
use crate::query::{self, Operation};
use crate::schema::servers;
use crate::schema::{Request, Session};
use crate::sql;
use crate::value::Value;

pub struct Remote<D: Driver> {
    server: Arc<Server<D>>,
    plans: Arc<Plans<Watched<Plan<D>>>>,
    watch: Arc<Watch>,
}

impl<D: Driver> Remote<D> {
    pub fn new(server: Server<D>, watch: Watch) -> Self {
        Self {
            server: Arc::new(server),
            plans: Arc::default(),
            watch: Arc::new(watch),
        }
    }
}

/// Joins an engine with the dialect it speaks.
pub trait Speaks: Driver {
    /// What copies a database of its kind.
    const BACKUP_TOOL: &'static str;
    /// The query that asks for the server's version.
    const VERSION: &str;

    fn compile(facts: &Self::Facts, tables: Tables<Self::Column>, operation: &Operation)
    -> Program;
}

impl Speaks for Postgres {
    const BACKUP_TOOL: &'static str = "pg_dump";
    const VERSION: &str = "SELECT current_setting('server_version')";

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
    const VERSION: &str = "SELECT CAST(VERSION() AS CHAR)";

    fn compile(
        facts: &Self::Facts,
        tables: Tables<Self::Column>,
        operation: &Operation,
    ) -> Program {
        let dialect = sql::MySql {
            mariadb: facts.mariadb,
            skips_locked: facts.skips_locked,
            tables,
        };
        query::compile(&dialect, operation)
    }
}

impl<D: Speaks + Surveys + Locks> Database for Remote<D> {
    fn runs_inline(&self) -> bool {
        false
    }

    fn prepare(&self, operation: Operation, name: &str, model: &str) -> Result<PlanId> {
        let tables = operation.tables();
        let (attempt, access) = (operation.name(), operation.access());
        let compile = move |facts: &D::Facts, tables| D::compile(facts, tables, &operation);
        let plan = Plan::new(attempt, access, tables, compile);
        Ok(self.plans.insert(self.watch.over(plan, name, model)))
    }

    fn release(&self, plan: PlanId) {
        self.plans.release(plan);
    }

    fn run_now(&self, _plan: PlanId, _values: &[Value]) -> Result<Option<Rows>> {
        Ok(None)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (in_flight, plan) = (self.server.gate().enter(), self.plans.get(plan));
        let (server, watch, call) = (self.server.clone(), self.watch.clone(), Call::begin());
        Box::pin(async move {
            let (in_flight, plan) = (in_flight?, plan?);
            let work = pin!(server.run(in_flight, &plan.plan, &values, &call));
            let result = server.gate().until_cut(work).await;
            watch.note_call(&plan, &call, &result);
            result
        })
    }

    fn begin(&self, isolation: Option<Isolation>) -> Result<Arc<dyn super::Transaction>> {
        let in_flight = self.server.gate().enter()?;
        let server = self.server.clone();
        Ok(Arc::new(Transaction {
            engine: server::Transaction::new(server.clone(), isolation, in_flight),
            server,
            plans: self.plans.clone(),
            watch: self.watch.clone(),
        }))
    }

    fn manage(&self, request: Request) -> Pending<String> {
        let in_flight = self.server.gate().enter();
        let server = self.server.clone();
        Box::pin(async move {
            let _in_flight = in_flight?;
            let work = servers::answer(&server, &request);
            let answer = server.gate().until_cut(work).await;
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
            let work = async {
                let mut session = Session::open(&server).await?;
                let answer = maintenance::answer(&mut session, &request).await;
                session.close().await;
                answer
            };
            server.gate().until_cut(work).await
        })
    }

    fn backup(&self, _path: &Path, _overwrite: bool) -> Result<Arc<Backup>> {
        let _in_flight = self.server.gate().enter()?;
        Err(Error::invalid_input(format!(
            "backup() copies SQLite databases; for this server use {}, as docs/backup.md shows",
            D::BACKUP_TOOL
        )))
    }

    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer> {
        let in_flight = self.server.gate().enter();
        let (server, watch, call) = (self.server.clone(), self.watch.clone(), Call::begin());
        Box::pin(async move {
            let in_flight = in_flight?;
            let watched = watch.over_own(&sql, D::SCRIPT);
            let work = pin!(server.query(in_flight, &sql, &values, &call));
            let result = server.gate().until_cut(work).await;
            watch.note_call(&watched, &call, &result);
            result
        })
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn connections(&self) -> Vec<Connections> {
        self.server.connections()
    }

    fn version(&self) -> Pending<String> {
        let (server, in_flight) = (self.server.clone(), self.server.gate().enter());
        Box::pin(async move {
            let work = server.ask(in_flight?, D::VERSION);
            let mut rows = server.gate().until_cut(work).await?;
            let version = rows.pop().and_then(|mut row| row.pop()).flatten();
            version.ok_or_else(|| Error::new(Code::Internal, "the server has no version"))
        })
    }

    fn alone(&self) -> Pending<Option<Box<dyn Alone>>> {
        let (server, in_flight) = (self.server.clone(), self.server.gate().enter());
        Box::pin(async move {
            let _in_flight = in_flight?;
            server.gate().until_cut(alone::on_server(&server)).await
        })
    }

    fn close(&self, patience: Option<Duration>) -> Pending<Drained> {
        self.server.gate().shut();
        let (server, watch) = (self.server.clone(), self.watch.clone());
        Box::pin(async move {
            let drained = server.close(patience).await;
            watch.events.end();
            Ok(drained)
        })
    }
}

struct Transaction<D: Driver> {
    engine: Arc<server::Transaction<D>>,
    server: Arc<Server<D>>,
    plans: Arc<Plans<Watched<Plan<D>>>>,
    watch: Arc<Watch>,
}

impl<D: Driver> super::Transaction for Transaction<D> {
    fn run_now(&self, _plan: PlanId, _values: &[Value]) -> Result<Option<Rows>> {
        Ok(None)
    }

    fn run(&self, plan: PlanId, values: Vec<Value>) -> Pending<Rows> {
        let (engine, server) = (self.engine.clone(), self.server.clone());
        let (plan, watch, call) = (self.plans.get(plan), self.watch.clone(), Call::begin());
        Box::pin(async move {
            let plan = plan?;
            let work = pin!(engine.run(&plan.plan, &values, &call));
            let result = server.gate().until_cut(work).await;
            watch.note_call(&plan, &call, &result);
            result
        })
    }

    fn query(&self, sql: Arc<str>, values: Arc<[Cell]>) -> Pending<Answer> {
        let (engine, server) = (self.engine.clone(), self.server.clone());
        let (watch, call) = (self.watch.clone(), Call::begin());
        Box::pin(async move {
            let watched = watch.over_own(&sql, D::SCRIPT);
            let work = pin!(engine.query(&sql, &values, &call));
            let result = server.gate().until_cut(work).await;
            watch.note_call(&watched, &call, &result);
            result
        })
    }

    fn step_now(&self, _step: Step) -> Result<bool> {
        Ok(false)
    }

    fn step(&self, step: Step) -> Pending<()> {
        let (engine, server, watch) =
            (self.engine.clone(), self.server.clone(), self.watch.clone());
        Box::pin(async move {
            let result = server.gate().until_cut(engine.step(step)).await;
            watch.note_step(step, &result);
            result
        })
    }
}
