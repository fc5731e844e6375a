//! Statements as text: many in one script, apart again, and what each would take away.
//!
//! Scripts are the files of migrations and what the history keeps of them. They are split where
//! the database's own client would split them; what no statement of a database can do is a remark
//! in them, which clients pass over and `migrate` understands.

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::sql::{COPIES, Dialect, Quoting};

/// What such a remark begins with.
pub const REMARK: &str = "-- better-auth-native ";

/// One script of all statements, each ended by a semicolon.
pub fn join<T: AsRef<str>>(statements: &[T]) -> String {
    let ended = statements
        .iter()
        .map(|statement| format!("{};\n", statement.as_ref()));
    ended.collect::<Vec<_>>().join("\n")
}

/// SHA-256 of a script, in hex. Line ends count as line feeds: a checkout may have changed them.
pub fn checksum(script: &str) -> String {
    let digest = Sha256::digest(script.replace("\r\n", "\n").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The statements of a script, without the comments before them. `name` is what errors call it.
pub fn split(dialect: &dyn Dialect, script: &str, name: &str) -> Result<Vec<String>> {
    let invalid = |why: &str| {
        let message = format!("{name} cannot be run: {why}; nothing was changed");
        Error::new(Code::MigrationInvalid, message)
    };
    let mut statements = Vec::new();
    let mut current = Current::default();
    for token in tokens(script, dialect.quoting()).map_err(|why| invalid(&why))? {
        match token.kind {
            Kind::Remark if current.start.is_none() => {
                let text = token.text.trim_end().trim_end_matches(';');
                statements.push(text.to_owned());
            }
            Kind::Space | Kind::Comment | Kind::Remark => {}
            Kind::Symbol if token.text == ";" && !current.is_inside_body() => {
                statements.extend(current.take(script));
            }
            _ => current.push(&token),
        }
    }
    if current.is_inside_body() {
        return Err(invalid("a BEGIN has no END"));
    }
    statements.extend(current.take(script));
    const TRANSACTIONS: [&str; 5] = ["begin", "start", "commit", "rollback", "end"];
    let first = |statement: &String| words(dialect, statement).into_iter().next();
    if let Some(word) = statements
        .iter()
        .filter_map(first)
        .find(|word| TRANSACTIONS.contains(&word.as_str()))
    {
        return Err(invalid(&format!(
            "it has a statement {} of its own, and migrations run in a transaction",
            word.to_uppercase()
        )));
    }
    Ok(statements)
}

/// The statement that is being read.
#[derive(Default)]
struct Current {
    start: Option<usize>,
    end: usize,
    words: Vec<String>,
    /// How many BEGINs and CASEs are open in the body of a trigger or a routine.
    depth: usize,
}

impl Current {
    fn push(&mut self, token: &Token) {
        self.start.get_or_insert(token.start);
        self.end = token.start + token.text.len();
        if token.kind != Kind::Word {
            return;
        }
        let word = token.text.to_lowercase();
        let after_end = self.words.last().is_some_and(|last| last == "end");
        match word.as_str() {
            "begin" if self.has_body() => self.depth += 1,
            "case" if self.depth > 0 && !after_end => self.depth += 1,
            // END IF and its like end what was not counted.
            "if" | "loop" | "while" | "repeat" if after_end && self.has_body() => self.depth += 1,
            "end" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.words.push(word);
    }

    fn has_body(&self) -> bool {
        const BODIES: [&str; 3] = ["trigger", "function", "procedure"];
        self.words.first().is_some_and(|word| word == "create")
            && self
                .words
                .iter()
                .any(|word| BODIES.contains(&word.as_str()))
    }

    fn is_inside_body(&self) -> bool {
        self.depth > 0
    }

    fn take(&mut self, script: &str) -> Option<String> {
        let Self { start, end, .. } = std::mem::take(self);
        Some(script[start?..end].to_owned())
    }
}

/// What a statement takes away with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Loss {
    /// All rows of a table, whose name is as it stands in the statement.
    Rows(String),
    /// The values of a column: the names of its table and its own.
    Values(String, String),
    /// Something, and it cannot be told what.
    Unknown,
}

pub fn losses(dialect: &dyn Dialect, statement: &str) -> Vec<Loss> {
    if statement.starts_with(REMARK) {
        return Vec::new();
    }
    let Ok(tokens) = tokens(statement, dialect.quoting()) else {
        return vec![Loss::Unknown];
    };
    if tokens.iter().any(|token| token.text == COPIES) {
        return Vec::new();
    }
    let tokens: Vec<&Token> = tokens
        .iter()
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment | Kind::Remark))
        .collect();
    let word = |at: usize| {
        tokens
            .get(at)
            .map_or(String::new(), |it| it.text.to_lowercase())
    };
    match (word(0).as_str(), word(1).as_str()) {
        ("drop", "table") => {
            let at = if word(2) == "if" { 4 } else { 2 };
            let (name, next) = name_at(&tokens, at);
            match word(next).as_str() {
                "" | "cascade" | "restrict" => vec![Loss::Rows(name)],
                _ => vec![Loss::Unknown],
            }
        }
        ("alter", "table") => {
            let (table, next) = name_at(&tokens, 2);
            altered(&tokens[next..], &table)
        }
        ("drop", "index" | "trigger" | "function" | "view" | "procedure")
        | ("create" | "comment" | "set" | "select" | "insert" | "grant" | "revoke", _) => {
            Vec::new()
        }
        _ => vec![Loss::Unknown],
    }
}

