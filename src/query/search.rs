//! Users by what somebody types: every word of it has to be in the name or the e-mail address,
//! letter for letter but for case. An index of words only narrows down what is compared.

use serde::Deserialize;

use super::compile::{finish, scalars, selected};
use crate::engine::{Access, Keep, Statement};
use crate::sql::{Builder, Clause, Dialect, Field, Operator, Term, comparison};
use crate::value::Kind;

/// Values: the whole text; for each word itself, and after each of `BEGINNINGS`; true, where it is
/// only for the `verified`; the question for the index of words, where there is one; limit and
/// offset.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    pub table: String,
    pub key: String,
    pub columns: Vec<Field>,
    pub name: String,
    pub email: String,
    pub verified: Option<String>,
    /// How many.
    pub words: usize,
    /// What the index of words is known by.
    pub index: Option<Vec<String>>,
}

/// What comes before a word: in names, then in addresses.
const BEGINNINGS: [(bool, char); 7] = [
    (true, ' '),
    (true, '-'),
    (false, '@'),
    (false, '.'),
    (false, '-'),
    (false, '_'),
    (false, '+'),
];

pub fn compile(dialect: &dyn Dialect, search: &Search) -> Statement {
    let word = |number: usize| 1 + number * (1 + BEGINNINGS.len());
    let mut next = word(search.words);
    let mut slot = || {
        next += 1;
        next - 1
    };
    let mut sql = Builder::new(dialect);
    sql.sql("SELECT ");
    selected(&mut sql, "", &search.table, &search.columns);
    sql.sql(" FROM ").table(&search.table).sql(" WHERE ");
    sql.list(" AND ", 0..search.words, |sql, number| {
        search.either(sql, Operator::Contains, word(number));
    });
    if let Some(verified) = &search.verified {
        sql.sql(" AND ");
        let clause = clause(verified, Kind::Boolean, Operator::Eq);
        search.compare(&mut sql, &clause, slot());
    }
    if let Some(index) = &search.index {
        sql.sql(" AND ");
        let columns = [search.name.clone(), search.email.clone()];
        dialect.has_words(&mut sql, &search.key, &columns, index, slot());
    }
    sql.sql(" ORDER BY CASE WHEN ");
    let email = clause(&search.email, Kind::String, Operator::Eq);
    search.compare(&mut sql, &email, 0);
    sql.sql(" THEN 0 WHEN ");
    search.either(&mut sql, Operator::StartsWith, 0);
    sql.sql(" THEN 1 WHEN ");
    sql.list(" AND ", 0..search.words, |sql, number| {
        search.begins_word(sql, word(number));
    });
    sql.sql(" THEN 2 ELSE 3 END, ");
    let term = Term {
        table: &search.table,
        qualifier: "",
        clause: &email,
        slot: 0,
    };
    dialect.exact(&mut sql, term);
    sql.sql(", ").name(&search.key);
    sql.sql(" LIMIT ").bind(slot(), Kind::Number);
    sql.sql(" OFFSET ").bind(slot(), Kind::Number);
    finish(
        sql,
        "searchUsers",
        &search.table,
        Access::Read,
        Keep::All,
        scalars(&search.columns),
    )
}

impl Search {
    /// Whether the name or the address has it.
    fn either(&self, sql: &mut Builder, operator: Operator, slot: usize) {
        sql.sql("(");
        sql.list(" OR ", [&self.name, &self.email], |sql, column| {
            self.compare(sql, &clause(column, Kind::String, operator), slot);
        });
        sql.sql(")");
    }

    /// Whether a word of the name or the address begins with it. `first` is the word itself.
    fn begins_word(&self, sql: &mut Builder, first: usize) {
        sql.sql("(");
        self.either(sql, Operator::StartsWith, first);
        for (at, (in_name, _)) in BEGINNINGS.iter().enumerate() {
            let column = if *in_name { &self.name } else { &self.email };
            sql.sql(" OR ");
            let clause = clause(column, Kind::String, Operator::Contains);
            self.compare(sql, &clause, first + 1 + at);
        }
        sql.sql(")");
    }

    fn compare(&self, sql: &mut Builder, clause: &Clause, slot: usize) {
        let term = Term {
            table: &self.table,
            qualifier: "",
            clause,
            slot,
        };
        comparison(sql, term);
    }
}

fn clause(column: &str, kind: Kind, operator: Operator) -> Clause {
    Clause {
        column: column.to_owned(),
        kind,
        operator,
        or: false,
        insensitive: true,
        null: false,
        unique: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{MySql, Postgres, Sqlite};

    fn search(verified: bool, index: bool) -> Search {
        let field = |column: &str| Field {
            column: column.to_owned(),
            kind: Kind::String,
        };
        Search {
            table: "user".to_owned(),
            key: "id".to_owned(),
            columns: vec![field("name"), field("e\"mail`")],
            name: "name".to_owned(),
            email: "e\"mail`".to_owned(),
            verified: verified.then(|| "verified".to_owned()),
            words: 2,
            index: index.then(|| vec!["user_search_idx".to_owned()]),
        }
    }

    #[test]
    fn every_value_is_bound_in_its_place() {
        let (mysql, postgres) = (MySql::default(), Postgres::default());
        let dialects: [&dyn Dialect; 3] = [&Sqlite, &postgres, &mysql];
        for dialect in dialects {
            for (verified, index) in [(false, false), (true, false), (false, true), (true, true)] {
                let statement = compile(dialect, &search(verified, index));
                let values = 1 + 2 * 8 + usize::from(verified) + usize::from(index) + 2;
                let slots = statement.parameters.iter().map(|parameter| parameter.slot);
                let used: std::collections::BTreeSet<usize> = slots.collect();
                assert_eq!(used, (0..values).collect(), "{}", statement.sql);
            }
        }
    }

    #[test]
    fn the_index_is_asked_beside_the_words() {
        let statement = compile(&Sqlite, &search(false, true)).sql;
        let words = "instr(better_auth_fold(\"name\"), better_auth_fold(?2)) > 0";
        let index = " AND \"id\" IN (SELECT id FROM \"user_search_idx\" \
            WHERE \"user_search_idx\" MATCH ?3) ORDER BY";
        assert!(
            statement.contains(words) && statement.contains(index),
            "{statement}"
        );
    }
}
