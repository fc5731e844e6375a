//! From what is wanted and what exists to statements, without a database.

use serde_json::{Value, json};

use super::diff::diff;
use super::existing::{Existing, ExistingColumn, ExistingForeignKey, ExistingIndex, ExistingTable};
use super::hazard::hazards;
use super::model::Schema;
use crate::sql::{Dialect, MySql, Postgres, Sqlite};

fn schema(id: &str, tables: Value) -> Schema {
    serde_json::from_value(json!({ "id": id, "tables": tables })).unwrap()
}

fn table(name: &str, columns: Value, indexes: Value) -> Value {
    json!({ "name": name, "columns": columns, "indexes": indexes })
}

fn column(name: &str, kind: &str) -> Value {
    json!({ "name": name, "kind": kind, "required": false, "references": null, "default": null })
}

fn required(name: &str, kind: &str, default: Value) -> Value {
    json!({ "name": name, "kind": kind, "required": true, "references": null, "default": default })
}

fn reference(name: &str, table: &str, column: &str) -> Value {
    let to = json!({ "table": table, "column": column, "onDelete": "cascade" });
    let kind = if column == "id" { "id" } else { "string" };
    json!({ "name": name, "kind": kind, "required": false, "references": to, "default": null })
}

fn index(name: &str, columns: &[&str], unique: bool) -> Value {
    json!({ "name": name, "columns": columns, "unique": unique })
}

fn existing(tables: &[(&str, &[(&str, &str)])]) -> Existing {
    let mut existing = Existing::default();
    for (name, columns) in tables {
        let columns = columns.iter().map(|(name, column_type)| ExistingColumn {
            name: (*name).to_owned(),
            column_type: Some((*column_type).to_owned()),
            characters: column_type.contains("text").then_some(4_294_967_295),
            ..ExistingColumn::default()
        });
        let table = ExistingTable {
            columns: columns.collect(),
            ..ExistingTable::default()
        };
        existing.tables.insert((*name).to_owned(), table);
    }
    existing
}

fn statements(dialect: &dyn Dialect, schema: &Schema, existing: &Existing) -> Vec<String> {
    let steps = diff(dialect, schema, existing).unwrap();
    steps
        .iter()
        .map(|step| step.change(dialect, schema.id).up)
        .collect()
}

fn counts(dialect: &dyn Dialect, schema: &Schema, existing: &Existing) -> Vec<String> {
    let steps = diff(dialect, schema, existing).unwrap();
    let hazards = hazards(dialect, existing, &steps);
    hazards.iter().map(|hazard| hazard.count(dialect)).collect()
}

const MYSQL: fn() -> MySql = MySql::default;

#[test]
fn a_new_table_in_the_words_of_each_database() {
    let wanted = schema(
        "text",
        json!([
            table(
                "user",
                json!([
                    required("email", "string", Value::Null),
                    column("on", "boolean")
                ]),
                json!([index("user_email_uidx", &["email"], true)]),
            ),
            table(
                "session",
                json!([reference("userId", "user", "id"), column("note", "string")]),
                json!([]),
            ),
        ]),
    );
    let nothing = Existing::default();
    assert_eq!(
        statements(&Sqlite, &wanted, &nothing),
        [
            "CREATE TABLE \"user\" (\n  \"id\" text NOT NULL PRIMARY KEY,\n  \"email\" text NOT NULL,\n  \"on\" integer\n)",
            "CREATE TABLE \"session\" (\n  \"id\" text NOT NULL PRIMARY KEY,\n  \"userId\" text,\n  \"note\" text,\n  FOREIGN KEY (\"userId\") REFERENCES \"user\" (\"id\") ON DELETE CASCADE\n)",
            "CREATE UNIQUE INDEX \"user_email_uidx\" ON \"user\" (\"email\")",
        ]
    );
    assert_eq!(
        statements(&Postgres::default(), &wanted, &nothing),
        [
            "CREATE TABLE \"user\" (\n  \"id\" text NOT NULL PRIMARY KEY,\n  \"email\" text NOT NULL,\n  \"on\" boolean\n)",
            "CREATE TABLE \"session\" (\n  \"id\" text NOT NULL PRIMARY KEY,\n  \"userId\" text,\n  \"note\" text,\n  CONSTRAINT \"session_userId_fk\" FOREIGN KEY (\"userId\") REFERENCES \"user\" (\"id\") ON DELETE CASCADE\n)",
            "CREATE UNIQUE INDEX \"user_email_uidx\" ON \"user\" (\"email\")",
        ]
    );
    assert_eq!(
        statements(&MYSQL(), &wanted, &nothing),
        [
            "CREATE TABLE `user` (\n  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,\n  `email` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,\n  `on` boolean,\n  UNIQUE INDEX `user_email_uidx` (`email`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin",
            "CREATE TABLE `session` (\n  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,\n  `userId` varchar(255) COLLATE utf8mb4_0900_bin,\n  `note` longtext COLLATE utf8mb4_0900_bin,\n  CONSTRAINT `session_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin",
        ]
    );
}