/// What the clauses of an ALTER TABLE take away.
fn altered(tokens: &[&Token], table: &str) -> Vec<Loss> {
    const HARMLESS: [&str; 6] = ["index", "key", "constraint", "foreign", "primary", "check"];
    let word = |at: usize| {
        tokens
            .get(at)
            .map_or(String::new(), |it| it.text.to_lowercase())
    };
    let mut found = Vec::new();
    for at in (0..tokens.len()).filter(|at| tokens[*at].kind == Kind::Word) {
        match word(at).as_str() {
            "drop" if word(at + 1) == "column" => {
                let name = if word(at + 2) == "if" { at + 4 } else { at + 2 };
                found.push(Loss::Values(table.to_owned(), name_at(tokens, name).0));
            }
            "drop" if HARMLESS.contains(&word(at + 1).as_str()) => {}
            "drop" if matches!(word(at + 1).as_str(), "not" | "default" | "expression") => {}
            "drop" | "modify" | "change" | "type" => found.push(Loss::Unknown),
            _ => {}
        }
    }
    found
}

/// A name, perhaps qualified, and the place after it.
fn name_at(tokens: &[&Token], mut at: usize) -> (String, usize) {
    let mut name = String::new();
    while let Some(token) = tokens.get(at) {
        name.push_str(token.text);
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != ".") {
            break;
        }
        name.push('.');
        at += 1;
    }
    (name, at)
}

/// A statement without the values in it, on one line, and the names in it; none where it is not
/// whole.
pub fn shape(dialect: &dyn Dialect, statement: &str) -> Option<(String, Vec<String>)> {
    let (mut shape, mut names) = (String::new(), Vec::new());
    let mut is_parameter = false;
    for token in tokens(statement, dialect.quoting()).ok()? {
        let is_number = token.text.starts_with(|first: char| first.is_ascii_digit());
        let is_name = token
            .text
            .starts_with(if dialect.quoting() == Quoting::Backslashes {
                '`'
            } else {
                '"'
            });
        match token.kind {
            Kind::Space | Kind::Comment | Kind::Remark => {
                if !shape.ends_with(' ') {
                    shape.push(' ');
                }
            }
            Kind::Quoted if is_name => {
                names.push(token.text[1..token.text.len() - 1].to_owned());
                shape.push_str(token.text);
            }
            // Two quotes in a row are one text.
            Kind::Quoted if shape.ends_with('?') => {}
            Kind::Quoted => shape.push('?'),
            Kind::Word if is_number && !is_parameter => shape.push('?'),
            Kind::Word => {
                names.push(token.text.to_owned());
                shape.push_str(token.text);
            }
            Kind::Symbol => shape.push_str(token.text),
        }
        is_parameter = token.text == "$";
    }
    Some((shape.trim().to_owned(), names))
}

