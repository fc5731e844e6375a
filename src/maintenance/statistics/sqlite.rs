//! SQLite: it counts its pages, and nothing of what it is asked.

use std::collections::HashMap;

use super::{IndexUse, Survey, Surveyed, TableSize, number};
use crate::error::{Code, Result};
use crate::schema::Site;
use crate::schema::sqlite::Inside;
use crate::sql::{self, Builder, Dialect};

/// Rows that ANALYZE looks at per index, so that writers do not wait for long.
const ANALYSED: &str = "PRAGMA analysis_limit = 1000";

impl Surveyed for Inside<'_> {
    async fn survey(&mut self, tables: &[&str], _slow: f64) -> Result<Survey> {
        const ABOUT: &str = "SELECT sqlite_version(), page_count * page_size \
            FROM pragma_page_count(), pragma_page_size()";
        const PAGES: &str = "SELECT lower(name), pgsize FROM dbstat WHERE aggregate = TRUE";
        let about = self.fetch(ABOUT, &[]).await?.pop().unwrap_or_default();
        let (pages, told) = match self.fetch(PAGES, &[]).await {
            Ok(pages) => (pages, Ok(())),
            Err(error) if error.code == Code::SchemaMismatch => {
                let why = "this SQLite was built without dbstat".to_owned();
                (Vec::new(), Err(why))
            }
            Err(error) => return Err(error),
        };
        let pages: HashMap<String, i64> = pages
            .into_iter()
            .filter_map(|row| Some((row.first()?.clone()?, number(row.get(1)?.as_ref()))))
            .collect();
        let size = |name: &str| pages.get(&name.to_lowercase()).copied();
        let analyzed = self.analyzed().await?;
        let (mut sizes, mut indexes) = (Vec::new(), Vec::new());
        for table in tables {
            let own = self.indexes(table).await?;
            let index_bytes = own.iter().map(|index| size(&index.index)).sum();
            sizes.push(TableSize {
                table: (*table).to_owned(),
                rows: self.rows(table).await?,
                bytes: size(table),
                index_bytes: told.is_ok().then_some(index_bytes).flatten(),
                analyzed: Some(analyzed.contains(&table.to_lowercase())),
                scans: 0,
            });
            indexes.extend(own.into_iter().map(|index| IndexUse {
                bytes: size(&index.index),
                ..index
            }));
        }
        let nothing = |what: &str| format!("SQLite does not count {what}");
        Ok(Survey {
            engine: "sqlite",
            version: about.first().cloned().flatten().unwrap_or_default(),
            since: None,
            bytes: about.get(1).map(|bytes| number(bytes.as_ref())),
            counted: true,
            tables: sizes,
            table_sizes: told.clone(),
            indexes,
            index_sizes: told,
            index_usage: Err(nothing("how often an index is used")),
            statements: Err(nothing("how long statements take")),
        })
    }

    async fn analyze(&mut self, tables: &[&str]) -> Result<()> {
        self.run(ANALYSED).await?;
        for table in tables {
            let mut sql = Builder::new(&sql::Sqlite);
            sql.sql("ANALYZE ").table(table);
            self.run(&sql.finish().0).await?;
        }
        self.run("PRAGMA optimize").await
    }

    async fn full_text(
        &mut self,
        _table: &str,
        name: &str,
        _columns: &[String],
    ) -> Result<Option<Vec<String>>> {
        const QUERY: &str = "SELECT name FROM sqlite_schema WHERE name = ? COLLATE NOCASE \
            AND sql LIKE 'CREATE VIRTUAL TABLE%fts5(id, words%'";
        let found = self.fetch(QUERY, &[name]).await?;
        Ok((!found.is_empty()).then(|| vec![name.to_owned()]))
    }
}

impl Inside<'_> {
    async fn rows(&mut self, table: &str) -> Result<i64> {
        let mut sql = Builder::new(&sql::Sqlite);
        sql.sql("SELECT COUNT(*) FROM ").table(table);
        let rows = self.fetch(&sql.finish().0, &[]).await?;
        Ok(number(rows.first().and_then(|row| row.first()?.as_ref())))
    }

    /// The tables, in lower case, that the planner has statistics of.
    async fn analyzed(&mut self) -> Result<Vec<String>> {
        const THERE: &str = "SELECT name FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        if self.fetch(THERE, &[]).await?.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.fetch("SELECT DISTINCT lower(tbl) FROM sqlite_stat1", &[]);
        Ok(rows.await?.into_iter().flatten().flatten().collect())
    }

    async fn indexes(&mut self, table: &str) -> Result<Vec<IndexUse>> {
        const LIST: &str = "SELECT name, \"unique\" FROM pragma_index_list(?) ORDER BY name";
        const COLUMNS: &str =
            "SELECT coalesce(name, '(an expression)') FROM pragma_index_info(?) ORDER BY seqno";
        let mut indexes = Vec::new();
        for row in self.fetch(LIST, &[sql::Sqlite.qualified(table).1]).await? {
            let name = row[0].clone().unwrap_or_default();
            let columns = self.fetch(COLUMNS, &[&name]).await?;
            indexes.push(IndexUse {
                table: table.to_owned(),
                columns: columns.into_iter().flatten().flatten().collect(),
                unique: row[1].as_deref() == Some("1"),
                index: name,
                ..IndexUse::default()
            });
        }
        Ok(indexes)
    }
}