#[test]
fn a_default_is_what_a_column_of_its_kind_holds_whatever_the_settings() {
    let value = "it's \\ ä";
    let wanted = schema(
        "text",
        json!([table(
            "user",
            json!([
                required("motto", "string", json!(value)),
                required("plain", "string", json!("it's")),
                required("friendly", "boolean", json!(true)),
                required("points", "number", json!(7.5)),
                required("settings", "json", json!("x")),
            ]),
            json!([]),
        )]),
    );
    let existing = existing(&[("user", &[("id", "text")])]);
    let defaults = |dialect: &dyn Dialect| -> Vec<String> {
        let statements = statements(dialect, &wanted, &existing);
        let after = |sql: &String| sql.split_once(" DEFAULT ").unwrap().1.to_owned();
        statements.iter().map(after).collect()
    };
    assert_eq!(
        defaults(&Sqlite),
        ["'it''s \\ ä'", "'it''s'", "1", "7.5", "'\"x\"'"]
    );
    assert_eq!(
        defaults(&Postgres::default()),
        ["E'it''s \\\\ ä'", "'it''s'", "true", "7.5", "'\"x\"'"]
    );
    assert_eq!(
        defaults(&MYSQL()),
        [
            "(CONVERT(X'69742773205C20C3A4' USING utf8mb4))",
            "('it''s')",
            "true",
            "7.5",
            "('\"x\"')"
        ]
    );
}

#[test]
fn what_refers_to_a_table_that_exists_has_its_type() {
    let wanted = schema(
        "text",
        json!([table(
            "session",
            json!([reference("userId", "user", "id")]),
            json!([])
        )]),
    );
    let copied = |dialect: &dyn Dialect, column_type: &'static str| {
        let existing = existing(&[("user", &[("id", column_type)])]);
        statements(dialect, &wanted, &existing)[0].contains(&format!(" {column_type},\n"))
    };
    for column_type in ["uuid", "integer", "character varying(36)"] {
        assert!(copied(&Postgres::default(), column_type), "{column_type}");
    }
    for column_type in ["int unsigned", "varchar(36) COLLATE latin1_swedish_ci"] {
        assert!(copied(&MYSQL(), column_type), "{column_type}");
    }
}

#[test]
fn a_foreign_key_comes_after_what_it_needs() {
    let wanted = schema(
        "text",
        json!([
            table(
                "user",
                json!([
                    column("email", "string"),
                    reference("current", "session", "id"),
                    reference("parent", "user", "id"),
                    reference("inviter", "user", "email"),
                ]),
                json!([index("user_email_uidx", &["email"], true)]),
            ),
            table(
                "session",
                json!([reference("userId", "user", "id")]),
                json!([])
            ),
        ]),
    );
    let statements = statements(&Postgres::default(), &wanted, &Existing::default());
    let starts: Vec<&str> = statements
        .iter()
        .map(|sql| sql.split(" (").next().unwrap())
        .collect();
    assert_eq!(
        starts,
        [
            "CREATE TABLE \"user\"",
            "CREATE TABLE \"session\"",
            "CREATE UNIQUE INDEX \"user_email_uidx\" ON \"user\"",
            "ALTER TABLE \"user\" ADD CONSTRAINT \"user_current_fk\" FOREIGN KEY",
            "ALTER TABLE \"user\" ADD CONSTRAINT \"user_inviter_fk\" FOREIGN KEY",
        ]
    );
    assert!(statements[0].contains("user_parent_fk"));
}

