//! The SQL of every operator.

use serde_json::json;

use super::*;
use crate::sql::Sqlite;

fn clause(column: &str, kind: &str, operator: &str, marks: &[&str]) -> Clause {
    let mut clause = json!({ "column": column, "kind": kind, "operator": operator });
    for mark in marks {
        clause[*mark] = json!(true);
    }
    serde_json::from_value(clause).expect("a clause")
}

fn sql(qualifier: &str, clauses: &[Clause]) -> String {
    let mut builder = Builder::new(&Sqlite);
    filter(&mut builder, "t", qualifier, clauses, 0);
    builder.finish().0
}

#[test]
fn every_operator_in_every_mode() {
    const LIST: &str = "(SELECT value FROM rarray(?1))";
    let fold = |inner: &str| format!("better_auth_fold({inner})");
    let (n, v) = (fold("\"n\""), fold("?1"));
    let folded_list = "(SELECT better_auth_fold(value) FROM rarray(?1))";
    let ends_with = |whole: &str, part: &str| {
        format!(
            "CASE length(CAST({part} AS BLOB)) WHEN 0 THEN {whole} IS NOT NULL \
             ELSE substr(CAST({whole} AS BLOB), -length(CAST({part} AS BLOB))) \
             = CAST({part} AS BLOB) END"
        )
    };
    let insensitive = &["insensitive"][..];
    let null = &["null"][..];
    for (kind, operator, marks, expected) in [
        (
            "string",
            "eq",
            &[][..],
            "(\"n\" = ?1 AND \"n\" COLLATE BINARY = ?1)".to_owned(),
        ),
        ("string", "ne", &[], "\"n\" COLLATE BINARY <> ?1".to_owned()),
        ("string", "lt", &[], "\"n\" COLLATE BINARY < ?1".to_owned()),
        (
            "string",
            "in",
            &[],
            format!("\"n\" COLLATE BINARY IN {LIST}"),
        ),
        (
            "string",
            "not_in",
            &[],
            format!("\"n\" COLLATE BINARY NOT IN {LIST}"),
        ),
        ("string", "contains", &[], "instr(\"n\", ?1) > 0".to_owned()),
        (
            "string",
            "starts_with",
            &[],
            "instr(\"n\", ?1) = 1".to_owned(),
        ),
        ("string", "ends_with", &[], ends_with("\"n\"", "?1")),
        ("string", "eq", insensitive, format!("{n} = {v}")),
        ("string", "ne", insensitive, format!("{n} <> {v}")),
        ("string", "in", insensitive, format!("{n} IN {folded_list}")),
        (
            "string",
            "not_in",
            insensitive,
            format!("{n} NOT IN {folded_list}"),
        ),
        (
            "string",
            "contains",
            insensitive,
            format!("instr({n}, {v}) > 0"),
        ),
        (
            "string",
            "starts_with",
            insensitive,
            format!("instr({n}, {v}) = 1"),
        ),
        ("string", "ends_with", insensitive, ends_with(&n, &v)),
        ("string", "eq", null, "\"n\" IS NULL".to_owned()),
        ("string", "ne", null, "\"n\" IS NOT NULL".to_owned()),
        ("number", "eq", &[], "\"n\" = ?1".to_owned()),
        ("number", "ne", &[], "\"n\" <> ?1".to_owned()),
        ("number", "lt", &[], "\"n\" < ?1".to_owned()),
        ("number", "lte", &[], "\"n\" <= ?1".to_owned()),
        ("date", "gt", &[], "\"n\" > ?1".to_owned()),
        ("date", "gte", &[], "\"n\" >= ?1".to_owned()),
        ("boolean", "eq", &[], "\"n\" = ?1".to_owned()),
        ("number", "in", &[], format!("\"n\" IN {LIST}")),
        ("number", "eq", insensitive, "\"n\" = ?1".to_owned()),
        ("date", "ne", null, "\"n\" IS NOT NULL".to_owned()),
    ] {
        let actual = sql("", &[clause("n", kind, operator, marks)]);
        assert_eq!(
            actual,
            format!(" WHERE {expected}"),
            "{kind} {operator} {marks:?}"
        );
    }
}

#[test]
fn all_ands_and_any_or() {
    let and = |column| clause(column, "number", "eq", &[]);
    let or = |column| clause(column, "number", "eq", &["or"]);
    assert_eq!(sql("", &[]), "");
    assert_eq!(
        sql("", &[and("a"), and("b")]),
        " WHERE \"a\" = ?1 AND \"b\" = ?2"
    );
    assert_eq!(sql("", &[or("a")]), " WHERE (\"a\" = ?1)");
    assert_eq!(
        sql("t", &[or("a"), and("b"), or("c"), and("d")]),
        " WHERE \"t\".\"b\" = ?1 AND \"t\".\"d\" = ?2 AND (\"t\".\"a\" = ?3 OR \"t\".\"c\" = ?4)"
    );
}

#[test]
fn values_keep_their_places_whatever_the_order_of_the_text() {
    let mut builder = Builder::new(&Sqlite);
    let clauses = [
        clause("a", "number", "eq", &["or"]),
        clause("b", "string", "eq", &[]),
    ];
    filter(&mut builder, "t", "", &clauses, 5);
    let slots: Vec<usize> = builder.finish().1.iter().map(|bound| bound.slot).collect();
    assert_eq!(slots, [6, 5]);
}

/// Letter for letter must not cost the index, nor must a list.
#[test]
fn equality_and_lists_are_answered_from_an_index() {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    rusqlite::vtab::array::load_module(&database).unwrap();
    database
        .execute_batch("CREATE TABLE t (s text, n integer); CREATE INDEX ts ON t (s); CREATE INDEX tn ON t (n)")
        .unwrap();
    for (column, kind, operator) in [
        ("s", "string", "eq"),
        ("s", "id", "in"),
        ("n", "id", "eq"),
        ("n", "id", "in"),
        ("n", "number", "in"),
        ("n", "date", "lt"),
    ] {
        let filter = sql("", &[clause(column, kind, operator, &[])]);
        let mut explained = database
            .prepare(&format!("EXPLAIN QUERY PLAN SELECT * FROM t{filter}"))
            .unwrap();
        let mut steps = explained.raw_query();
        let plan: String = steps.next().unwrap().unwrap().get(3).unwrap();
        assert!(
            plan.starts_with("SEARCH t USING INDEX"),
            "{column} {operator}: {plan}"
        );
    }
}
