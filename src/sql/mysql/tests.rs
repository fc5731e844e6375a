//! The SQL of what differs here: every way a column meets text, lists, rows of joins, and the
//! programs of writes that give nothing back.

use serde_json::json;

use super::*;
use crate::engine::Program;
use crate::query::{self, Operation};
use crate::sql::{Clause, filter};

fn column(family: u32, collation: Option<&str>) -> ColumnType {
    ColumnType {
        family,
        collation: types::collation(collation),
        expression: None,
    }
}

fn dialect(mariadb: bool) -> MySql {
    let columns = [
        ("exact", column(types::TEXT, Some("utf8mb4_0900_bin"))),
        ("loose", column(types::TEXT, Some("utf8mb4_bin"))),
        ("folded", column(types::TEXT, Some("utf8mb4_general_ci"))),
        ("number", column(types::INTEGER, None)),
        ("json", column(types::JSON, None)),
        ("other", column(types::OTHER, None)),
    ];
    let columns = columns.map(|(name, column)| (name.to_owned(), column));
    MySql {
        mariadb,
        skips_locked: true,
        tables: HashMap::from([("t".to_owned(), HashMap::from(columns))]),
    }
}

fn sql(dialect: &MySql, column: &str, kind: &str, operator: &str, insensitive: bool) -> String {
    let clause: Clause = serde_json::from_value(json!({
        "column": column, "kind": kind, "operator": operator, "insensitive": insensitive,
    }))
    .expect("a clause");
    let mut builder = Builder::new(dialect);
    filter(&mut builder, "t", "", &[clause], 0);
    let (sql, parameters) = builder.finish();
    assert_eq!(sql.matches('?').count(), parameters.len(), "{sql}");
    sql
}

fn raw(inner: &str) -> String {
    format!("CAST(CONVERT({inner} USING utf8mb4) AS BINARY)")
}

fn lower(inner: &str, collation: &str) -> String {
    format!("CAST(LOWER(CONVERT({inner} USING utf8mb4){collation}) AS BINARY)")
}

#[test]
fn how_columns_meet_text() {
    let loose = raw("`loose`");
    let own = " COLLATE utf8mb4_general_ci";
    let best = " COLLATE utf8mb4_unicode_520_ci";
    for (column, operator, insensitive, expected) in [
        ("exact", "eq", false, "`exact` = ?".to_owned()),
        ("exact", "in", false, "`exact` IN (?)".to_owned()),
        (
            "loose",
            "eq",
            false,
            format!("(`loose` = ? AND {loose} = ?)"),
        ),
        ("loose", "ne", false, format!("{loose} <> ?")),
        ("loose", "lt", false, format!("{loose} < ?")),
        (
            "loose",
            "in",
            false,
            format!("(`loose` IN (?) AND {loose} IN (?))"),
        ),
        ("loose", "not_in", false, format!("{loose} NOT IN (?)")),
        (
            "LOOSE",
            "eq",
            false,
            format!("(`LOOSE` = ? AND {} = ?)", raw("`LOOSE`")),
        ),
        ("number", "eq", false, "`number` = ?".to_owned()),
        ("number", "in", false, "`number` IN (?)".to_owned()),
        (
            "number",
            "not_in",
            false,
            format!("{} NOT IN (?)", raw("`number`")),
        ),
        ("json", "eq", false, format!("{} = ?", raw("`json`"))),
        (
            "other",
            "eq",
            false,
            format!("{} = ?", raw("CAST(`other` AS CHAR)")),
        ),
        (
            "folded",
            "eq",
            true,
            format!(
                "(`folded` = ? AND {} = {})",
                lower("`folded`", own),
                lower("?", own)
            ),
        ),
        (
            "loose",
            "eq",
            true,
            format!("{} = {}", lower("`loose`", best), lower("?", best)),
        ),
        (
            "loose",
            "not_in",
            true,
            format!("{} NOT IN ({})", lower("`loose`", best), lower("?", best)),
        ),
        (
            "exact",
            "ends_with",
            false,
            format!(
                "RIGHT({}, LENGTH({part})) = {part}",
                raw("`exact`"),
                part = raw("?")
            ),
        ),
    ] {
        let text = sql(&dialect(true), column, "string", operator, insensitive);
        assert_eq!(text, format!(" WHERE {expected}"), "{column} {operator}");
    }
}

