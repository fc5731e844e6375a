use std::path::Path;

use super::*;
use crate::engine::sqlite::config::Options;
use crate::engine::{Access, Keep};

fn in_memory() -> Connection {
    let options = Options {
        url: "sqlite::memory:".to_owned(),
        ..Options::default()
    };
    let config = Config::parse(options, Some(Path::new("/"))).unwrap();
    Connection::open(&config, &Arc::default(), &Arc::default()).unwrap()
}

fn write(sql: &str) -> Statement {
    let columns = Vec::new();
    Statement::new(
        sql.to_owned(),
        Vec::new(),
        columns,
        Access::Write,
        Keep::Changes,
        "create",
        "t",
    )
}

/// Whatever is cut off, at any step: what is told to have failed is not there.
fn cut_at_every_step(attempt: impl Fn(&mut Connection) -> bool) {
    let mut connection = in_memory();
    connection
        .raw
        .execute_batch("CREATE TABLE t (v UNIQUE)")
        .unwrap();
    let (budget, interrupted) = (connection.budget.clone(), AtomicBool::new(false));
    let stops = move || budget.is_spent(&interrupted);
    connection.raw.progress_handler(1, Some(stops)).unwrap();
    let (mut failed, mut succeeded) = (0, 0);
    for checks in 0.. {
        connection.budget.set(checks);
        let told = attempt(&mut connection);
        connection.budget.set(Budget::UNLIMITED);
        if connection.in_transaction() {
            connection.raw.execute_batch("ROLLBACK").unwrap();
        }
        let count = "SELECT count(*) FROM t";
        let rows: u32 = connection
            .raw
            .query_row(count, [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows > 0, told, "cut off after {checks} checks");
        connection.raw.execute_batch("DELETE FROM t").unwrap();
        *(if told { &mut succeeded } else { &mut failed }) += 1;
        if succeeded == 20 {
            break;
        }
    }
    assert!(failed > 0);
}

#[test]
fn a_write_that_is_cut_off_is_committed_or_has_failed() {
    let insert = write("INSERT INTO t VALUES (random())");
    cut_at_every_step(|connection| connection.execute(&insert, &[]).is_ok());
}

#[test]
fn writes_that_are_cut_off_together_are_committed_or_have_failed() {
    let insert = write("INSERT INTO t VALUES (random())");
    cut_at_every_step(|connection| {
        let writes = std::iter::repeat_n((&insert, &[][..]), 3);
        connection.in_one_commit(writes).is_ok()
    });
}
