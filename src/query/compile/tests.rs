//! What shapes compile to: pinned for representative ones, and for random ones the properties
//! that keep applications safe.

use std::collections::BTreeSet;

use rusqlite::functions::FunctionFlags;
use serde_json::{Value as Json, json};

use super::*;
use crate::engine::sqlite::FOLD;
use crate::sql::Sqlite;

fn compiled(shape: Json) -> Statement {
    let operation: Operation = serde_json::from_value(shape).expect("a shape");
    match compile(&Sqlite, &operation) {
        Program::One(statement) => statement,
        program => panic!("SQLite answers with one statement, not {program:?}"),
    }
}

fn field(column: &str, kind: &str) -> Json {
    json!({ "column": column, "kind": kind })
}

fn clause(column: &str, kind: &str, operator: &str) -> Json {
    json!({ "column": column, "kind": kind, "operator": operator })
}

fn is(column: &str) -> Json {
    clause(column, "string", "eq")
}

/// Compares SQL regardless of how it is laid out in this file.
#[track_caller]
fn assert_sql(shape: Json, expected: &str) {
    let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(&*compiled(shape).sql, expected);
}

#[test]
fn a_row_is_found_by_its_indexed_value_letter_for_letter() {
    assert_sql(
        json!({
            "operation": "findOne", "table": "user", "joins": [],
            "columns": [field("email", "string"), field("id", "id")],
            "filter": [is("email")],
        }),
        r#"SELECT "email", "id" FROM "user"
           WHERE ("email" = ?1 AND "email" COLLATE BINARY = ?1) LIMIT 1"#,
    );
}

#[test]
fn rows_are_filtered_sorted_and_cut() {
    let or = |mut clause: Json| {
        clause["or"] = json!(true);
        clause
    };
    assert_sql(
        json!({
            "operation": "findMany", "table": "auth.user", "joins": [],
            "columns": [field("id", "id")],
            "filter": [
                or(clause("age", "number", "lt")),
                clause("createdAt", "date", "gte"),
                or(clause("age", "number", "in")),
            ],
            "sort": { "column": "createdAt", "descending": true },
            "limit": true, "offset": true,
        }),
        r#"SELECT "id" FROM "auth"."user"
           WHERE "createdAt" >= ?1
           AND ("age" < ?2 OR "age" IN (SELECT value FROM rarray(?3)))
           ORDER BY "createdAt" DESC LIMIT ?4 OFFSET ?5"#,
    );
}

#[test]
fn joins_are_one_statement_in_which_no_list_multiplies_another() {
    let join = |table: &str, from: &str, to: &str, by_key: bool, columns: [Json; 2]| json!({ "table": table, "from": from, "to": to, "byKey": by_key, "columns": columns });
    assert_sql(
        json!({
            "operation": "findOne", "table": "session",
            "columns": [field("token", "string")],
            "filter": [is("token")],
            "joins": [
                join("user", "userId", "id", true, [field("name", "string"), field("id", "id")]),
                join("badge", "userId", "owner", false, [field("weight", "number"), field("id", "id")]),
            ],
        }),
        r#"SELECT "base"."token", "join0"."name", "join0"."id",
           (SELECT json_group_array(json_array(CASE typeof("join1"."weight")
              WHEN 'real' THEN printf('%!.17g', "join1"."weight") ELSE "join1"."weight" END,
              "join1"."id"))
            FROM (SELECT "weight", "id" FROM "badge" AS "join1"
              WHERE "join1"."owner" = "base"."userId" LIMIT ?1) AS "join1")
           FROM "session" AS "base" LEFT JOIN "user" AS "join0" ON "join0"."id" = "base"."userId"
           WHERE ("base"."token" = ?2 AND "base"."token" COLLATE BINARY = ?2) LIMIT 1"#,
    );
}

