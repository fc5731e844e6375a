//! Assembles one statement: text, quoted names and bound values.

use super::dialect::Dialect;
use crate::engine::{Parameter, Role};
use crate::value::Kind;

/// A statement under construction.
pub struct Builder<'d> {
    pub dialect: &'d dyn Dialect,
    text: String,
    parameters: Vec<Parameter>,
}

impl<'d> Builder<'d> {
    pub fn new(dialect: &'d dyn Dialect) -> Self {
        Self {
            dialect,
            text: String::with_capacity(256),
            parameters: Vec::new(),
        }
    }

    /// Appends SQL written in this package. Names and values go through the other methods.
    pub fn sql(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a column or alias name.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.dialect.quote(name, &mut self.text);
        self
    }

    /// Appends a column name, qualified where `qualifier` is not empty.
    pub fn column(&mut self, qualifier: &str, name: &str) -> &mut Self {
        if !qualifier.is_empty() {
            self.name(qualifier).sql(".");
        }
        self.name(name)
    }

    /// Appends a table name; `schema.table` is qualified by its schema.
    pub fn table(&mut self, name: &str) -> &mut Self {
        match self.dialect.qualified(name) {
            (Some(schema), table) => self.name(schema).sql(".").name(table),
            (None, table) => self.name(table),
        }
    }

    /// Appends a placeholder for the call's value number `slot`, of the type the kind has.
    pub fn bind(&mut self, slot: usize, kind: Kind) -> &mut Self {
        self.bind_as(slot, kind, Role::Compared, 0)
    }

    /// Appends a placeholder for the call's value number `slot`, of a type of the database's.
    pub fn bind_as(&mut self, slot: usize, kind: Kind, role: Role, native_type: u32) -> &mut Self {
        let parameter = Parameter {
            slot,
            kind,
            role,
            native_type,
        };
        let known = self.parameters.iter().position(|bound| *bound == parameter);
        let number = match known.filter(|_| self.dialect.numbered_placeholders()) {
            Some(index) => index + 1,
            None => {
                self.parameters.push(parameter);
                self.parameters.len()
            }
        };
        self.dialect.placeholder(number, &mut self.text);
        self
    }

    /// Appends every item, `separator` between them.
    pub fn list<T>(
        &mut self,
        separator: &str,
        items: impl IntoIterator<Item = T>,
        mut append: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.sql(separator);
            }
            append(self, item);
        }
        self
    }

    pub fn finish(self) -> (String, Vec<Parameter>) {
        (self.text, self.parameters)
    }
}