#[test]
fn mysql_keeps_what_follows_letters_that_grow() {
    let text = sql(&dialect(false), "loose", "string", "contains", true);
    let folded = |inner: &str| {
        format!(
            "CAST(LOWER(REPLACE(REPLACE(CONVERT({inner} USING utf8mb4), 'Ⱥ', 'ⱥ'), 'Ⱦ', 'ⱦ')) \
             AS BINARY)"
        )
    };
    // As bytes, once more.
    let expected = format!(
        " WHERE LOCATE({}, {}) > 0",
        raw(&folded("?")),
        raw(&folded("`loose`"))
    );
    assert_eq!(text, expected);
}

#[test]
fn json_is_compared_as_json_where_there_is_such_a_type() {
    let text = sql(&dialect(false), "json", "json", "eq", false);
    assert_eq!(text, " WHERE `json` = CAST(? AS JSON)");
}

fn compiled(mariadb: bool, expression: Option<&str>, shape: serde_json::Value) -> Program {
    let mut dialect = dialect(mariadb);
    let mut id = column(types::TEXT, Some("utf8mb4_0900_bin"));
    id.expression = expression.map(ToOwned::to_owned);
    let columns = dialect.tables.get_mut("t").expect("it is there");
    columns.insert("id".to_owned(), id);
    let operation: Operation = serde_json::from_value(shape).expect("a shape");
    query::compile(&dialect, &operation)
}

#[test]
fn rows_of_joins_are_limited_where_each_of_the_two_can() {
    let shape = json!({
        "operation": "findOne", "table": "t", "filter": [],
        "columns": [{ "column": "id", "kind": "id" }],
        "joins": [{
            "table": "t", "from": "id", "to": "exact", "byKey": false,
            "columns": [
                { "column": "number", "kind": "number" },
                { "column": "exact", "kind": "string" },
            ],
        }],
    });
    let rows = "JSON_ARRAY(`join0`.`number`, CAST(`join0`.`exact` AS CHAR))";
    let matches = "FROM `t` AS `join0` WHERE `join0`.`exact` = `base`.`id`";
    for (mariadb, expected) in [
        (
            true,
            format!("(SELECT JSON_ARRAYAGG({rows} LIMIT ?) {matches})"),
        ),
        (
            false,
            format!(
                "(SELECT JSON_ARRAYAGG({rows}) FROM (SELECT `number`, `exact` {matches} LIMIT ?) \
                 AS `join0`)"
            ),
        ),
    ] {
        let Program::One(statement) = compiled(mariadb, None, shape.clone()) else {
            panic!("reads are one statement");
        };
        assert!(statement.sql.contains(&expected), "{}", statement.sql);
    }
}

#[test]
fn a_new_row_is_found_by_the_id_that_the_database_gave() {
    let shape = json!({
        "operation": "create", "table": "t", "key": "id",
        "set": [{ "column": "number", "kind": "number" }],
        "returning": [{ "column": "id", "kind": "id" }],
    });
    let program = compiled(true, None, shape.clone());
    assert!(matches!(&program, Program::One(one) if one.sql.ends_with(" RETURNING `id`")));
    let program = compiled(false, None, shape.clone());
    assert!(matches!(program, Program::InsertThenRead { .. }));
    let Program::MakeIdThenInsert {
        make_id, insert, ..
    } = compiled(false, Some("uuid()"), shape)
    else {
        panic!("the default is an expression");
    };
    assert_eq!(&*make_id.sql, "SELECT uuid()");
    assert_eq!(
        &*insert.sql,
        "INSERT INTO `t` (`number`, `id`) VALUES (?, ?)"
    );
}
