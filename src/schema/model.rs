//! The schema an application wants, derived from its Better Auth options.

use serde::Deserialize;

use crate::sql::Literal;
use crate::value::{IdKind, Kind};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    pub id: IdKind,
    /// Parents before their children where references allow it.
    pub tables: Vec<Table>,
    /// Whether indexes of tables that exist are made while others write to them, where the
    /// database can do that.
    #[serde(default)]
    pub concurrent_indexes: bool,
}

/// The name of every table's primary key.
pub const KEY: &str = "id";

impl Schema {
    /// The names of all tables that have to be known: also of those that are only referred to.
    pub fn table_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect();
        let columns = self.tables.iter().flat_map(|table| &table.columns);
        for reference in columns.filter_map(|column| column.references.as_ref()) {
            if !names.contains(&reference.table.as_str()) {
                names.push(&reference.table);
            }
        }
        names
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub name: String,
    /// All columns but the primary key `id`.
    pub columns: Vec<Column>,
    pub indexes: Vec<Index>,
    /// The column that the database itself sets to the moment of an update which does not.
    #[serde(default)]
    pub touched: Option<String>,
    #[serde(default)]
    pub search: Option<Search>,
}

/// An index of the words in columns of text.
#[derive(Debug, Deserialize)]
pub struct Search {
    pub name: String,
    pub columns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
    pub references: Option<Reference>,
    /// What existing rows get when the column is added.
    pub default: Option<Literal>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub table: String,
    pub column: String,
    pub on_delete: OnDelete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum OnDelete {
    #[serde(rename = "no action")]
    NoAction,
    #[serde(rename = "restrict")]
    Restrict,
    #[serde(rename = "cascade")]
    Cascade,
    #[serde(rename = "set null")]
    SetNull,
    #[serde(rename = "set default")]
    SetDefault,
}

impl OnDelete {
    pub fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub name: String,
    pub columns: Vec<String>,
    pub unique: bool,
    /// Whether texts are equal in it that differ in nothing but case; of one column then.
    #[serde(default)]
    pub folded: bool,
    /// Whether it is this package's advice, and not Better Auth's demand.
    #[serde(default)]
    pub recommended: bool,
}
