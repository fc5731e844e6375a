//! What is missing in a database. Nothing is ever dropped, narrowed or changed: what the schema
//! does not know belongs to somebody else.

use std::borrow::Cow;
use std::collections::HashSet;

use super::existing::{Existing, ExistingIndex, ExistingTable};
use super::model::{Column, Index, KEY, Reference, Schema, Table};
use super::names::Names;
use super::steps::{ForeignKey, NewColumn, NewIndex, Step};
use crate::error::{Code, Error, Result};
use crate::sql::{ColumnUse, Dialect, Key, SearchIndex, touch_trigger};
use crate::value::{IdKind, Kind};

/// The steps from what exists to `schema`, in the order they have to be taken: tables and columns,
/// indexes, the foreign keys that have to find a table or an index there, triggers, and then what
/// no transaction takes.
pub fn diff<'s>(
    dialect: &'s dyn Dialect,
    schema: &'s Schema,
    existing: &'s Existing,
) -> Result<Vec<Step<'s>>> {
    let mut diff = Diff {
        dialect,
        schema,
        existing,
        names: Names::new(&existing.taken),
        there: existing.tables.keys().map(String::as_str).collect(),
        steps: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
    };
    let missing = existing.missing_schemas.iter();
    diff.steps
        .extend(missing.map(|schema| Step::CreateSchema(schema)));
    for table in &schema.tables {
        match existing.tables.get(&table.name) {
            None => diff.create(table),
            Some(present) if present.is_view => check_view(dialect, table, present)?,
            Some(present) => diff.extend(table, present),
        }
        if !existing
            .tables
            .get(&table.name)
            .is_some_and(|it| it.is_view)
        {
            diff.touch(table);
            diff.search(table);
        }
    }
    let mut steps = diff.steps;
    let alone = |step: &Step| {
        matches!(step, Step::DropBrokenIndex { .. })
            || matches!(step, Step::CreateIndex { index, .. } if index.concurrent)
    };
    let (mut last, mut indexes): (Vec<_>, Vec<_>) = diff.indexes.into_iter().partition(alone);
    steps.append(&mut indexes);
    steps.append(&mut diff.foreign_keys);
    steps.append(&mut diff.triggers);
    steps.append(&mut last);
    Ok(steps)
}

struct Diff<'s> {
    dialect: &'s dyn Dialect,
    schema: &'s Schema,
    existing: &'s Existing,
    names: Names,
    /// The tables that exist when the next step is taken.
    there: HashSet<&'s str>,
    steps: Vec<Step<'s>>,
    indexes: Vec<Step<'s>>,
    foreign_keys: Vec<Step<'s>>,
    triggers: Vec<Step<'s>>,
}

impl<'s> Diff<'s> {
    fn create(&mut self, table: &'s Table) {
        let columns = table.columns.iter();
        let columns = columns
            .map(|column| self.new_column(table, column))
            .collect();
        let with_table = self.dialect.indexes_with_table();
        let indexes = self.new_indexes(table, None).into_iter();
        let (indexes, later) = indexes.partition(|new| with_table && !new.index.folded);
        self.create_indexes(table, later);
        self.steps.push(Step::CreateTable {
            table,
            columns,
            indexes,
        });
        self.there.insert(&table.name);
    }

    fn extend(&mut self, table: &'s Table, present: &'s ExistingTable) {
        for column in &table.columns {
            let Some(found) = present.column(self.dialect, &column.name) else {
                let column = self.new_column(table, column);
                self.steps.push(Step::AddColumn { table, column });
                continue;
            };
            let Some(reference) = &column.references else {
                continue;
            };
            // One that refers elsewhere was made by somebody else, and with two no row would fit.
            if !present.is_foreign_key(self.dialect, &column.name)
                && self.can_refer(found.column_type.as_deref(), reference)
            {
                self.add_foreign_key(table, column, reference);
            }
        }
        let indexes = self.new_indexes(table, Some(present));
        self.create_indexes(table, indexes);
    }

    fn create_indexes(&mut self, table: &'s Table, indexes: Vec<NewIndex<'s>>) {
        for index in indexes {
            let broken = self.existing.broken_indexes.get(&index.name);
            if let Some(name) = broken.filter(|_| index.concurrent) {
                self.indexes.push(Step::DropBrokenIndex { table, name });
            }
            self.indexes.push(Step::CreateIndex { table, index });
        }
    }

    fn touch(&mut self, table: &'s Table) {
        let Some(column) = table.touched.as_deref() else {
            return;
        };
        let (_, bare) = self.dialect.qualified(&table.name);
        if self
            .existing
            .triggers
            .contains(&touch_trigger(bare, column))
        {
            return;
        }
        if self.dialect.triggers_call_functions() {
            self.triggers
                .push(Step::CreateTouchFunction { table, column });
        }
        self.triggers
            .push(Step::CreateTouchTrigger { table, column });
    }