#[test]
fn writes_are_one_statement_and_return_what_they_wrote() {
    let columns = [field("name", "string"), field("id", "id")];
    assert_sql(
        json!({
            "operation": "create", "table": "user", "key": "id",
            "set": columns, "returning": columns,
        }),
        r#"INSERT INTO "user" ("name", "id") VALUES (?1, ?2) RETURNING "name", "id""#,
    );
    assert_sql(
        json!({
            "operation": "create", "table": "user", "key": "id",
            "set": [], "returning": [columns[1]],
        }),
        r#"INSERT INTO "user" DEFAULT VALUES RETURNING "id""#,
    );
    assert_sql(
        json!({
            "operation": "update", "table": "user", "key": "id",
            "set": [field("age", "number")], "filter": [is("id")], "returning": columns,
        }),
        r#"UPDATE "user" SET "age" = ?1
           WHERE ("id" = ?2 AND "id" COLLATE BINARY = ?2) RETURNING "name", "id""#,
    );
    assert_sql(
        json!({ "operation": "updateMany", "table": "user", "set": [field("age", "number")], "filter": [] }),
        r#"UPDATE "user" SET "age" = ?1"#,
    );
    assert_sql(
        json!({ "operation": "delete", "table": "user", "filter": [clause("age", "number", "gt")] }),
        r#"DELETE FROM "user" WHERE "age" > ?1"#,
    );
    assert_sql(
        json!({ "operation": "count", "table": "user", "filter": [] }),
        r#"SELECT COUNT(*) FROM "user""#,
    );
}

#[test]
fn claiming_a_row_selects_and_writes_in_one_statement() {
    let columns = [field("id", "id")];
    assert_sql(
        json!({
            "operation": "consumeOne", "table": "verification", "key": "id",
            "filter": [clause("expiresAt", "date", "gt")], "returning": columns,
        }),
        r#"DELETE FROM "verification" WHERE "id" =
           (SELECT "id" FROM "verification" WHERE "expiresAt" > ?1 LIMIT 1) RETURNING "id""#,
    );
    assert_sql(
        json!({
            "operation": "incrementOne", "table": "rateLimit", "key": "id",
            "increment": [field("count", "number")], "set": [field("lastRequest", "bigInt")],
            "filter": [clause("count", "number", "lt")], "returning": columns,
        }),
        r#"UPDATE "rateLimit" SET "count" = COALESCE("count", 0) + ?1, "lastRequest" = ?2
           WHERE "id" = (SELECT "id" FROM "rateLimit" WHERE "count" < ?3 LIMIT 1) RETURNING "id""#,
    );
}

/// What a statement consists of besides quoted names and placeholders.
const VOCABULARY: &str = "SELECT FROM WHERE AND OR AS LEFT JOIN ON ORDER BY ASC DESC LIMIT OFFSET \
    INSERT INTO VALUES DEFAULT UPDATE SET DELETE RETURNING COUNT COALESCE COLLATE BINARY IN NOT IS \
    NULL CASE WHEN THEN ELSE END CAST BLOB value rarray instr substr length typeof printf json_array \
    json_group_array better_auth_fold 0 1";

const NAMES: [&str; 16] = [
    "name",
    "\"",
    "\"\"",
    "a\"; DROP TABLE user; --",
    "'",
    "''--",
    "?1",
    ":a",
    "select",
    "Ä 漢 😀",
    "",
    "a b",
    "*/",
    "back\\slash",
    "[x]",
    "`tick`",
];

#[test]
fn whatever_the_names_they_are_quoted_and_sqlite_accepts_the_statement() {
    let vocabulary: BTreeSet<&str> = VOCABULARY.split_whitespace().collect();
    let mut random = Random(2026);
    for round in 0..2_000 {
        let tables = random.names(3);
        let columns = random.names(6);
        let (shape, slots) = random.shape(&tables, &columns);
        let statement = compiled(shape.clone());
        let (names, rest) = split_names(&statement.sql);

        let known: BTreeSet<&str> = (tables.iter().chain(&columns).map(String::as_str))
            .chain(["base", "join0", "join1"])
            .collect();
        for name in &names {
            assert!(known.contains(name.as_str()), "{round}: {name} in {shape}");
        }
        let rest = rest.replace("'real'", "").replace("'%!.17g'", "");
        let word = |character: char| character.is_alphanumeric() || "_?".contains(character);
        for part in rest
            .split(|character| !word(character))
            .filter(|part| !part.is_empty())
        {
            let placeholder = part
                .strip_prefix('?')
                .is_some_and(|number| number.parse::<u8>().is_ok());
            assert!(
                placeholder || vocabulary.contains(part),
                "{round}: {part} in {}",
                statement.sql
            );
        }
        assert!(
            !rest.contains(['\'', ';', '\\', '`', '[', ':']),
            "{round}: {}",
            statement.sql
        );
        assert!(
            !rest.contains("--") && !rest.contains("/*"),
            "{round}: {}",
            statement.sql
        );

        let bound: BTreeSet<usize> = statement
            .parameters
            .iter()
            .map(|bound| bound.slot)
            .collect();
        assert_eq!(bound, slots, "{round}: {shape}");

        let database = database(&tables, &columns);
        if let Err(error) = database.prepare(&statement.sql) {
            panic!("{round}: {error} in {}", statement.sql);
        }
    }
}

