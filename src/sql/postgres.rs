//! The PostgreSQL dialect.
//!
//! PostgreSQL converts little by itself: `uuid = text` is an error. So every parameter has the
//! type of the column that it is stored in or compared with, as the catalogue tells it, and
//! columns of types this package does not speak are cast to and from text by the server.

use std::borrow::Cow;
use std::collections::HashMap;

use super::dialect::{
    ColumnUse, Dialect, FirstMatch, JoinedRows, Piece, Quoting, SkipsLocked, Verdict, regular,
    touch_trigger,
};
use super::{Builder, Field, SearchIndex, SearchPart, Term};
use crate::engine::Role;
use crate::engine::postgres::types::{self, ColumnType};
use crate::value::{IdKind, Kind};

/// What the dialect has to know of the database it writes for.
#[derive(Debug, Default)]
pub struct Postgres {
    /// Where tables are whose names tell no schema; the search path decides where there is none.
    pub schema: Option<String>,
    /// Whose lower case is Unicode's, where the database's own is ASCII's.
    pub folding: Option<String>,
    /// By table, as operations name it, and column.
    pub tables: HashMap<String, HashMap<String, ColumnType>>,
}

impl Postgres {
    fn column_of(&self, table: &str, column: &str) -> Option<&ColumnType> {
        self.tables.get(table)?.get(column)
    }

    fn column(&self, term: Term) -> Option<&ColumnType> {
        self.column_of(term.table, &term.clause.column)
    }

    /// The type of a column, or what `migrate` makes of that kind.
    fn oid(&self, table: &str, column: &str, kind: Kind) -> u32 {
        self.column_of(table, column)
            .map_or_else(|| default_type(kind), |column| column.oid)
    }

    /// The type a value is compared as.
    fn compared_type(&self, term: Term) -> u32 {
        let clause = term.clause;
        let oid = self.oid(term.table, &clause.column, clause.kind);
        match clause.kind {
            // A fraction is comparable with an integer; both are, as fractions.
            Kind::Number if oid == types::FLOAT8 || types::is_number(oid) => types::FLOAT8,
            Kind::BigInt if types::is_number(oid) => types::INT8,
            Kind::Date if types::is_moment(oid) => oid,
            Kind::Json | Kind::StringList | Kind::NumberList if oid == types::JSON => types::JSONB,
            _ if types::is_known(oid) => oid,
            // NUMERIC; its text would have to agree in its last zero.
            Kind::Number | Kind::BigInt => types::FLOAT8,
            _ => types::TEXT,
        }
    }

    /// A column as text, as the server writes it out.
    fn as_text(
        &self,
        sql: &mut Builder,
        column: &ColumnType,
        mut append: impl FnMut(&mut Builder),
    ) {
        if types::is_known(column.oid) || column.loose {
            append(sql);
            sql.sql("::text");
        } else {
            // A cast is another thing for some: that of an inet adds its netmask.
            sql.sql("(to_json(");
            append(sql);
            sql.sql(") #>> '{}')");
        }
    }
}

fn default_type(kind: Kind) -> u32 {
    match kind {
        Kind::Id | Kind::String => types::TEXT,
        Kind::Number => types::FLOAT8,
        Kind::BigInt => types::INT8,
        Kind::Boolean => types::BOOL,
        Kind::Date => types::TIMESTAMPTZ,
        Kind::Json => types::JSONB,
        // Array types have array types of none.
        Kind::StringList => 1009,
        Kind::NumberList => 1022,
    }
}