    /// The index of words; by its name, because nobody else's does the same.
    fn search(&mut self, table: &'s Table) {
        let Some(search) = &table.search else {
            return;
        };
        if self.existing.taken.contains(&search.name) {
            return;
        }
        let has_rows = self.existing.tables.contains_key(&table.name);
        let parts = self.dialect.search_index(&SearchIndex {
            name: &search.name,
            table: &table.name,
            key: KEY,
            columns: &search.columns,
        });
        let parts = parts.into_iter().filter(|part| has_rows || !part.fills);
        self.triggers.extend(parts.map(|part| Step::CreateSearch {
            table,
            search,
            part,
        }));
    }

    fn new_column(&mut self, table: &'s Table, column: &'s Column) -> NewColumn<'s> {
        let column_type = self.column_type(table, column);
        let mut foreign_key = None;
        if let Some(reference) = &column.references
            && self.can_refer(Some(&column_type), reference)
        {
            if self.is_ready(table, reference) {
                foreign_key = Some(self.foreign_key(table, column, reference));
            } else {
                self.add_foreign_key(table, column, reference);
            }
        }
        NewColumn {
            column,
            column_type,
            foreign_key,
        }
    }

    /// Whether a foreign key can be made together with its column.
    fn is_ready(&self, table: &Table, reference: &Reference) -> bool {
        let parent = reference.table.as_str();
        // Another column than the key may get the index that it needs in a later step.
        !self.dialect.adds_foreign_keys()
            || (self.dialect.same_name(&reference.column, KEY)
                && (parent == table.name || self.there.contains(parent)))
    }

    fn add_foreign_key(&mut self, table: &'s Table, column: &'s Column, to: &'s Reference) {
        let key = self.foreign_key(table, column, to);
        self.foreign_keys.push(Step::AddForeignKey { table, key });
    }

    fn foreign_key(
        &mut self,
        table: &Table,
        column: &'s Column,
        reference: &'s Reference,
    ) -> ForeignKey<'s> {
        // A name is what statements know it by.
        let named = self.dialect.adds_foreign_keys();
        ForeignKey {
            name: named.then(|| self.names.foreign_key(&table.name, &column.name)),
            column,
            reference,
            makes_index: self.dialect.indexes_foreign_keys() && !self.is_indexed(table, column),
        }
    }

    /// Whether an index begins with the column, now or when foreign keys are added.
    fn is_indexed(&self, table: &Table, column: &Column) -> bool {
        let begins = |name: Option<&String>| {
            name.is_some_and(|name| self.dialect.same_name(name, &column.name))
        };
        let existing = self.existing.tables.get(&table.name);
        let mut existing = existing.into_iter().flat_map(|table| &table.indexes);
        let mut wanted = table.indexes.iter().filter(|index| !index.folded);
        existing.any(|index| begins(index.columns.first()))
            || wanted.any(|index| begins(index.columns.first()))
    }

    /// Whether a column of that type can refer to what it should. It may have been made by
    /// somebody else, or what it should refer to.
    fn can_refer(&self, from: Option<&str>, reference: &Reference) -> bool {
        if let Some(parent) = self.existing.tables.get(&reference.table)
            && parent.is_view
        {
            return false;
        }
        match (from, self.type_of(reference)) {
            (Some(from), Some(to)) => self.dialect.can_refer(from, &to),
            _ => true,
        }
    }

    /// The type of a column that is to be made: that of the column it refers to, or its own.
    fn column_type(&self, table: &'s Table, column: &'s Column) -> Cow<'s, str> {
        column
            .references
            .as_ref()
            .and_then(|reference| self.existing_type(reference))
            .map_or_else(|| self.own_type(table, column), Cow::Borrowed)
    }

    fn own_type(&self, table: &Table, column: &Column) -> Cow<'static, str> {
        self.dialect.column_type(ColumnUse {
            kind: column.kind,
            id: self.schema.id,
            key: self.widest_key(table, column),
        })
    }

    /// The type of what is referred to, now or afterwards.
    fn type_of(&self, reference: &'s Reference) -> Option<Cow<'s, str>> {
        if let Some(existing) = self.existing_type(reference) {
            return Some(existing.into());
        }
        let mut tables = self.schema.tables.iter();
        let table = tables.find(|table| table.name == reference.table)?;
        if self.dialect.same_name(&reference.column, KEY) {
            return Some(self.dialect.column_type(ColumnUse {
                kind: Kind::Id,
                id: self.schema.id,
                key: None,
            }));
        }
        let column = self.column_of(table, &reference.column)?;
        Some(self.own_type(table, column))
    }

    fn existing_type(&self, reference: &Reference) -> Option<&'s str> {
        let table = self.existing.tables.get(&reference.table)?;
        let column = table.column(self.dialect, &reference.column)?;
        column.column_type.as_deref()
    }

    /// The largest of the indexes that the column is part of.
    fn widest_key(&self, table: &Table, column: &Column) -> Option<Key> {
        let same = |name: &String| self.dialect.same_name(name, &column.name);
        let indexes = table.indexes.iter();
        indexes
            .filter(|index| index.columns.iter().any(same))
            .map(|index| self.key_of(table, index))
            .max_by_key(|key| (key.texts, key.others))
            .or_else(|| self.is_part_of_reference(table, column).then_some(ALONE))
    }

    fn is_part_of_reference(&self, table: &Table, column: &Column) -> bool {
        let mut columns = self.schema.tables.iter().flat_map(|table| &table.columns);
        column.references.is_some()
            || columns.any(|other| {
                other.references.as_ref().is_some_and(|to| {
                    to.table == table.name && self.dialect.same_name(&to.column, &column.name)
                })
            })
    }

    fn key_of(&self, table: &Table, index: &Index) -> Key {
        let is_text = |name: &&String| match self.column_of(table, name) {
            Some(column) if column.kind == Kind::String => true,
            Some(column) if column.kind != Kind::Id => false,
            _ => self.schema.id != IdKind::Serial,
        };
        let texts = index.columns.iter().filter(is_text).count();
        Key {
            texts,
            others: index.columns.len() - texts,
        }
    }

    fn column_of<'t>(&self, table: &'t Table, name: &str) -> Option<&'t Column> {
        let mut columns = table.columns.iter();
        columns.find(|column| self.dialect.same_name(&column.name, name))
    }

    /// The indexes that neither exist nor are asked for twice.
    fn new_indexes(
        &mut self,
        table: &'s Table,
        present: Option<&ExistingTable>,
    ) -> Vec<NewIndex<'s>> {
        let mut new: Vec<NewIndex> = Vec::new();
        for index in &table.indexes {
            let exists = present.is_some_and(|it| it.index_for(self.dialect, index).is_some());
            let planned = |other: &NewIndex| {
                let other = other.index;
                (other.unique, other.folded) == (index.unique, index.folded)
                    && other.columns == index.columns
            };
            if exists || new.iter().any(planned) {
                continue;
            }
            let concurrent = present.is_some()
                && self.schema.concurrent_indexes
                && self.dialect.makes_indexes_concurrently()
                && !index.folded;
            let name = if concurrent && self.existing.broken_indexes.contains(&index.name) {
                index.name.clone()
            } else {
                self.names.take(&index.name)
            };
            new.push(NewIndex {
                index,
                name,
                prefixes: self.prefixes(table, present, index),
                concurrent,
                replaces: present
                    .filter(|_| {
                        !new.iter()
                            .any(|other| self.begins_alike(other.index, index))
                    })
                    .and_then(|present| self.replaced(table, present, index)),
            });
        }
        new
    }

    fn begins_alike(&self, one: &Index, other: &Index) -> bool {
        match (one.columns.first(), other.columns.first()) {
            (Some(one), Some(other)) => self.dialect.same_name(one, other),
            _ => false,
        }
    }

    /// The index that the database drops by itself when this one is there: it made it for a
    /// foreign key, and calls it the same.
    fn replaced(&self, table: &Table, present: &ExistingTable, index: &Index) -> Option<String> {
        if !self.dialect.indexes_foreign_keys() || index.folded {
            return None;
        }
        let first = index.columns.first()?;
        let with_column = self.steps.iter().find_map(|step| match step {
            Step::AddColumn { table: of, column }
                if of.name == table.name && self.dialect.same_name(&column.column.name, first) =>
            {
                column.foreign_key.as_ref()?.name.clone()
            }
            _ => None,
        });
        if with_column.is_some() {
            return with_column;
        }
        let key = present.foreign_key(self.dialect, first)?;
        let own = |other: &&ExistingIndex| {
            other.name == key.name
                && !other.unique
                && matches!(&other.columns[..], [only] if self.dialect.same_name(only, &key.column))
        };
        present.indexes.iter().find(own).map(|own| own.name.clone())
    }

    fn prefixes(
        &self,
        table: &Table,
        present: Option<&ExistingTable>,
        index: &Index,
    ) -> Vec<Option<usize>> {
        let key = self.key_of(table, index);
        let columns = index.columns.iter();
        columns
            .map(|name| {
                let column = present?.column(self.dialect, name)?;
                self.dialect.key_prefix(column.characters?, key)
            })
            .collect()
    }
}

const ALONE: Key = Key {
    texts: 1,
    others: 0,
};

/// A view is the work of somebody who knows what it has to have.
fn check_view(dialect: &dyn Dialect, table: &Table, view: &ExistingTable) -> Result<()> {
    let mut columns = table.columns.iter();
    let Some(missing) = columns.find(|column| view.column(dialect, &column.name).is_none()) else {
        return Ok(());
    };
    let message = format!(
        "\"{}\" is a view and has no column \"{}\"; views are not changed",
        table.name, missing.name
    );
    Err(Error::new(Code::SchemaMismatch, message)
        .with_table(&table.name)
        .with_column(&missing.name))
}
