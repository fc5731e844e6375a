//! What a database holds, as far as steps depend on it.

use std::collections::{HashMap, HashSet};

use super::model::Index;
use crate::sql::Dialect;

#[derive(Debug, Default)]
pub struct Existing {
    /// By the names that the schema has for them.
    pub tables: HashMap<String, ExistingTable>,
    /// Schemas that tables are to be in, and that do not exist.
    pub missing_schemas: Vec<String>,
    /// The names that a new index or a new foreign key may not have.
    pub taken: HashSet<String>,
    /// Indexes that are there and do not hold, because making them was interrupted.
    pub broken_indexes: HashSet<String>,
    pub triggers: HashSet<String>,
}

#[derive(Debug, Default)]
pub struct ExistingTable {
    /// It has columns and nothing else, and gets nothing.
    pub is_view: bool,
    pub columns: Vec<ExistingColumn>,
    /// Those that hold for all rows; the others serve nobody here.
    pub indexes: Vec<ExistingIndex>,
    pub foreign_keys: Vec<ExistingForeignKey>,
}

#[derive(Debug, Default)]
pub struct ExistingColumn {
    pub name: String,
    /// All that a column has to be defined with to be of the same type; none where a column of any
    /// type can refer to it.
    pub column_type: Option<String>,
    /// How many a text has room for, where indexes do not take texts of any length.
    pub characters: Option<u64>,
    /// The type alone, in lower case.
    pub data_type: String,
    pub nullable: bool,
    /// Whether a row that sets nothing gets a value.
    pub has_default: bool,
    /// Whether it changes when other columns of its row do.
    pub updates_itself: bool,
    /// Whether its own comparison takes texts for equal that differ in case.
    pub ignores_case: bool,
}

#[derive(Debug)]
pub struct ExistingForeignKey {
    /// Empty where it has none.
    pub name: String,
    pub column: String,
    /// None where the database does not tell.
    pub cascades: Option<bool>,
}

#[derive(Debug)]
pub struct ExistingIndex {
    pub name: String,
    /// In index order; empty names stand for expressions.
    pub columns: Vec<String>,
    pub unique: bool,
}

impl ExistingTable {
    pub fn column(&self, dialect: &dyn Dialect, name: &str) -> Option<&ExistingColumn> {
        let mut columns = self.columns.iter();
        columns.find(|column| dialect.same_name(&column.name, name))
    }

    pub fn is_foreign_key(&self, dialect: &dyn Dialect, column: &str) -> bool {
        self.foreign_key(dialect, column).is_some()
    }

    pub fn foreign_key(&self, dialect: &dyn Dialect, column: &str) -> Option<&ExistingForeignKey> {
        let mut keys = self.foreign_keys.iter();
        keys.find(|key| dialect.same_name(&key.column, column))
    }

    /// The index that does what `wanted` is for.
    pub fn index_for(&self, dialect: &dyn Dialect, wanted: &Index) -> Option<&ExistingIndex> {
        let mut indexes = self.indexes.iter();
        indexes.find(|index| index.serves(dialect, self, wanted))
    }
}

impl ExistingIndex {
    /// Whether it does what `wanted` is for, whatever its name.
    fn serves(&self, dialect: &dyn Dialect, table: &ExistingTable, wanted: &Index) -> bool {
        if wanted.folded && self.name == wanted.name {
            return true;
        }
        let mut pairs = self.columns.iter().zip(&wanted.columns);
        let same_columns = pairs.all(|(one, other)| dialect.same_name(one, other));
        if !same_columns || self.columns.len() < wanted.columns.len() {
            return false;
        }
        let folds = |name: &String| {
            table
                .column(dialect, name)
                .is_some_and(|it| it.ignores_case)
        };
        if wanted.folded && !wanted.columns.iter().all(folds) {
            return false;
        }
        !wanted.unique || (self.unique && self.columns.len() == wanted.columns.len())
    }
}
