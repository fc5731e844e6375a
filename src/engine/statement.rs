//! Compiled statements: their text, the order of their parameters and how their rows decode; and
//! the programs that statements make up where one alone cannot answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Code, Error, Result};
use crate::value::{Kind, Value};

/// What one placeholder is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Index into the values of the call.
    pub slot: usize,
    pub kind: Kind,
    pub role: Role,
    /// The database's own number of the type it expects; 0 where the kind tells.
    pub native_type: u32,
}

/// What becomes of a value that the column's type cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is to be stored: an error.
    Stored,
    /// It is compared with: it equals nothing.
    Compared,
    /// As `Compared`; the value is a list.
    Listed,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    Scalar(Kind),
    /// A nested JSON array of rows with cells of these kinds.
    Rows(Vec<Kind>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// What a call gets of what the statement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    First,
    All,
    /// One cell: how many rows were changed.
    Changes,
}

/// The cells of all rows, row after row.
pub type Rows = Vec<Value>;

#[derive(Debug)]
pub struct Statement {
    /// The identity of the statement for every cache of prepared statements.
    pub sql: Arc<str>,
    pub parameters: Vec<Parameter>,
    pub columns: Vec<Column>,
    pub access: Access,
    pub keep: Keep,
    /// For messages: Better Auth's name of the operation, and its table.
    pub operation: &'static str,
    pub table: String,
    /// How many values a call has to pass.
    slots: usize,
    gives_way: bool,
    wide: AtomicBool,
}

impl Statement {
    pub fn new(
        sql: String,
        parameters: Vec<Parameter>,
        columns: Vec<Column>,
        access: Access,
        keep: Keep,
        operation: &'static str,
        table: &str,
    ) -> Self {
        let slots = parameters
            .iter()
            .map(|parameter| parameter.slot + 1)
            .max()
            .unwrap_or(0);
        Self {
            sql: sql.into(),
            parameters,
            columns,
            access,
            keep,
            operation,
            table: table.to_owned(),
            slots,
            gives_way: false,
            wide: AtomicBool::new(false),
        }
    }

    pub fn giving_way(mut self) -> Self {
        self.gives_way = true;
        self
    }

    /// Whether it is to be in the way of other writers as little as possible.
    pub fn gives_way(&self) -> bool {
        self.gives_way
    }

    /// Whether it took so long the last time that it must not run on a thread that serves others.
    pub fn is_wide(&self) -> bool {
        self.wide.load(Ordering::Relaxed)
    }

    pub fn set_wide(&self, wide: bool) {
        self.wide.store(wide, Ordering::Relaxed);
    }

    pub fn check_values(&self, values: &[Value]) -> Result<()> {
        if values.len() >= self.slots {
            return Ok(());
        }
        let message = format!(
            "{} takes {} values but got {}",
            self.operation,
            self.slots,
            values.len()
        );
        Err(Error::new(Code::Internal, message).with_table(&self.table))
    }
}

/// What answers one operation. Where a database returns what it writes, that is one statement.
#[derive(Debug)]
pub enum Program {
    One(Statement),
    /// Reads one row at most, by a key: others may stand in line behind it. `several` finds the
    /// rows of many keys, where they can be told apart: it takes a list of keys in the first slot,
    /// and the last cell of each row is its key.
    Lookup {
        one: Statement,
        several: Option<Arc<Statement>>,
    },
    /// The database counts the ids: `read` finds the row by the one it gave, which is passed in
    /// the slot after the values of the call.
    InsertThenRead {
        insert: Statement,
        read: Statement,
    },
    /// The database makes the ids of this table by an expression: it is asked for one first, which
    /// both statements then find in the slot after the values of the call.
    MakeIdThenInsert {
        make_id: Statement,
        insert: Statement,
        read: Statement,
    },
    /// `read` finds the row by values of the call.
    WriteThenRead {
        write: Statement,
        read: Statement,
    },
    /// In one transaction: `choose` locks a row and gives its cells, the last of which is its key;
    /// the statements after it find the key in the slot after the values of the call. Without
    /// `read`, the other cells chosen are the answer.
    ChooseThenWrite {
        choose: Statement,
        write: Statement,
        read: Option<Statement>,
    },
    /// In one transaction: `lock` gives the keys of rows that nobody else has locked; `delete`
    /// finds them, as a list, in the slot after the values of the call.
    LockThenDelete {
        lock: Statement,
        delete: Statement,
    },
}

impl Program {
    pub fn is_lookup(&self) -> bool {
        matches!(self, Self::Lookup { .. })
    }

    /// In the order they run.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        let listed: [Option<&Statement>; 3] = match self {
            Self::One(one) | Self::Lookup { one, .. } => [Some(one), None, None],
            Self::InsertThenRead { insert, read } => [Some(insert), Some(read), None],
            Self::MakeIdThenInsert {
                make_id,
                insert,
                read,
            } => [Some(make_id), Some(insert), Some(read)],
            Self::WriteThenRead { write, read } => [Some(write), Some(read), None],
            Self::ChooseThenWrite {
                choose,
                write,
                read,
            } => [Some(choose), Some(write), read.as_ref()],
            Self::LockThenDelete { lock, delete } => [Some(lock), Some(delete), None],
        };
        listed.into_iter().flatten()
    }
}
