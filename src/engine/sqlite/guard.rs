//! What a statement of the application's does, as SQLite itself says while it prepares it.
//!
//! Every connection has its guard from the beginning: SQLite prepares all statements anew when it
//! gets one. It says yes to everything but while a statement of the application's is prepared.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Where a statement is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a connection that only reads.
    Reader,
    /// By itself, on a connection that can be replaced.
    Alone,
    /// By itself, on the one connection that there is.
    OnlyOne,
    /// In a transaction; `replaceable` tells whether its connection is.
    Inside { replaceable: bool },
}

/// What preparing a statement told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Why it is not to run there.
    pub refused: Option<Refusal>,
    /// Whether its connection is to be replaced afterwards.
    pub session: bool,
    pub changes_rows: bool,
    pub inserts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does more than read.
    NoRead,
    /// It begins or ends transactions.
    Control,
    /// It changes the connection, which cannot be replaced.
    Session,
    /// It changes how the adapter keeps the file.
    JournalMode,
}

/// Answered from what is stored or what the connection is, whatever their argument.
const LOOKS: [&str; 16] = [
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];
/// Without an argument they only tell.
const SETTINGS: [&str; 26] = [
    "application_id",
    "auto_vacuum",
    "automatic_index",
    "busy_timeout",
    "cache_size",
    "data_version",
    "defer_foreign_keys",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "ignore_check_constraints",
    "journal_mode",
    "journal_size_limit",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "page_count",
    "page_size",
    "query_only",
    "recursive_triggers",
    "schema_version",
    "secure_delete",
    "synchronous",
    "temp_store",
    "user_version",
    "wal_autocheckpoint",
];
/// They are kept in the file, as rows are.
const STORED: [&str; 2] = ["application_id", "user_version"];

#[derive(Clone, Default)]
pub struct Guard(Arc<Mutex<Option<(Place, Seen)>>>);

impl Guard {
    pub fn install(connection: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let guard = Self::default();
        let watching = guard.clone();
        connection.authorizer(Some(move |context: AuthContext| watching.judge(&context)))?;
        Ok(guard)
    }

    /// Prepares a statement of the application's; what it does is told also where that fails.
    pub fn watch<T>(&self, place: Place, prepare: impl FnOnce() -> T) -> (T, Seen) {
        *self.0.lock() = Some((place, Seen::default()));
        let prepared = prepare();
        let seen = self
            .0
            .lock()
            .take()
            .map_or_else(Seen::default, |(_, seen)| seen);
        (prepared, seen)
    }

    fn judge(&self, context: &AuthContext) -> Authorization {
        let mut watched = self.0.lock();
        let Some((place, seen)) = &mut *watched else {
            return Authorization::Allow;
        };
        note(*place, seen, context);
        if seen.refused.is_some() {
            Authorization::Deny
        } else {
            Authorization::Allow
        }
    }
}

