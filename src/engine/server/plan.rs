//! An operation whose program is written when a connection has told what its tables are like.

use std::sync::Arc;

use parking_lot::RwLock;

use super::driver::{Driver, Tables};
use crate::engine::{Access, Program};

type Compile<D> =
    dyn Fn(&<D as Driver>::Facts, Tables<<D as Driver>::Column>) -> Program + Send + Sync;

pub struct Plan<D: Driver> {
    /// Better Auth's name of it.
    pub operation: &'static str,
    pub access: Access,
    /// As the operation names them.
    pub tables: Vec<String>,
    compile: Box<Compile<D>>,
    /// With the state of knowledge it was written in.
    compiled: RwLock<Option<(u64, Arc<Program>)>>,
}

impl<D: Driver> Plan<D> {
    pub fn new(
        operation: &'static str,
        access: Access,
        tables: Vec<String>,
        compile: impl Fn(&D::Facts, Tables<D::Column>) -> Program + Send + Sync + 'static,
    ) -> Self {
        Self {
            operation,
            access,
            tables,
            compile: Box::new(compile),
            compiled: RwLock::default(),
        }
    }

    pub fn compiled(&self, knowledge: u64) -> Option<Arc<Program>> {
        let compiled = self.compiled.read();
        let (known, program) = compiled.as_ref()?;
        (*known == knowledge).then(|| program.clone())
    }

    /// The statements of the program; none before it is written.
    pub fn sql(&self) -> Option<String> {
        let compiled = self.compiled.read();
        let (_, program) = compiled.as_ref()?;
        let texts: Vec<&str> = program.statements().map(|it| &*it.sql).collect();
        Some(texts.join("; "))
    }

    /// Kept only where every table is known: one that is missing may come.
    pub fn compile(
        &self,
        facts: &D::Facts,
        tables: Tables<D::Column>,
        knowledge: u64,
    ) -> Arc<Program> {
        let complete = tables.len() == self.tables.len();
        let program = Arc::new((self.compile)(facts, tables));
        if complete {
            *self.compiled.write() = Some((knowledge, program.clone()));
        }
        program
    }
}
