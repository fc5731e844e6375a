//! MySQL and MariaDB, over sqlx's connections.

use super::server::{Address, Config, Driver, Executed, Failure, Isolation, Tables};
use super::Statement;
use crate::value::Value;

pub struct MySql {
    name: String,
}

pub struct Connection {
    facts: Facts,
}

/// What statements depend on besides the tables.
pub struct Facts {
    pub mariadb: bool,
}

impl MySql {
    pub fn new(address: &Address, _config: &Config) -> Self {
        Self {
            name: address.name("MySQL"),
        }
    }
}

impl Driver for MySql {
    type Connection = Connection;
    type Column = crate::sql::mysql::ColumnType;
    type Facts = Facts;

    const FAILURES_SPREAD: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        todo!()
    }

    async fn disconnect(_connection: Connection) {}

    fn facts(connection: &Connection) -> &Facts {
        &connection.facts
    }

    async fn describe(
        &self,
        _connection: &mut Connection,
        _tables: &[&str],
    ) -> Result<Tables<Self::Column>, Failure> {
        todo!()
    }

    async fn execute(
        &self,
        _connection: &mut Connection,
        _statement: &Statement,
        _values: &[Value],
    ) -> Result<Executed, Failure> {
        todo!()
    }

    async fn control(
        &self,
        _connection: &mut Connection,
        _sql: &str,
        _attempt: &str,
    ) -> Result<(), Failure> {
        todo!()
    }

    fn begin(&self, _isolation: Option<Isolation>) -> String {
        todo!()
    }
}
