//! What a statement of the application's may leave in its session.
//!
//! Nothing but the end of the connection resets a session here: the driver does not know the
//! protocol's command for it. So what is known to leave nothing is listed, and a connection on which
//! anything else has run is closed.

use crate::engine::own::REFUSED_CONTROL;
use crate::engine::server::{Changes, Known, Leaves};
use crate::engine::words::{self, Script, Token};

const DATA: [&str; 7] = [
    "select", "insert", "update", "delete", "replace", "values", "table",
];
const LOOKS: [&str; 4] = ["show", "explain", "describe", "desc"];
const CONTROL: [&str; 8] = [
    "begin",
    "start",
    "commit",
    "rollback",
    "savepoint",
    "release",
    "xa",
    "end",
];
/// They commit what has been done before, as MySQL's manual lists them.
const COMMITS: [&str; 22] = [
    "alter",
    "analyze",
    "cache",
    "check",
    "create",
    "drop",
    "flush",
    "grant",
    "import",
    "install",
    "lock",
    "optimize",
    "rename",
    "repair",
    "reset",
    "revoke",
    "truncate",
    "uninstall",
    "unlock",
    "change",
    "stop",
    "binlog",
];
/// What a definition is of that has no part of the session in it.
const DEFINED: [&str; 7] = [
    "table", "index", "unique", "fulltext", "spatial", "view", "database",
];

/// What may stand before a parenthesis and calls no function of the application's.
const HARMLESS: &[&str] = &[
    // Words of the language.
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "case",
    "check",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "from",
    "having",
    "in",
    "intersect",
    "into",
    "is",
    "join",
    "key",
    "like",
    "limit",
    "not",
    "on",
    "or",
    "over",
    "partition",
    "row",
    "rows",
    "select",
    "set",
    "some",
    "then",
    "union",
    "using",
    "value",
    "values",
    "when",
    "where",
    "with",
    "xor",
    // Types.
    "binary",
    "char",
    "datetime",
    "decimal",
    "signed",
    "time",
    "timestamp",
    "unsigned",
    "varchar",
    // Functions.
    "abs",
    "aes_decrypt",
    "aes_encrypt",
    "ascii",
    "avg",
    "bin_to_uuid",
    "bit_and",
    "bit_count",
    "bit_or",
    "bit_xor",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "convert",
    "convert_tz",
    "count",
    "cume_dist",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "curtime",
    "database",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "dense_rank",
    "elt",
    "exp",
    "extract",
    "field",
    "find_in_set",
    "first_value",
    "floor",
    "format",
    "found_rows",
    "from_base64",
    "from_days",
    "from_unixtime",
    "greatest",
    "group_concat",
    "hex",
    "hour",
    "if",
    "ifnull",
    "index",
    "insert",
    "inet6_aton",
    "inet6_ntoa",
    "inet_aton",
    "inet_ntoa",
    "instr",
    "isnull",
    "json_array",
    "json_array_append",
    "json_arrayagg",
    "json_contains",
    "json_contains_path",
    "json_extract",
    "json_insert",
    "json_keys",
    "json_length",
    "json_merge_patch",
    "json_merge_preserve",
    "json_object",
    "json_objectagg",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_search",
    "json_set",
    "json_table",
    "json_type",
    "json_unquote",
    "json_valid",
    "json_value",
    "lag",
    "last_day",
    "last_insert_id",
    "last_value",
    "lcase",
    "lead",
    "least",
    "left",
    "length",
    "ln",
    "locate",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "match",
    "max",
    "md5",
    "mid",
    "min",
    "minute",
    "mod",
    "month",
    "monthname",
    "now",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "position",
    "pow",
    "power",
    "quarter",
    "quote",
    "rand",
    "random_bytes",
    "rank",
    "regexp_instr",
    "regexp_like",
    "regexp_replace",
    "regexp_substr",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_count",
    "row_number",
    "rpad",
    "rtrim",
    "schema",
    "second",
    "sha",
    "sha1",
    "sha2",
    "sign",
    "sleep",
    "soundex",
    "space",
    "sqrt",
    "std",
    "stddev",
    "str_to_date",
    "strcmp",
    "substr",
    "substring",
    "substring_index",
    "sum",
    "sysdate",
    "time_format",
    "timediff",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "to_days",
    "trim",
    "truncate",
    "ucase",
    "unhex",
    "unix_timestamp",
    "upper",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "uuid_to_bin",
    "var_pop",
    "var_samp",
    "variance",
    "version",
    "week",
    "weekday",
    "weekofyear",
    "year",
    "yearweek",
];