fn words(dialect: &dyn Dialect, statement: &str) -> Vec<String> {
    let tokens = tokens(statement, dialect.quoting()).unwrap_or_default();
    let words = tokens.iter().filter(|token| token.kind == Kind::Word);
    words.map(|token| token.text.to_lowercase()).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Space,
    Comment,
    Remark,
    Word,
    Quoted,
    Symbol,
}

#[derive(Debug)]
struct Token<'t> {
    kind: Kind,
    start: usize,
    text: &'t str,
}

fn tokens(text: &str, quoting: Quoting) -> Result<Vec<Token<'_>>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let escaping = quoting == Quoting::Backslashes
            || (quoting == Quoting::Dollars
                && first == '\''
                && tokens
                    .last()
                    .is_some_and(|last| last.text.eq_ignore_ascii_case("e")));
        let (kind, length) = match first {
            _ if rest.starts_with(REMARK) => (Kind::Remark, line(rest)),
            _ if rest.starts_with("--") => (Kind::Comment, line(rest)),
            '#' if quoting == Quoting::Backslashes => (Kind::Comment, line(rest)),
            _ if rest.starts_with("/*") => (Kind::Comment, comment(rest, quoting)?),
            '\'' => (Kind::Quoted, quoted(rest, escaping)?),
            '"' | '`' => (Kind::Quoted, quoted(rest, escaping && first == '"')?),
            '$' if quoting == Quoting::Dollars => match dollars(rest)? {
                Some(length) => (Kind::Quoted, length),
                None => (Kind::Symbol, 1),
            },
            _ if first.is_whitespace() => (Kind::Space, first.len_utf8()),
            _ if is_word(first) => {
                let end = rest.find(|next| !is_word(next) && next != '$');
                (Kind::Word, end.unwrap_or(rest.len()))
            }
            _ => (Kind::Symbol, first.len_utf8()),
        };
        let text = &rest[..length];
        tokens.push(Token { kind, start, text });
        start += length;
    }
    Ok(tokens)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// How long a comment to the end of the line is.
fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// They are nested in PostgreSQL, and nowhere else.
fn comment(rest: &str, quoting: Quoting) -> Result<usize, String> {
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        let end = rest[at..].find("*/");
        let end = at + end.ok_or("a comment has no end")?;
        let nested = rest[at..end]
            .find("/*")
            .filter(|_| quoting == Quoting::Dollars);
        match nested {
            Some(offset) => {
                depth += 1;
                at += offset + 2;
            }
            None => {
                depth -= 1;
                at = end + 2;
            }
        }
    }
    Ok(at)
}

fn quoted(rest: &str, escaping: bool) -> Result<usize, String> {
    let mut characters = rest.char_indices();
    let (_, quote) = characters.next().ok_or("a quote has no end")?;
    while let Some((at, character)) = characters.next() {
        if character == '\\' && escaping {
            characters.next();
        } else if character == quote {
            // Two in a row stand for one; taken apart, they are two texts, which ends in the same
            // place.
            return Ok(at + quote.len_utf8());
        }
    }
    Err(format!("a quote ({quote}) has no end"))
}