impl Dialect for Postgres {
    fn qualified<'n>(&'n self, table: &'n str) -> (Option<&'n str>, &'n str) {
        match table.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (self.schema.as_deref(), table),
        }
    }

    fn placeholder(&self, number: usize, text: &mut String) {
        text.push('$');
        text.push_str(&number.to_string());
    }

    fn numbered_placeholders(&self) -> bool {
        true
    }

    /// Without the lock, a second caller would wait for the first one's write and then do its own
    /// although the row no longer matches.
    fn first_match(&self) -> FirstMatch {
        FirstMatch::Subquery(" FOR UPDATE")
    }

    fn skips_locked(&self) -> SkipsLocked {
        SkipsLocked::Inside
    }

    fn assigned(&self, sql: &mut Builder, table: &str, field: &Field, slot: usize) {
        match self.column_of(table, &field.column) {
            Some(column) if !types::is_known(column.oid) => {
                sql.sql("CAST(")
                    .bind_as(slot, field.kind, Role::Stored, types::TEXT)
                    .sql(" AS ")
                    // The catalogue's own words.
                    .sql(&column.name)
                    .sql(")");
            }
            _ => {
                let oid = self.oid(table, &field.column, field.kind);
                sql.bind_as(slot, field.kind, Role::Stored, oid);
            }
        }
    }

    fn compared(&self, sql: &mut Builder, term: Term) {
        let oid = self.compared_type(term);
        sql.bind_as(term.slot, term.clause.kind, Role::Compared, oid);
    }

    fn compared_column(&self, sql: &mut Builder, term: Term) {
        let is_number = matches!(term.clause.kind, Kind::Number | Kind::BigInt);
        match self.column(term) {
            Some(column) if column.oid == types::JSON => {
                term.column(sql);
                sql.sql("::jsonb");
            }
            Some(column) if !types::is_known(column.oid) && is_number => {
                term.column(sql);
                sql.sql("::float8");
            }
            Some(column) if !types::is_known(column.oid) => {
                self.as_text(sql, column, |sql| term.column(sql));
            }
            _ => term.column(sql),
        }
    }

    fn text_column(&self, sql: &mut Builder, term: Term) {
        let oid = self.oid(term.table, &term.clause.column, term.clause.kind);
        match (self.column(term), term.clause.kind) {
            // As the engines without arrays hold them.
            (_, Kind::StringList | Kind::NumberList) if types::element_of(oid).is_some() => {
                sql.sql("to_json(");
                term.column(sql);
                sql.sql(")::text");
            }
            (Some(column), _) if !types::is_text(oid) => {
                self.as_text(sql, column, |sql| term.column(sql));
            }
            _ => {
                term.column(sql);
                if !types::is_text(oid) {
                    sql.sql("::text");
                }
            }
        }
    }

    fn text_equals(&self, sql: &mut Builder, term: Term) {
        let column = self.column(term);
        let oid = self.oid(term.table, &term.clause.column, term.clause.kind);
        match column {
            // citext and collations that take different texts for equal: the first comparison
            // uses the index.
            Some(column) if column.loose => {
                sql.sql("(");
                term.column(sql);
                sql.sql(" = CAST(");
                term.text_value(sql);
                sql.sql(" AS ").sql(&column.name).sql(") AND ");
                self.exact(sql, term);
                sql.sql(" = ");
                term.text_value(sql);
                sql.sql(")");
            }
            _ if types::is_known(oid) && oid != types::BPCHAR => {
                term.column(sql);
                sql.sql(" = ");
                sql.bind_as(term.slot, term.clause.kind, Role::Compared, oid);
            }
            _ => {
                self.exact(sql, term);
                sql.sql(" = ");
                term.text_value(sql);
            }
        }
    }

    fn exact(&self, sql: &mut Builder, term: Term) {
        self.text_column(sql, term);
        sql.sql(" COLLATE \"C\"");
    }

    fn fold(&self, sql: &mut Builder, inner: &mut dyn FnMut(&mut Builder)) {
        sql.sql("lower(");
        inner(sql);
        match &self.folding {
            // Two collations that are spelled out may not meet.
            Some(collation) => sql.sql(" COLLATE ").name(collation).sql(") COLLATE \"C\""),
            None => sql.sql(")"),
        };
    }

    fn is_in(&self, sql: &mut Builder, term: Term, negated: bool) {
        let text = term.clause.kind.is_text();
        let oid = self.oid(term.table, &term.clause.column, term.clause.kind);
        let loose = self.column(term).is_some_and(|column| column.loose);
        let compared = if !text {
            self.compared_column(sql, term);
            self.compared_type(term)
        } else if negated || loose || !types::is_known(oid) {
            self.exact(sql, term);
            types::TEXT
        } else {
            term.column(sql);
            oid
        };
        list(sql, term, negated, compared);
    }

    fn is_in_folded(&self, sql: &mut Builder, term: Term, negated: bool) {
        self.fold(sql, &mut |sql| self.text_column(sql, term));
        let listed = |sql: &mut Builder| {
            self.fold(sql, &mut |sql| {
                sql.sql("listed");
            });
        };
        sql.sql(if negated {
            " NOT IN (SELECT "
        } else {
            " IN (SELECT "
        });
        listed(sql);
        sql.sql(" FROM unnest(")
            .bind_as(term.slot, Kind::String, Role::Listed, array(types::TEXT))
            .sql(") AS listed)");
    }

    fn contains(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("strpos(");
        whole(sql);
        sql.sql(" COLLATE \"C\", ");
        part(sql);
        sql.sql(") > 0");
    }

    fn starts_with(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("starts_with(");
        whole(sql);
        sql.sql(", ");
        part(sql);
        sql.sql(")");
    }

    fn ends_with(&self, sql: &mut Builder, whole: Piece, part: Piece) {
        sql.sql("right(");
        whole(sql);
        sql.sql(", length(");
        part(sql);
        sql.sql(")) COLLATE \"C\" = ");
        part(sql);
    }

    fn selected(&self, sql: &mut Builder, qualifier: &str, table: &str, field: &Field) {
        let append = |sql: &mut Builder| {
            sql.column(qualifier, &field.column);
        };
        match self.column_of(table, &field.column) {
            Some(column) if !types::is_known(column.oid) => self.as_text(sql, column, append),
            _ => append(sql),
        }
    }

    fn nulls_first(&self, descending: bool) -> &'static str {
        if descending {
            " NULLS LAST"
        } else {
            " NULLS FIRST"
        }
    }

    fn json_rows(&self, sql: &mut Builder, rows: JoinedRows) {
        let alias = rows.alias;
        sql.sql("SELECT coalesce(json_agg(json_build_array(");
        sql.list(", ", &rows.join.columns, |sql, field| {
            sql.column(alias, &field.column);
            // As it is stored: inside, it could not be told from the rest.
            if matches!(field.kind, Kind::Json | Kind::String) {
                sql.sql("::text");
            }
        });
        sql.sql(")), '[]') FROM (");
        rows.select(sql);
        sql.sql(") AS ").name(alias);
    }

    fn column_type(&self, ColumnUse { kind, id, .. }: ColumnUse) -> Cow<'static, str> {
        let name = match (kind, id) {
            (Kind::Id, IdKind::Serial) => "bigint",
            (Kind::Id, IdKind::Uuid) => "uuid",
            (Kind::Id | Kind::String, _) => "text",
            // What JavaScript's numbers are.
            (Kind::Number, _) => "double precision",
            (Kind::BigInt, _) => "bigint",
            (Kind::Boolean, _) => "boolean",
            (Kind::Date, _) => "timestamptz",
            (Kind::Json, _) => "jsonb",
            (Kind::StringList, _) => "text[]",
            (Kind::NumberList, _) => "double precision[]",
        };
        name.into()
    }

    fn id_definition(&self, id: IdKind) -> Cow<'static, str> {
        let definition = match id {
            IdKind::Text => "text NOT NULL PRIMARY KEY",
            IdKind::Uuid => "uuid NOT NULL PRIMARY KEY DEFAULT gen_random_uuid()",
            IdKind::Serial => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            IdKind::Generated => {
                "text NOT NULL PRIMARY KEY DEFAULT replace(gen_random_uuid()::text, '-', '')"
            }
        };
        definition.into()
    }

    /// Whether a backslash stands for itself in plain quotes is a setting.
    fn text_literal(&self, text: &str) -> String {
        let quoted = text.replace('\'', "''");
        if quoted.contains('\\') {
            format!("E'{}'", quoted.replace('\\', "\\\\"))
        } else {
            format!("'{quoted}'")
        }
    }

    fn can_refer(&self, from: &str, to: &str) -> bool {
        family(from) == family(to)
    }

    fn makes_indexes_concurrently(&self) -> bool {
        true
    }

    fn text_as(&self, kind: Kind, text: &str) -> String {
        match kind {
            Kind::BigInt => format!("CAST({text} AS bigint)"),
            Kind::Date => format!("CAST({text} AS timestamptz)"),
            _ => text.to_owned(),
        }
    }

    fn moment_as_text(&self, sql: &mut Builder, column: &str) {
        sql.sql("CAST(")
            .name(column)
            .sql(" AT TIME ZONE 'UTC' AS text)");
    }

    fn widen(&self, table: &str, column: &str, _required: bool) -> Option<String> {
        let mut sql = Builder::new(self);
        sql.sql("ALTER TABLE ").table(table);
        sql.sql(" ALTER COLUMN ").name(column).sql(" TYPE bigint");
        Some(sql.finish().0)
    }

    /// Better Auth and its adapters write such columns in UTC.
    fn add_zone(&self, table: &str, column: &str) -> Option<String> {
        let mut sql = Builder::new(self);
        sql.sql("ALTER TABLE ").table(table);
        sql.sql(" ALTER COLUMN ").name(column);
        sql.sql(" TYPE timestamptz USING ").name(column);
        sql.sql(" AT TIME ZONE 'UTC'");
        Some(sql.finish().0)
    }

    fn quoting(&self) -> Quoting {
        Quoting::Dollars
    }

    fn triggers_call_functions(&self) -> bool {
        true
    }

    /// `now()` would be the beginning of the transaction; the text crosses as it is stored.
    fn create_touch_function(&self, sql: &mut Builder, table: &str, column: &str) {
        sql.sql("CREATE FUNCTION ");
        self.dropped_index(sql, table, &touch_trigger(self.qualified(table).1, column));
        sql.sql("() RETURNS trigger LANGUAGE plpgsql AS $touch$ BEGIN IF NEW.");
        sql.name(column)
            .sql(" IS NOT DISTINCT FROM OLD.")
            .name(column);
        sql.sql(" THEN NEW.").name(column);
        sql.sql(" := clock_timestamp(); END IF; RETURN NEW; END $touch$");
    }

    fn drop_touch_function(&self, sql: &mut Builder, table: &str, column: &str) {
        sql.sql("DROP FUNCTION ");
        self.dropped_index(sql, table, &touch_trigger(self.qualified(table).1, column));
        sql.sql("()");
    }

    fn create_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str) {
        let name = touch_trigger(self.qualified(table).1, column);
        sql.sql("CREATE TRIGGER ").name(&name);
        sql.sql(" BEFORE UPDATE ON ").table(table);
        sql.sql(" FOR EACH ROW EXECUTE FUNCTION ");
        self.dropped_index(sql, table, &name);
        sql.sql("()");
    }

    fn drop_touch_trigger(&self, sql: &mut Builder, table: &str, column: &str) {
        sql.sql("DROP TRIGGER ");
        sql.name(&touch_trigger(self.qualified(table).1, column));
        sql.sql(" ON ").table(table);
    }

    fn search_index(&self, index: &SearchIndex) -> Vec<SearchPart> {
        self.made_search_index(index)
    }

    fn has_words(&self, sql: &mut Builder, _: &str, columns: &[String], _: &[String], slot: usize) {
        self.words(sql, columns);
        sql.sql(" @@ to_tsquery('simple', ");
        sql.bind_as(slot, Kind::String, Role::Compared, types::TEXT)
            .sql(")");
    }

    fn matches(&self, sql: &mut Builder, column: &str, placeholder: &str) {
        sql.name(column).sql(" ~ ").sql(placeholder);
    }

    fn pattern(&self, glob: &str) -> String {
        format!("^{}$", regular(glob))
    }

    fn json_object(&self, sql: &mut Builder, key: &str, value: &str) {
        sql.sql(&format!("CAST(json_object_agg({key}, {value}) AS text)"));
    }

    fn judge(&self, kind: Kind, id: IdKind, data_type: &str) -> Verdict {
        let bare = data_type.split('(').next().unwrap_or(data_type).trim();
        let zoneless = data_type.contains("without time zone");
        let text = matches!(bare, "text" | "character varying" | "character" | "citext");
        let integer = matches!(bare, "bigint" | "integer" | "smallint");
        let fraction = matches!(bare, "double precision" | "numeric" | "real");
        let json = matches!(bare, "json" | "jsonb");
        let fits = match kind {
            Kind::Date if zoneless => return Verdict::Zoneless,
            Kind::BigInt if matches!(bare, "integer" | "smallint") => return Verdict::Narrow,
            Kind::Date => bare.starts_with("timestamp"),
            Kind::Id => match id {
                IdKind::Serial => integer,
                IdKind::Uuid => text || bare == "uuid",
                IdKind::Generated => text || integer || bare == "uuid",
                IdKind::Text => text,
            },
            // Another type may be an enumeration, or a domain.
            Kind::String => {
                let other = matches!(bare, "boolean" | "bytea" | "date" | "uuid")
                    || bare.starts_with("timestamp")
                    || data_type.contains("[]");
                !(integer || fraction || json || other)
            }
            Kind::Number => integer || fraction,
            Kind::BigInt => bare == "bigint" || fraction,
            Kind::Boolean => bare == "boolean",
            Kind::Json => json || text,
            Kind::StringList | Kind::NumberList => json || text || data_type.contains("[]"),
        };
        if fits { Verdict::Fits } else { Verdict::Wrong }
    }
}

/// Types that are compared with each other by an index, by the name of one of them.
fn family(name: &str) -> &str {
    match name.split('(').next().unwrap_or(name) {
        "smallint" | "integer" | "bigint" => "bigint",
        "character varying" | "text" => "text",
        bare => bare,
    }
}

/// ` = ANY (list)`, or its opposite.
fn list(sql: &mut Builder, term: Term, negated: bool, element: u32) {
    sql.sql(if negated { " <> ALL (" } else { " = ANY (" })
        .bind_as(term.slot, term.clause.kind, Role::Listed, array(element))
        .sql(")");
}

fn array(element: u32) -> u32 {
    types::array_of(element).unwrap_or(1009)
}