fn note(place: Place, seen: &mut Seen, context: &AuthContext) {
    let does = does(&context.action, context.database_name);
    // What triggers do is a part of what fires them.
    let itself = context.accessor.is_none();
    match (does, place) {
        (Does::Reads, _) => {}
        (_, Place::Reader) => seen.refused = Some(Refusal::NoRead),
        (Does::Inserts, _) => {
            seen.changes_rows |= itself;
            seen.inserts |= itself;
        }
        (Does::ChangesRows, _) => seen.changes_rows |= itself,
        (Does::Writes, _) => {}
        (Does::Control, Place::Inside { .. }) => seen.refused = Some(Refusal::Control),
        (Does::Control, _) => {}
        (Does::JournalMode, _) => seen.refused = Some(Refusal::JournalMode),
        (Does::Session, Place::OnlyOne | Place::Inside { replaceable: false }) => {
            seen.refused = Some(Refusal::Session);
        }
        (Does::Session, _) => seen.session = true,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Reads,
    Inserts,
    ChangesRows,
    Writes,
    Control,
    Session,
    JournalMode,
}

fn does(action: &AuthAction, database: Option<&str>) -> Does {
    match action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Does::Reads,
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => pragma(pragma_name, pragma_value.is_some()),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => Does::Control,
        // Its own bookkeeping, also about temporary tables when a name changes.
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
            if table_name.starts_with("sqlite_") =>
        {
            Does::Writes
        }
        // Of tables of the connection's own.
        _ if database == Some("temp") => Does::Session,
        AuthAction::Insert { .. } => Does::Inserts,
        AuthAction::Update { .. } | AuthAction::Delete { .. } => Does::ChangesRows,
        AuthAction::CreateIndex { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateVtable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropVtable { .. }
        | AuthAction::AlterTable { .. }
        | AuthAction::Reindex { .. }
        | AuthAction::Analyze { .. } => Does::Writes,
        // Temporary tables, other files, and what a later SQLite may have.
        _ => Does::Session,
    }
}

fn pragma(name: &str, has_value: bool) -> Does {
    let is_one_of = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_one_of(&LOOKS) || !has_value && is_one_of(&SETTINGS) {
        Does::Reads
    } else if is_one_of(&["journal_mode"]) {
        Does::JournalMode
    } else if is_one_of(&STORED) {
        Does::Writes
    } else {
        Does::Session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(place: Place, sql: &str) -> Seen {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE a (b); CREATE TABLE log (b); CREATE TRIGGER c AFTER UPDATE ON a BEGIN INSERT INTO log VALUES (1); END")
            .unwrap();
        let guard = Guard::install(&connection).unwrap();
        guard.watch(place, || connection.prepare(sql).map(drop)).1
    }

    #[test]
    fn only_what_reads_runs_on_a_reader() {
        for sql in [
            "SELECT * FROM a",
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
            "PRAGMA table_info(a)",
            "PRAGMA foreign_keys",
            "EXPLAIN QUERY PLAN SELECT * FROM a",
            "SELECT * FROM pragma_table_info('a')",
        ] {
            assert_eq!(seen(Place::Reader, sql), Seen::default(), "{sql}");
        }
        for sql in [
            "INSERT INTO a VALUES (1)",
            "BEGIN",
            "PRAGMA foreign_keys = OFF",
            "CREATE TEMP TABLE d (e)",
            "ATTACH ':memory:' AS d",
            "VACUUM INTO 'd'",
        ] {
            let refused = seen(Place::Reader, sql).refused;
            assert!(
                refused == Some(Refusal::NoRead) || sql.starts_with("VACUUM"),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_changes_the_connection_is_noticed_or_refused() {
        for sql in [
            "PRAGMA foreign_keys = OFF",
            "PRAGMA query_only = 1",
            "CREATE TEMP TABLE d (e)",
            "CREATE TABLE temp.d (e)",
            "CREATE TEMP VIEW d AS SELECT 1",
            "CREATE TEMP TRIGGER d AFTER DELETE ON a BEGIN SELECT 1; END",
            "ATTACH ':memory:' AS d",
        ] {
            assert!(seen(Place::Alone, sql).session, "{sql}");
            assert_eq!(
                seen(Place::OnlyOne, sql).refused,
                Some(Refusal::Session),
                "{sql}"
            );
        }
        // Of Better Auth's migrator, among others.
        let renamed = seen(Place::OnlyOne, "ALTER TABLE a RENAME TO d");
        assert_eq!(renamed, Seen::default());
        let journal = seen(Place::Alone, "PRAGMA journal_mode = DELETE");
        assert_eq!(journal.refused, Some(Refusal::JournalMode));
        assert_eq!(
            seen(Place::Alone, "PRAGMA user_version = 5"),
            Seen::default()
        );
    }

    #[test]
    fn a_transaction_is_ended_by_who_began_it() {
        let inside = Place::Inside { replaceable: true };
        for sql in [
            "COMMIT",
            "ROLLBACK",
            "BEGIN",
            "SAVEPOINT d",
            "RELEASE d",
            "END",
        ] {
            assert_eq!(seen(inside, sql).refused, Some(Refusal::Control), "{sql}");
            assert_eq!(seen(Place::Alone, sql).refused, None, "{sql}");
        }
    }

    #[test]
    fn rows_are_counted_for_what_the_statement_itself_changes() {
        let update = seen(Place::Alone, "UPDATE a SET b = 1");
        assert!(update.changes_rows && !update.inserts);
        let insert = seen(Place::Alone, "INSERT INTO a VALUES (1) RETURNING b");
        assert!(insert.changes_rows && insert.inserts);
        assert!(!seen(Place::Alone, "CREATE TABLE d (e)").changes_rows);
    }
}
