//! Migrations on servers: on a connection of their own, one process at a time.

use crate::engine::mysql::MySql;
use crate::engine::postgres::Postgres;
use crate::engine::server::Server;
use crate::error::Result;
use crate::schema::Schema;

pub async fn postgres(_server: &Server<Postgres>, _schema: &Schema, _apply: bool) -> Result<Vec<String>> {
    todo!()
}

// SCRATCH, not to be committed.
pub async fn mysql(server: &Server<MySql>, schema: &Schema, apply: bool) -> Result<Vec<String>> {
    use crate::engine::server::Driver;
    use crate::value::{IdKind, Kind};
    let driver = server.driver();
    let mut connection = server.connect().await?;
    let names: Vec<&str> = schema.tables.iter().map(|table| table.name.as_str()).collect();
    let known = driver.describe(&mut connection, &names).await.map_err(|f| f.error)?;
    let mut out = Vec::new();
    let mut later = Vec::new();
    for table in &schema.tables {
        let column = |column: &super::model::Column| {
            let indexed = table.indexes.iter().any(|i| i.columns.contains(&column.name));
            let ty = match (column.kind, schema.id) {
                (Kind::Id, IdKind::Serial) | (Kind::BigInt, _) => "bigint",
                (Kind::Id, _) => "varchar(255)",
                (Kind::String, _) if indexed || column.references.is_some() => "varchar(255)",
                (Kind::String, _) => "longtext",
                (Kind::Number, _) => "double",
                (Kind::Boolean, _) => "boolean",
                (Kind::Date, _) => "datetime(3)",
                _ => "json",
            };
            format!("`{}` {ty}{}", column.name.replace("`","``"), if column.required { " NOT NULL" } else { "" })
        };
        if let Some(have) = known.get(&table.name) {
            for c in &table.columns {
                if !have.contains_key(&c.name.to_lowercase()) {
                    out.push(format!("ALTER TABLE `{}` ADD COLUMN {}", table.name, column(c)));
                }
            }
            continue;
        }
        let id = match schema.id {
            IdKind::Text | IdKind::Uuid => "varchar(255) NOT NULL PRIMARY KEY",
            IdKind::Serial => "bigint NOT NULL PRIMARY KEY AUTO_INCREMENT",
            IdKind::Generated => "varchar(255) NOT NULL PRIMARY KEY DEFAULT (uuid())",
        };
        let columns: String = table.columns.iter().map(|c| format!(", {}", column(c))).collect();
        out.push(format!("CREATE TABLE `{}` (`id` {id}{columns}) CHARACTER SET utf8mb4 COLLATE {}", table.name, if MySql::facts(&connection).mariadb {"utf8mb4_nopad_bin"} else {"utf8mb4_0900_bin"}));
        for index in &table.indexes {
            let columns: Vec<String> = index.columns.iter().map(|c| format!("`{}`", c.replace("`","``"))).collect();
            out.push(format!("CREATE {} INDEX `{}` ON `{}` ({})", if index.unique { "UNIQUE" } else { "" }, index.name, table.name, columns.join(", ")));
        }
        for c in &table.columns {
            if let Some(r) = &c.references {
                later.push(format!("ALTER TABLE `{}` ADD FOREIGN KEY (`{}`) REFERENCES `{}` (`{}`) ON DELETE {}", table.name, c.name, r.table, r.column, r.on_delete.sql()));
            }
        }
    }
    out.extend(later);
    if apply {
        for sql in &out {
            driver.control(&mut connection, sql, sql).await.map_err(|f| f.error)?;
        }
    }
    MySql::disconnect(connection).await;
    Ok(out)
}