/// The quoted names of a statement, unquoted, and everything else.
fn split_names(sql: &str) -> (Vec<String>, String) {
    let (mut names, mut rest) = (Vec::new(), String::new());
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '"' {
            rest.push(character);
            continue;
        }
        let mut name = String::new();
        loop {
            match characters.next().expect("a closing quote") {
                '"' if characters.next_if_eq(&'"').is_some() => name.push('"'),
                '"' => break,
                other => name.push(other),
            }
        }
        names.push(name);
        rest.push(' ');
    }
    (names, rest)
}

/// An empty database with these tables, each with these columns.
fn database(tables: &[String], columns: &[String]) -> rusqlite::Connection {
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let list = columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for table in tables {
        let sql = format!("CREATE TABLE {} ({list})", quoted(table));
        connection.execute_batch(&sql).unwrap();
    }
    rusqlite::vtab::array::load_module(&connection).unwrap();
    connection
        .create_scalar_function(FOLD, 1, FunctionFlags::SQLITE_UTF8, |_| Ok(0))
        .unwrap();
    connection
}

/// A small generator (xorshift), so that a failing round is the same one every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<'a>(&mut self, items: &'a [impl AsRef<str>]) -> &'a str {
        items[self.below(items.len())].as_ref()
    }

    /// Different names, some of them made of several.
    fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = BTreeSet::new();
        while names.len() < count {
            let mut name = self.pick(&NAMES).to_owned();
            if self.flip() {
                name.push_str(self.pick(&NAMES));
            }
            // An empty name is none, and a dot separates a schema.
            if !name.is_empty() {
                names.insert(name);
            }
        }
        names.into_iter().collect()
    }

    fn field(&mut self, columns: &[String]) -> Json {
        let kinds = [
            "id",
            "string",
            "number",
            "bigInt",
            "boolean",
            "date",
            "json",
            "stringList",
        ];
        field(self.pick(columns), self.pick(&kinds))
    }

    fn fields(&mut self, columns: &[String]) -> Vec<Json> {
        (0..=self.below(3)).map(|_| self.field(columns)).collect()
    }

    fn clauses(&mut self, columns: &[String]) -> Vec<Json> {
        let operators = [
            "eq",
            "ne",
            "lt",
            "lte",
            "gt",
            "gte",
            "in",
            "not_in",
            "contains",
            "starts_with",
            "ends_with",
        ];
        (0..self.below(4))
            .map(|_| {
                let mut clause = self.field(columns);
                clause["operator"] = json!(self.pick(&operators));
                clause["or"] = json!(self.flip());
                clause["insensitive"] = json!(self.flip());
                clause
            })
            .collect()
    }

    /// A shape, and the values of a call that its statement has to bind.
    fn shape(&mut self, tables: &[String], columns: &[String]) -> (Json, BTreeSet<usize>) {
        let operations = [
            "count",
            "delete",
            "create",
            "update",
            "updateMany",
            "consumeOne",
            "incrementOne",
            "findOne",
            "findMany",
        ];
        let operation = self.pick(&operations);
        let mut shape = json!({ "operation": operation, "table": self.pick(tables) });
        if operation.starts_with("find") {
            return self.select(shape, tables, columns);
        }
        let mut slots = 0;
        let mut add = |part: &str, items: Vec<Json>| {
            slots += items.len();
            shape[part] = json!(items);
        };
        if operation == "incrementOne" {
            add("increment", self.fields(columns));
        }
        if ["create", "update", "updateMany", "incrementOne"].contains(&operation) {
            add("set", self.fields(columns));
        }
        if operation != "create" {
            add("filter", self.clauses(columns));
        }
        if ["create", "update", "consumeOne", "incrementOne"].contains(&operation) {
            shape["key"] = json!(self.pick(columns));
        }
        if ["create", "update", "consumeOne", "incrementOne"].contains(&operation) {
            shape["returning"] = json!(self.fields(columns));
        }
        (shape, (0..slots).collect())
    }

    fn select(
        &mut self,
        mut shape: Json,
        tables: &[String],
        columns: &[String],
    ) -> (Json, BTreeSet<usize>) {
        let filter = self.clauses(columns);
        let mut slots: BTreeSet<usize> = (0..filter.len()).collect();
        let joins: Vec<Json> = (0..self.below(3))
            .map(|_| {
                json!({
                    "table": self.pick(tables),
                    "from": self.pick(columns),
                    "to": self.pick(columns),
                    "byKey": self.flip(),
                    "columns": self.fields(columns),
                })
            })
            .collect();
        // A row that is found by its key needs no limit.
        let limited = (joins.iter().enumerate()).filter(|(_, join)| join["byKey"] == false);
        slots.extend(limited.map(|(index, _)| filter.len() + index));
        let many = shape["operation"] == "findMany";
        let offset = many && self.flip();
        let next = filter.len() + joins.len();
        slots.extend(next..next + usize::from(many) + usize::from(offset));
        let sort = self
            .flip()
            .then(|| json!({ "column": self.pick(columns), "descending": self.flip() }));
        shape["columns"] = json!(self.fields(columns));
        shape["filter"] = json!(filter);
        shape["joins"] = json!(joins);
        shape["sort"] = json!(sort);
        shape["limit"] = json!(many);
        shape["offset"] = json!(offset);
        (shape, slots)
    }
}

