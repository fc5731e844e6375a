//! The words of a statement, without its comments and literals: what it begins with decides what it
//! may leave behind in its session.
//!
//! Not a parser. What cannot be told for certain is `Token::Unknown`, and whoever asks takes the
//! worst for granted.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// How a database writes comments, texts and names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Sqlite,
    Postgres,
    MySql,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'s> {
    Word(&'s str),
    /// A name in quotes.
    Name,
    /// A text or a number.
    Literal,
    Sign(char),
    /// A comment that a server carries out, or something that does not end.
    Unknown,
}

impl Token<'_> {
    pub fn is(self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub fn is_one_of(self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The tokens of a statement, and where each stands.
pub struct Tokens<'s> {
    sql: &'s str,
    script: Script,
    rest: Peekable<CharIndices<'s>>,
}

impl<'s> Tokens<'s> {
    pub fn of(sql: &'s str, script: Script) -> Self {
        Self {
            sql,
            script,
            rest: sql.char_indices().peekable(),
        }
    }

    fn here(&mut self) -> usize {
        self.rest.peek().map_or(self.sql.len(), |(at, _)| *at)
    }

    fn ahead(&mut self) -> &'s str {
        let here = self.here();
        &self.sql[here..]
    }

    fn skip_while(&mut self, goes_on: impl Fn(char) -> bool) {
        while self.rest.next_if(|(_, next)| goes_on(*next)).is_some() {}
    }

    /// Skips to behind `end`; false where there is none.
    fn skip_past(&mut self, end: &str) -> bool {
        let Some(at) = self.ahead().find(end) else {
            self.rest = self.sql[self.sql.len()..].char_indices().peekable();
            return false;
        };
        let to = self.here() + at + end.len();
        while self.rest.next_if(|(at, _)| *at < to).is_some() {}
        true
    }

    /// What is in quotes, which are doubled inside.
    fn quoted(&mut self, quote: char, escapes: bool) -> bool {
        while let Some((_, next)) = self.rest.next() {
            if escapes && next == '\\' {
                self.rest.next();
            } else if next == quote && self.rest.next_if(|(_, next)| *next == quote).is_none() {
                return true;
            }
        }
        false
    }

    /// What follows `/*`.
    fn comment(&mut self) -> Option<Token<'s>> {
        let ahead = self.ahead();
        let carried_out = ahead.starts_with('!') || ahead.starts_with("M!");
        if self.script == Script::MySql && carried_out {
            return Some(Token::Unknown);
        }
        if self.script != Script::Postgres {
            return (!self.skip_past("*/")).then_some(Token::Unknown);
        }
        let mut depth = 1;
        while depth > 0 {
            let ahead = self.ahead();
            if ahead.is_empty() {
                return Some(Token::Unknown);
            }
            let mark = ahead.get(..2);
            if mark == Some("/*") || mark == Some("*/") {
                self.rest.next();
                depth += if mark == Some("/*") { 1 } else { -1 };
            }
            self.rest.next();
        }
        None
    }

    /// `$tag$ ... $tag$`; the first sign has been read.
    fn in_dollars(&mut self) -> Option<bool> {
        let ahead = self.ahead();
        let tag = ahead.split_once('$')?.0;
        let is_tag =
            tag.chars().all(is_of_word) && !tag.starts_with(|first: char| first.is_ascii_digit());
        if !is_tag {
            return None;
        }
        let mark = format!("${tag}$");
        self.skip_past("$");
        Some(self.skip_past(&mark))
    }

    fn is_line_comment(&mut self, first: char) -> bool {
        let mysql = self.script == Script::MySql;
        match first {
            '#' => mysql,
            '-' => {
                let mut ahead = self.ahead().chars();
                ahead.next() == Some('-')
                    && (!mysql
                        || ahead
                            .next()
                            .is_none_or(|next| next.is_whitespace() || next.is_control()))
            }
            _ => false,
        }
    }

    /// The token that begins with `first`; none where it is a comment.
    fn token(&mut self, at: usize, first: char) -> Option<Token<'s>> {
        let whole = |ended: bool, token| if ended { token } else { Token::Unknown };
        let (mysql, postgres) = (
            self.script == Script::MySql,
            self.script == Script::Postgres,
        );
        Some(match first {
            _ if self.is_line_comment(first) => {
                self.skip_while(|next| next != '\n' && !(postgres && next == '\r'));
                return None;
            }
            '/' if self.ahead().starts_with('*') => {
                self.rest.next();
                return self.comment();
            }
            '\'' => whole(self.quoted('\'', mysql), Token::Literal),
            '"' if mysql => whole(self.quoted('"', true), Token::Literal),
            '"' => whole(self.quoted('"', false), Token::Name),
            '`' if !postgres => whole(self.quoted('`', false), Token::Name),
            '[' if self.script == Script::Sqlite => whole(self.skip_past("]"), Token::Name),
            'e' | 'E' if postgres && self.ahead().starts_with('\'') => {
                self.rest.next();
                whole(self.quoted('\'', true), Token::Literal)
            }
            '$' if postgres => match self.in_dollars() {
                Some(ended) => whole(ended, Token::Literal),
                None => {
                    // A parameter.
                    self.skip_while(|next| next.is_ascii_digit());
                    Token::Sign('$')
                }
            },
            _ if first.is_ascii_digit() => {
                self.skip_while(|next| is_of_word(next) || next == '.');
                Token::Literal
            }
            _ if is_of_word(first) => {
                self.skip_while(|next| is_of_word(next) || next == '$');
                let end = self.here();
                Token::Word(&self.sql[at..end])
            }
            sign => Token::Sign(sign),
        })
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