/// `$tag$ ... $tag$`
fn dollars(rest: &str) -> Result<Option<usize>, String> {
    let Some(end) = rest[1..].find('$') else {
        return Ok(None);
    };
    let tag = &rest[..end + 2];
    let name = &tag[1..tag.len() - 1];
    if !name.chars().all(is_word) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(None);
    }
    let body = rest[tag.len()..].find(tag);
    let body = body.ok_or_else(|| format!("a quote ({tag}) has no end"))?;
    Ok(Some(tag.len() * 2 + body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{MySql, Postgres, Sqlite};

    fn statements(dialect: &dyn Dialect, script: &str) -> Vec<String> {
        split(dialect, script, "the script").unwrap()
    }

    #[test]
    fn statements_end_where_the_database_says() {
        let script = "-- of mine; really\nSELECT 'a;''b' ; /* c; */ SELECT \"d;\";\n\n;SELECT 1";
        for dialect in [
            &Sqlite as &dyn Dialect,
            &Postgres::default(),
            &MySql::default(),
        ] {
            assert_eq!(
                statements(dialect, script),
                ["SELECT 'a;''b'", "SELECT \"d;\"", "SELECT 1"]
            );
        }
        assert_eq!(
            statements(&MySql::default(), "SELECT 'it\\';s'; # x;\nSELECT `a;`"),
            ["SELECT 'it\\';s'", "SELECT `a;`"]
        );
        assert_eq!(
            statements(
                &Postgres::default(),
                "SELECT E'it\\';s'; SELECT '\\'; /* a /* b; */ c; */ SELECT $x$ ; $$ $x$, $1"
            ),
            [
                "SELECT E'it\\';s'",
                "SELECT '\\'",
                "SELECT $x$ ; $$ $x$, $1"
            ]
        );
    }

    #[test]
    fn a_body_is_part_of_its_statement() {
        let trigger = "CREATE TRIGGER t AFTER UPDATE ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 \
                       END; DELETE FROM c; END";
        let script = format!("{trigger};\nSELECT 1;");
        assert_eq!(statements(&Sqlite, &script), [trigger, "SELECT 1"]);
        let routine = "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; SELECT 2; END";
        let script = format!("{routine};\nSELECT 1;");
        assert_eq!(
            statements(&MySql::default(), &script),
            [routine, "SELECT 1"]
        );
    }

    #[test]
    fn what_was_joined_is_split_again_and_remarks_are_statements() {
        let parts = [
            "CREATE TABLE \"a\" (\n  \"id\" text\n)".to_owned(),
            format!("{REMARK}does what no statement can: ALTER TABLE \"a\" ADD FOREIGN KEY"),
            "CREATE INDEX \"b\" ON \"a\" (\"id\")".to_owned(),
        ];
        assert_eq!(statements(&Sqlite, &join(&parts)), parts);
        let crlf = join(&parts).replace('\n', "\r\n");
        assert_eq!(checksum(&crlf), checksum(&join(&parts)));
    }

    #[test]
    fn a_script_that_cannot_be_read_says_why() {
        for (script, why) in [
            ("SELECT 'a", "a quote (') has no end"),
            ("SELECT /* a", "a comment has no end"),
            ("SELECT 1; COMMIT;", "a statement COMMIT of its own"),
            (
                "CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT 1;",
                "a BEGIN has no END",
            ),
        ] {
            let error = split(&Sqlite, script, "0001_a.up.sql").unwrap_err();
            assert_eq!(error.code, Code::MigrationInvalid);
            assert!(error.message.contains(why), "{}", error.message);
        }
    }

    #[test]
    fn what_a_statement_takes_away_is_told() {
        let rows = |name: &str| vec![Loss::Rows(name.to_owned())];
        let values =
            |table: &str, name: &str| vec![Loss::Values(table.to_owned(), name.to_owned())];
        let lost = |statement| losses(&MySql::default(), statement);
        assert_eq!(lost("DROP TABLE `user`"), rows("`user`"));
        assert_eq!(lost("drop table if exists a.b cascade"), rows("a.b"));
        assert_eq!(lost("DROP TABLE a, b"), [Loss::Unknown]);
        assert_eq!(
            lost("ALTER TABLE `u` DROP COLUMN `x`"),
            values("`u`", "`x`")
        );
        assert_eq!(
            lost("ALTER TABLE `u` DROP FOREIGN KEY `k`, DROP COLUMN `x`"),
            values("`u`", "`x`")
        );
        for harmless in [
            "ALTER TABLE `u` DROP INDEX `x`, ADD INDEX `y` (`z`)",
            "ALTER TABLE `u` DROP CONSTRAINT `x`",
            "DROP INDEX `x` ON `u`",
            "-- better-auth-native leaves the schema",
        ] {
            assert_eq!(lost(harmless), [], "{harmless}");
        }
        for unclear in [
            "DELETE FROM u",
            "TRUNCATE u",
            "ALTER TABLE u DROP x",
            "DROP SCHEMA s",
        ] {
            assert_eq!(lost(unclear), [Loss::Unknown], "{unclear}");
        }
    }
}
