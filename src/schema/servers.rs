//! Migrations on servers: on a connection of their own, one process at a time.

use crate::engine::mysql::MySql;
use crate::engine::postgres::Postgres;
use crate::engine::server::Server;
use crate::error::Result;
use crate::schema::Schema;

pub async fn postgres(_server: &Server<Postgres>, _schema: &Schema, _apply: bool) -> Result<Vec<String>> {
    todo!()
}

pub async fn mysql(_server: &Server<MySql>, _schema: &Schema, _apply: bool) -> Result<Vec<String>> {
    todo!()
}
