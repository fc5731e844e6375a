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
}

#[derive(Debug, Default)]
pub struct ExistingTable {
    /// It has columns and nothing else, and gets nothing.
    pub is_view: bool,
    pub columns: Vec<ExistingColumn>,
    /// Those that hold for all rows; the others serve nobody here.
    pub indexes: Vec<ExistingIndex>,
    /// Columns that refer to any table.
    pub references: Vec<String>,
}

#[derive(Debug, Default)]
pub struct ExistingColumn {
    pub name: String,
    /// All that a column has to be defined with to be of the same type; none where a column of any
    /// type can refer to it.
    pub column_type: Option<String>,
    /// How many a text has room for, where indexes do not take texts of any length.
    pub characters: Option<u64>,
}

#[derive(Debug)]
pub struct ExistingIndex {
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
        let mut references = self.references.iter();
        references.any(|from| dialect.same_name(from, column))
    }
}

impl ExistingIndex {
    /// Whether it does what `wanted` is for, whatever its name.
    pub fn serves(&self, dialect: &dyn Dialect, wanted: &Index) -> bool {
        let mut pairs = self.columns.iter().zip(&wanted.columns);
        let same_columns = pairs.all(|(one, other)| dialect.same_name(one, other));
        if !same_columns || self.columns.len() < wanted.columns.len() {
            return false;
        }
        !wanted.unique || (self.unique && self.columns.len() == wanted.columns.len())
    }
}
