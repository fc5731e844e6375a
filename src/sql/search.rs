//! Indexes of the words in columns of text, and how they are asked: nothing about them is alike
//! anywhere.
//!
//! Such an index only ever narrows down what is then compared letter by letter, so what it takes
//! for a word decides what is found quickly, and never what is found wrongly.

use super::{Builder, MySql, Postgres, Sqlite};
use crate::sql::Dialect;

/// What a statement says that takes away nothing but copies of what is elsewhere.
pub const COPIES: &str = "/* holds copies only */";

pub struct SearchIndex<'s> {
    pub name: &'s str,
    pub table: &'s str,
    pub key: &'s str,
    pub columns: &'s [String],
}

/// One of the statements that such an index takes.
#[derive(Debug)]
pub struct SearchPart {
    pub what: &'static str,
    pub up: String,
    /// None where what is undone after it takes it away.
    pub down: Option<String>,
    /// Whether it makes the index, which the others keep.
    pub is_first: bool,
    /// Whether it is for rows that exist.
    pub fills: bool,
}

fn made(up: String, down: String) -> SearchPart {
    SearchPart {
        what: "the index of words",
        up,
        down: Some(down),
        is_first: true,
        fills: false,
    }
}

/// Where PostgreSQL's parser would see a part of an address, of a path, of a number or of a tag.
const JOINTS: &str = "@.+-_/:<>&=?#%~";

impl Postgres {
    pub(super) fn made_search_index(&self, index: &SearchIndex) -> Vec<SearchPart> {
        let mut up = Builder::new(self);
        up.sql("CREATE INDEX ").name(index.name).sql(" ON ");
        up.table(index.table).sql(" USING gin (");
        self.words(&mut up, index.columns);
        up.sql(")");
        let mut down = Builder::new(self);
        down.sql("DROP INDEX ");
        self.dropped_index(&mut down, index.table, index.name);
        vec![made(up.finish().0, down.finish().0)]
    }

    /// The planner uses the index for the very same expression.
    pub(super) fn words(&self, sql: &mut Builder, columns: &[String]) {
        sql.sql("to_tsvector('simple', translate(");
        sql.list(" || ' ' || ", columns, |sql, column| {
            sql.sql("coalesce(CAST(").name(column).sql(" AS text), '')");
        });
        let spaces = " ".repeat(JOINTS.len());
        sql.sql(&format!(", '{JOINTS}', '{spaces}'))"));
    }
}

impl MySql {
    /// A column of its own, because the columns themselves tell upper case from lower.
    pub(super) fn made_search_index(&self, index: &SearchIndex) -> Vec<SearchPart> {
        let (collation, invisible) = if self.mariadb {
            ("utf8mb4_unicode_520_ci", " INVISIBLE")
        } else {
            ("utf8mb4_0900_ai_ci", " /*!80023 INVISIBLE */")
        };
        let mut up = Builder::new(self);
        up.sql("ALTER TABLE ").table(index.table);
        up.sql(" ADD COLUMN ").name(index.name);
        up.sql(" longtext CHARACTER SET utf8mb4 COLLATE ")
            .sql(collation);
        // To the server's parser, both are letters.
        up.sql(" GENERATED ALWAYS AS (REPLACE(REPLACE(CONCAT_WS(' ', ");
        up.list(", ", index.columns, |sql, column| {
            sql.name(column);
        });
        up.sql("), '_', ' '), '''', ' ')) STORED").sql(invisible);
        up.sql(", ADD FULLTEXT INDEX ").name(index.name);
        up.sql(" (").name(index.name).sql(")");
        let mut down = Builder::new(self);
        down.sql("ALTER TABLE ").table(index.table);
        down.sql(" DROP INDEX ").name(index.name);
        down.sql(", DROP COLUMN ")
            .sql(COPIES)
            .sql(" ")
            .name(index.name);
        vec![made(up.finish().0, down.finish().0)]
    }
}

impl Sqlite {
    /// A table of the words, by the row's key: VACUUM gives rows other numbers. The key is among
    /// the words, because a table of words has no other index.
    pub(super) fn made_search_index(&self, index: &SearchIndex) -> Vec<SearchPart> {
        let statement = |write: &dyn Fn(&mut Builder)| {
            let mut sql = Builder::new(self);
            write(&mut sql);
            sql.finish().0
        };
        let words = |sql: &mut Builder, row: &str| {
            sql.list(" || ' ' || ", index.columns, |sql, column| {
                sql.sql("coalesce(").sql(row).name(column).sql(", '')");
            });
        };
        let insert = |sql: &mut Builder| {
            sql.sql("INSERT INTO ")
                .name(index.name)
                .sql(" (id, words) VALUES (NEW.");
            sql.name(index.key).sql(", ");
            words(sql, "NEW.");
            sql.sql(");");
        };
        // `=` is MATCH, which a trigger may only say where the schema is trusted.
        let delete = |sql: &mut Builder| {
            sql.sql("DELETE FROM ")
                .name(index.name)
                .sql(" WHERE rowid IN (SELECT rowid FROM ");
            sql.name(index.name).sql(" WHERE ").name(index.name);
            sql.sql(" = 'id : \"' || replace(OLD.").name(index.key);
            sql.sql(", '\"', '\"\"') || '\"' AND id = OLD.")
                .name(index.key)
                .sql(");");
        };
        let trigger = |event: &str, columns: &[String], body: &dyn Fn(&mut Builder)| {
            let name = format!("{}_{event}", index.name);
            let up = statement(&|sql| {
                sql.sql("CREATE TRIGGER ").name(&name).sql(" AFTER ");
                sql.sql(&event.to_uppercase());
                if !columns.is_empty() {
                    sql.sql(" OF ").name(index.key).sql(", ");
                    sql.list(", ", columns, |sql, column| {
                        sql.name(column);
                    });
                }
                sql.sql(" ON ").table(index.table).sql(" BEGIN ");
                body(sql);
                sql.sql(" END");
            });
            let down = statement(&|sql| {
                sql.sql("DROP TRIGGER ").name(&name);
            });
            SearchPart {
                what: "the trigger that keeps the index of words",
                up,
                down: Some(down),
                is_first: false,
                fills: false,
            }
        };
        let create = statement(&|sql| {
            sql.sql("CREATE VIRTUAL TABLE ").name(index.name);
            sql.sql(" USING fts5(id, words, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 0')");
        });
        let drop = statement(&|sql| {
            sql.sql("DROP TABLE ").sql(COPIES).sql(" ").name(index.name);
        });
        let fill = statement(&|sql| {
            sql.sql("INSERT INTO ")
                .name(index.name)
                .sql(" (id, words) SELECT ");
            sql.name(index.key).sql(", ");
            words(sql, "");
            sql.sql(" FROM ").table(index.table);
        });
        vec![
            made(create, drop),
            SearchPart {
                what: "the content of the index of words",
                up: fill,
                down: None,
                is_first: false,
                fills: true,
            },
            trigger("insert", &[], &insert),
            trigger("delete", &[], &delete),
            trigger("update", index.columns, &|sql| {
                delete(sql);
                sql.sql(" ");
                insert(sql);
            }),
        ]
    }
}