pub fn know(sql: &str) -> Known {
    let mut tokens = words::tokens(sql, Script::MySql).filter(|token| *token != Token::Sign('('));
    let first = tokens.next().unwrap_or(Token::Unknown);
    let second = tokens.next().unwrap_or(Token::Unknown);
    let verb = words::verb(sql, Script::MySql);
    let is_temporary = second.is("temporary");
    let leaves_nothing = match () {
        () if verb.is_one_of(&DATA) || verb.is_one_of(&LOOKS) => calls_nothing_unknown(sql),
        () => is_definition(first, second) && defines_only(sql),
    };
    let changes = if words::changes_rows(sql, Script::MySql) {
        Changes::Rows
    } else if verb.is_one_of(&DATA) || first.is_one_of(&LOOKS) || first.is_one_of(&CONTROL) {
        Changes::Nothing
    } else {
        Changes::Tables
    };
    let autocommits =
        first.is("set") && words::tokens(sql, Script::MySql).any(|token| token.is("autocommit"));
    let refused_inside = if first.is_one_of(&CONTROL) || autocommits {
        Some(REFUSED_CONTROL)
    } else if first.is_one_of(&COMMITS) && !is_temporary {
        Some(REFUSED_COMMIT)
    } else {
        None
    };
    Known {
        leaves: if leaves_nothing {
            Leaves::Nothing
        } else {
            Leaves::Unknown
        },
        changes,
        refused: None,
        refused_inside,
        may_end: !verb.is_one_of(&DATA) && !first.is_one_of(&LOOKS),
    }
}

const REFUSED_COMMIT: &str = "inside a transaction, this server commits what has been done before such a \
     statement changes tables, rights or locks; run it outside of transactions";

fn is_definition(first: Token, second: Token) -> bool {
    first.is("truncate")
        || first.is_one_of(&["create", "alter", "drop", "rename"]) && second.is_one_of(&DEFINED)
}

/// Whether there is no variable of the session in it and no function that is not known.
fn calls_nothing_unknown(sql: &str) -> bool {
    let mut before = Token::Unknown;
    let mut before_that = Token::Unknown;
    let mut previous_sign = None;
    for token in words::tokens(sql, Script::MySql) {
        match token {
            Token::Unknown => return false,
            // A variable of the server's, `@@name`, is two of them.
            Token::Sign('@') if previous_sign != Some('@') => previous_sign = Some('@'),
            Token::Sign('@') => previous_sign = None,
            _ if previous_sign == Some('@') => return false,
            Token::Sign('(') if !opens_harmlessly(before, before_that) => return false,
            // `@@name := ...` there is not, and `INTO @name` has been found.
            _ => {}
        }
        (before_that, before) = (before, token);
    }
    previous_sign != Some('@')
}

fn opens_harmlessly(before: Token, before_that: Token) -> bool {
    match before {
        // The columns of an INSERT.
        _ if before_that.is_one_of(&["into", "ignore", "insert", "replace"]) => {
            !matches!(before, Token::Unknown)
        }
        Token::Word(_) => before.is_one_of(HARMLESS),
        // A function by its name in quotes is one of the application's.
        Token::Name => false,
        Token::Unknown | Token::Literal | Token::Sign(_) => true,
    }
}

/// A definition that no query is part of.
fn defines_only(sql: &str) -> bool {
    words::tokens(sql, Script::MySql).all(|token| {
        !matches!(token, Token::Unknown | Token::Sign('@'))
            && !token.is_one_of(&["select", "temporary"])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_data_and_definitions_leave_nothing() {
        for sql in [
            "select * from `user` where `email` = ? and (`a` = 1 or `b` in (?, ?)) limit ?",
            "insert into `a` (`b`, `c`) values (?, ?), (?, ?) on duplicate key update `b` = values(`b`)",
            "insert ignore into a(b) select count(*) from c",
            "update a set b = upper(b), c = now() where d = ?",
            "with recent as (select 1) select * from recent",
            "(select 1) union (select 2)",
            "select @@version, @@session.sql_mode",
            "create table if not exists a (id int primary key, b varchar(255))",
            "alter table a add column b decimal(5, 2)",
            "create index a on b (c)",
            "truncate table a",
            "show tables",
        ] {
            assert_eq!(know(sql).leaves, Leaves::Nothing, "{sql}");
        }
    }

    #[test]
    fn whatever_may_change_the_session_closes_the_connection() {
        for sql in [
            "begin",
            "start transaction",
            "set sql_mode = ''",
            "set @a = 1",
            "use other",
            "lock tables a write",
            "create temporary table a (b int)",
            "create or replace temporary table a (b int)",
            "call p()",
            "prepare a from 'select 1'",
            "select get_lock('a', 1)",
            "select my_function(1)",
            "select `my_function`(1)",
            "select @a := 1",
            "select 1 into @a",
            "select 5--@a",
            "select /*!80000 @a := 1, */ 1",
            "handler a open",
            "do sleep(1)",
            "create table a as select my_function()",
            "",
        ] {
            assert_eq!(know(sql).leaves, Leaves::Unknown, "{sql}");
        }
    }

    #[test]
    fn what_would_end_a_transaction_is_not_run_in_one() {
        for sql in [
            "BEGIN",
            "commit",
            "/* a */ Rollback",
            "savepoint a",
            "set autocommit = 1",
        ] {
            assert_eq!(know(sql).refused_inside, Some(REFUSED_CONTROL), "{sql}");
        }
        for sql in [
            "create table a (b int)",
            "lock tables a write",
            "truncate a",
            "alter table a add b int",
        ] {
            assert_eq!(know(sql).refused_inside, Some(REFUSED_COMMIT), "{sql}");
        }
        for sql in [
            "create temporary table a (b int)",
            "drop temporary table a",
            "select 1",
            "set @a = 1",
        ] {
            assert_eq!(know(sql).refused_inside, None, "{sql}");
        }
        assert!(know("call p()").may_end);
        assert!(!know("insert into a values (1)").may_end);
    }
}
