//! SQLite can neither add a constraint to a table nor drop one. A foreign key changes nothing of
//! what is stored, so the stored definition is changed, as SQLite's documentation describes
//! (lang_altertable, section 7); what came of it is verified before the transaction ends.
//!
//! Scripts say it in a remark, in the words that other databases have for it.

use rusqlite::params;

use crate::engine::sqlite::{Connection, from_control};
use crate::error::{Code, Error, Result};

/// What a remark asks for: `... ALTER TABLE "table" ADD FOREIGN KEY ("column") REFERENCES ...`
struct Asked<'r> {
    table: String,
    column: String,
    constraint: &'r str,
    adds: bool,
}

/// Carries out a remark; those that ask for nothing are for people.
pub fn change(connection: &Connection, remark: &str) -> Result<()> {
    let Some((_, statement)) = remark.split_once(": ALTER TABLE ") else {
        return Ok(());
    };
    let Some(asked) = read(statement) else {
        let message = format!("the remark \"{statement}\" cannot be understood");
        return Err(Error::new(Code::MigrationInvalid, message));
    };
    let failed = |why: String| {
        let message = format!("{why} (\"{}\".\"{}\")", asked.table, asked.column);
        Error::new(Code::SchemaMismatch, message)
    };
    let unusual = "the table's definition has an unusual form";
    let explained = |why: &str, error: rusqlite::Error| {
        let attempt = format!("changing how table \"{}\" is built", asked.table);
        let explained = from_control(&error, &attempt, connection.raw());
        match explained.code {
            // It is the definition that SQLite refuses.
            Code::Internal | Code::SchemaMismatch => failed(format!("{why}: {error}")),
            _ => explained.with_table(&asked.table),
        }
    };
    match redefine(connection.raw(), &asked) {
        Ok(true) => {}
        Ok(false) => return Err(failed(unusual.to_owned())),
        Err(error) => {
            let why = "the table's definition cannot be written";
            return Err(explained(why, error));
        }
    }
    match refers(connection.raw(), &asked) {
        Ok(refers) if refers == asked.adds => Ok(()),
        Ok(_) => Err(failed(unusual.to_owned())),
        Err(error) => Err(explained(unusual, error)),
    }
}

fn read(statement: &str) -> Option<Asked<'_>> {
    let (table, rest) = name(statement)?;
    let (adds, constraint) = match rest.strip_prefix(" ADD ") {
        Some(constraint) => (true, constraint),
        None => (false, rest.strip_prefix(" DROP ")?),
    };
    let (column, _) = name(constraint.strip_prefix("FOREIGN KEY (")?)?;
    Some(Asked {
        table,
        column,
        constraint,
        adds,
    })
}

/// A quoted name, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// Whether the definition could be changed.
fn redefine(connection: &rusqlite::Connection, asked: &Asked) -> rusqlite::Result<bool> {
    let find = "type = 'table' AND name = ?1 COLLATE NOCASE";
    let definition: String = connection.query_row(
        &format!("SELECT sql FROM sqlite_schema WHERE {find}"),
        [&asked.table],
        |row| row.get(0),
    )?;
    // On a line of its own: a comment may precede the parenthesis.
    let clause = format!("\n, {}", asked.constraint);
    let changed = if asked.adds {
        definition.rfind(')').map(|end| {
            let (before, after) = definition.split_at(end);
            format!("{before}{clause}{after}")
        })
    } else {
        let found = definition.contains(&clause);
        found.then(|| definition.replacen(&clause, "", 1))
    };
    let Some(changed) = changed else {
        return Ok(false);
    };
    let version: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    connection.execute_batch("PRAGMA writable_schema = ON")?;
    let updated = connection
        .execute(
            &format!("UPDATE sqlite_schema SET sql = ?2 WHERE {find}"),
            [&asked.table, &changed],
        )
        .and_then(|_| {
            connection.execute_batch(&format!("PRAGMA schema_version = {}", version + 1))
        });
    // RESET rather than OFF: it makes this connection read the definition again.
    connection.execute_batch("PRAGMA writable_schema = RESET")?;
    updated.map(|()| true)
}

/// Whether SQLite reads a foreign key of the column in the definition.
fn refers(connection: &rusqlite::Connection, asked: &Asked) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1) \
         WHERE \"from\" = ?2 COLLATE NOCASE)",
        params![asked.table, asked.column],
        |row| row.get(0),
    )
}