#[test]
fn columns_that_exist_get_foreign_keys_where_their_types_allow_it() {
    let wanted = schema(
        "text",
        json!([
            table("user", json!([]), json!([])),
            table(
                "session",
                json!([reference("userId", "user", "id")]),
                json!([])
            ),
        ]),
    );
    let adds = |dialect: &dyn Dialect, from: &'static str, to: &'static str| {
        let existing = existing(&[
            ("user", &[("id", to)]),
            ("session", &[("id", "text"), ("userId", from)]),
        ]);
        !statements(dialect, &wanted, &existing).is_empty()
    };
    for (from, to, expected) in [
        ("text", "character varying(36)", true),
        ("integer", "bigint", true),
        ("text", "uuid", false),
    ] {
        assert_eq!(
            adds(&Postgres::default(), from, to),
            expected,
            "{from} {to}"
        );
    }
    for (from, to, expected) in [
        ("varchar(9) COLLATE a", "varchar(36) COLLATE a", true),
        ("varchar(9) COLLATE a", "varchar(36) COLLATE b", false),
        ("longtext COLLATE a", "varchar(36) COLLATE a", false),
        ("int(10) unsigned", "int unsigned", true),
        ("int", "int unsigned", false),
        ("bigint", "int", false),
    ] {
        assert_eq!(adds(&MYSQL(), from, to), expected, "{from} {to}");
    }
}

#[test]
fn names_of_columns_are_the_same_as_the_database_sees_it() {
    let wanted = schema(
        "text",
        json!([table("user", json!([column("email", "string")]), json!([]))]),
    );
    let existing = existing(&[("user", &[("ID", "text"), ("EMAIL", "text")])]);
    assert_eq!(statements(&Sqlite, &wanted, &existing).len(), 0);
    assert_eq!(statements(&MYSQL(), &wanted, &existing).len(), 0);
    assert_eq!(
        statements(&Postgres::default(), &wanted, &existing).len(),
        1
    );
}

#[test]
fn the_texts_of_an_index_share_its_room() {
    let names = ["a", "b", "c", "d", "e"];
    let mut columns: Vec<Value> = names.iter().map(|name| column(name, "string")).collect();
    columns.push(column("n", "number"));
    let indexes = json!([
        index("all", &["a", "b", "c", "d", "e", "n"], false),
        index("a", &["a"], false)
    ]);
    let wanted = schema("text", json!([table("wide", json!(columns), indexes)]));
    // (3072 - 16) / 4 / 5
    let created = &statements(&MYSQL(), &wanted, &Existing::default())[0];
    assert_eq!(created.matches("varchar(152)").count(), 5, "{created}");

    let existing = existing(&[("wide", &[("id", "int"), ("a", "text"), ("b", "int")])]);
    let extended = statements(&MYSQL(), &wanted, &existing);
    assert!(
        extended.contains(
            &"CREATE INDEX `all` ON `wide` (`a`(152), `b`, `c`, `d`, `e`, `n`)".to_owned()
        )
    );
    assert!(extended.contains(&"CREATE INDEX `a` ON `wide` (`a`(768))".to_owned()));
}

#[test]
fn an_index_is_made_once_and_under_a_free_name() {
    let indexes = json!([
        index("one", &["email"], true),
        index("two", &["email"], true),
        index("three", &["name"], false)
    ]);
    let columns = json!([column("email", "string"), column("name", "string")]);
    let wanted = schema("text", json!([table("user", columns, indexes)]));
    let mut existing = existing(&[(
        "user",
        &[("id", "text"), ("email", "text"), ("name", "text")],
    )]);
    existing.taken = ["One".to_owned()].into();
    let user = existing.tables.get_mut("user").unwrap();
    user.indexes.push(ExistingIndex {
        name: "there".to_owned(),
        columns: vec!["name".to_owned(), "id".to_owned()],
        unique: true,
    });
    assert_eq!(
        statements(&Postgres::default(), &wanted, &existing),
        ["CREATE UNIQUE INDEX \"one_2\" ON \"user\" (\"email\")"]
    );
}