#[test]
fn locked_rows_are_passed_over_where_there_are_such() {
    let shape = json!({
        "operation": "deleteUnlocked", "table": "session", "key": "id",
        "filter": [clause("id", "id", "in"), clause("expiresAt", "date", "lt")],
    });
    assert_sql(
        shape.clone(),
        r#"DELETE FROM "session" WHERE "id" COLLATE BINARY IN (SELECT value FROM rarray(?1))
           AND "expiresAt" < ?2"#,
    );
    let operation: Operation = serde_json::from_value(shape).expect("a shape");
    let Program::One(statement) = compile(&crate::sql::Postgres::default(), &operation) else {
        panic!("PostgreSQL deletes by one statement");
    };
    let expected = r#"DELETE FROM "session" WHERE "id" IN (SELECT "id" FROM "session" WHERE "#;
    assert!(statement.sql.starts_with(expected), "{}", statement.sql);
    assert!(
        statement.sql.ends_with(" FOR UPDATE SKIP LOCKED)"),
        "{}",
        statement.sql
    );
    let mysql = |skips_locked| crate::sql::MySql {
        skips_locked,
        ..Default::default()
    };
    let Program::LockThenDelete { lock, delete } = compile(&mysql(true), &operation) else {
        panic!("MySQL locks before it deletes");
    };
    assert!(
        lock.sql.ends_with(" FOR UPDATE SKIP LOCKED"),
        "{}",
        lock.sql
    );
    assert!(
        delete
            .sql
            .starts_with("DELETE `gone` FROM (SELECT `id` FROM `session` WHERE "),
        "{}",
        delete.sql
    );
    let Program::One(waiting) = compile(&mysql(false), &operation) else {
        panic!("an old server deletes by one statement");
    };
    assert!(!waiting.sql.contains("LOCKED"), "{}", waiting.sql);
}

#[test]
fn a_walk_goes_on_after_a_key_in_the_order_it_is_sorted_by() {
    assert_sql(
        json!({
            "operation": "findMany", "table": "rateLimit", "columns": [field("id", "id")],
            "filter": [clause("id", "id", "after")], "sort": { "column": "id" }, "limit": true,
        }),
        r#"SELECT "id" FROM "rateLimit" WHERE "id" > ?1 ORDER BY "id" ASC LIMIT ?2"#,
    );
}