impl<'s> Iterator for Tokens<'s> {
    type Item = (Token<'s>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, first) = self.rest.next()?;
            if first.is_whitespace() {
                continue;
            }
            if let Some(token) = self.token(at, first) {
                let end = self.here();
                return Some((token, at..end));
            }
        }
    }
}

/// The tokens alone. PostgreSQL passes over empty statements at the beginning.
pub fn tokens(sql: &str, script: Script) -> impl Iterator<Item = Token<'_>> {
    let tokens = Tokens::of(sql, script).map(|(token, _)| token);
    tokens.skip_while(|token| *token == Token::Sign(';'))
}

/// What a statement does: its first word, or the one after the definitions of a WITH.
pub fn verb(sql: &str, script: Script) -> Token<'_> {
    let mut tokens = tokens(sql, script).skip_while(|token| *token == Token::Sign('('));
    let Some(first) = tokens.next() else {
        return Token::Unknown;
    };
    if !first.is("with") {
        return first;
    }
    let mut depth = 0;
    let mut after_definition = false;
    for token in tokens {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            // Between a definition's columns and its query.
            Token::Word(_) if depth == 0 && after_definition && !token.is("as") => return token,
            _ => {}
        }
        after_definition = depth == 0 && token == Token::Sign(')');
    }
    Token::Unknown
}

/// Whether rows are inserted, changed or deleted by what the statement does.
pub fn changes_rows(sql: &str, script: Script) -> bool {
    verb(sql, script).is_one_of(&["insert", "update", "delete", "merge", "replace"])
}

/// The statement as events show it: without the values that it was written with.
pub fn without_values(sql: &str, script: Script) -> String {
    let mut shape = String::with_capacity(sql.len());
    let mut shown = 0;
    for (token, place) in Tokens::of(sql, script) {
        match token {
            Token::Literal => {
                shape.push_str(&sql[shown..place.start]);
                shape.push('?');
                shown = place.end;
            }
            Token::Unknown => {
                shape.push_str(&sql[shown..place.start]);
                shape.push_str("...");
                return shape;
            }
            _ => {}
        }
    }
    shape.push_str(&sql[shown..]);
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str, script: Script) -> Vec<&str> {
        tokens(sql, script)
            .filter_map(|token| match token {
                Token::Word(word) => Some(word),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn comments_texts_and_names_are_no_words() {
        let postgres =
            "/* a /* b */ c */ SELECT E'it\\'s d', $$e$$, $x$ f $$ g $x$, \"h\" -- i\n FROM j";
        assert_eq!(words(postgres, Script::Postgres), ["SELECT", "FROM", "j"]);
        let mysql = "# a\nSELECT 'it\\'s b', \"c\", `d`, 5--2 -- e\n FROM j";
        assert_eq!(words(mysql, Script::MySql), ["SELECT", "FROM", "j"]);
        let sqlite = "-- a\nSELECT 'b\\', [c d], `e` FROM j";
        assert_eq!(words(sqlite, Script::Sqlite), ["SELECT", "FROM", "j"]);
    }

    #[test]
    fn what_a_server_carries_out_or_what_does_not_end_is_unknown() {
        for (sql, script) in [
            ("SELECT /*!80000 1 */", Script::MySql),
            ("SELECT /*M!100100 1 */", Script::MySql),
            ("SELECT 'a", Script::MySql),
            ("SELECT /* a", Script::Postgres),
            ("SELECT $a$ b", Script::Postgres),
        ] {
            assert!(
                tokens(sql, script).any(|token| token == Token::Unknown),
                "{sql}"
            );
        }
    }

    #[test]
    fn a_with_does_what_follows_its_definitions() {
        for (sql, expected) in [
            ("select 1", "select"),
            ("((select 1))", "select"),
            ("with a as (delete from b) select 1", "select"),
            (
                "with insert as (select 1), b (c) as (select 2) update d set e = 1",
                "update",
            ),
            ("-- x\n/* y */ Insert into a values (1)", "insert"),
        ] {
            assert!(verb(sql, Script::Postgres).is(expected), "{sql}");
        }
        assert_eq!(verb("", Script::Postgres), Token::Unknown);
    }

    #[test]
    fn an_event_shows_no_value() {
        let sql = "SELECT a1 FROM t WHERE b = 'secret' AND c > 5.5 AND d = $1";
        assert_eq!(
            without_values(sql, Script::Postgres),
            "SELECT a1 FROM t WHERE b = ? AND c > ? AND d = $1"
        );
        assert_eq!(
            without_values("SELECT 'secret", Script::MySql),
            "SELECT ..."
        );
    }
}