#[test]
fn rows_are_counted_that_a_step_would_fail_on() {
    let wanted = schema(
        "text",
        json!([
            table(
                "user",
                json!([
                    column("email", "string"),
                    required("motto", "string", Value::Null),
                    required("rank", "number", json!(1)),
                    column("nick", "string"),
                ]),
                json!([
                    index("one", &["email"], true),
                    index("two", &["email", "rank"], true),
                    index("three", &["nick"], true),
                    index("four", &["rank"], true),
                ]),
            ),
            table(
                "session",
                json!([
                    reference("userId", "user", "id"),
                    reference("teamId", "team", "id")
                ]),
                json!([])
            ),
            table("team", json!([]), json!([])),
        ]),
    );
    let existing = existing(&[
        ("user", &[("id", "text"), ("email", "text")]),
        (
            "session",
            &[("id", "text"), ("userId", "text"), ("teamId", "text")],
        ),
    ]);
    let equal = |rest: &str| {
        format!(
            "SELECT COALESCE(SUM(equal_rows), 0) FROM (SELECT COUNT(*) AS equal_rows FROM \
             \"user\"{rest} HAVING COUNT(*) > 1) AS equal_groups"
        )
    };
    let by_email = equal(" WHERE \"email\" IS NOT NULL GROUP BY \"email\"");
    assert_eq!(
        counts(&Postgres::default(), &wanted, &existing),
        [
            "SELECT COUNT(*) FROM (SELECT 1 FROM \"user\" LIMIT 1) AS present",
            &by_email,
            &by_email,
            &equal(""),
            "SELECT COUNT(*) FROM \"session\" AS child WHERE \"child\".\"userId\" IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM \"user\" AS parent \
             WHERE \"parent\".\"id\" = \"child\".\"userId\")",
            "SELECT COUNT(*) FROM \"session\" AS child WHERE \"child\".\"teamId\" IS NOT NULL",
        ]
    );
}

#[test]
fn nothing_is_missing_where_everything_is_there() {
    let columns = json!([column("email", "string"), reference("parent", "user", "id")]);
    let wanted = schema(
        "uuid",
        json!([table(
            "user",
            columns,
            json!([index("one", &["email"], true)])
        )]),
    );
    let mut existing = existing(&[(
        "user",
        &[("id", "uuid"), ("email", "citext"), ("parent", "uuid")],
    )]);
    let user = existing.tables.get_mut("user").unwrap();
    user.foreign_keys.push(ExistingForeignKey {
        name: "user_parent_fk".to_owned(),
        column: "parent".to_owned(),
        cascades: Some(true),
    });
    user.indexes.push(ExistingIndex {
        name: "there".to_owned(),
        columns: vec!["email".to_owned()],
        unique: true,
    });
    assert_eq!(
        statements(&Postgres::default(), &wanted, &existing),
        [""; 0]
    );
}

#[test]
fn an_index_of_words_comes_and_goes_without_a_loss() {
    let mut users = table(
        "user",
        json!([column("name", "string"), column("email", "string")]),
        json!([]),
    );
    users["search"] = json!({ "name": "user_search_idx", "columns": ["name", "email"] });
    let schema = schema("text", json!([users]));
    let columns: &[(&str, &str)] = &[("id", "text"), ("name", "text"), ("email", "text")];
    let mysql = MySql::default();
    let postgres = Postgres::default();
    let dialects: [(&dyn Dialect, usize); 3] = [(&Sqlite, 5), (&mysql, 1), (&postgres, 1)];
    for (dialect, parts) in dialects {
        let mut present = existing(&[("user", columns)]);
        let steps = diff(dialect, &schema, &present).unwrap();
        let made: Vec<_> = steps
            .iter()
            .map(|step| step.change(dialect, schema.id))
            .collect();
        assert_eq!(made.len(), parts);
        for change in &made {
            assert_eq!(super::script::losses(dialect, &change.down), []);
        }
        present.taken.insert("user_search_idx".to_owned());
        assert!(diff(dialect, &schema, &present).unwrap().is_empty());
    }
    // In a new table there is nothing to fill it with.
    assert_eq!(statements(&Sqlite, &schema, &Existing::default()).len(), 5);
}
