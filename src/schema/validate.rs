//! What is wrong with a database, and what could be better: each with a code that stays.

use std::collections::HashSet;

use serde::Serialize;

use super::diff::diff;
use super::existing::{Existing, ExistingColumn, ExistingTable};
use super::history::TABLE;
use super::model::{Column, KEY, OnDelete, Schema, Table};
use super::site::{Site, count};
use super::steps::{Change, Step};
use crate::error::Result;
use crate::sql::{Builder, Dialect, Verdict};
use crate::value::{IdKind, Kind};

#[derive(Debug, Default, Serialize)]
pub struct Report {
    valid: bool,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: Finds,
    message: String,
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// The statement that mends it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Finds {
    MissingTable,
    MissingColumn,
    WrongType,
    WrongNullability,
    UnexpectedRequiredColumn,
    MissingForeignKey,
    ForeignKeyNotCascading,
    MissingUnique,
    SelfUpdatingTimestamp,
    ZonelessTimestamp,
    NarrowInteger,
    MissingIndex,
    DatesAsNumbers,
    MixedCaseEmails,
    CaseInsensitiveCollation,
    MissingTrigger,
}

/// Looks at how the tables are built, and at `rows` where that is asked for.
pub async fn validate<S: Site>(site: &mut S, schema: &Schema, rows: bool) -> Result<Report> {
    let mut names = schema.table_names();
    names.push(TABLE);
    let existing = site.read(&names).await?;
    let dialect = site.dialect();
    let steps = diff(&*dialect, schema, &existing)?;
    let mut validator = Validator {
        dialect: &*dialect,
        schema,
        report: Report::default(),
    };
    for step in &steps {
        validator.missing(step);
    }
    let mut suspicions = Vec::new();
    for table in &schema.tables {
        if let Some(present) = existing.tables.get(&table.name) {
            validator.table(table, present);
            suspicions.extend(emails(&*dialect, table, present));
            suspicions.extend(dates(&*dialect, table, present));
        }
    }
    let mut report = validator.report;
    for suspicion in suspicions.into_iter().filter(|_| rows) {
        let rows = count(site, &suspicion.query).await?;
        if rows > 0 {
            suspicion.report(rows, &mut report);
        }
    }
    report.valid = report.errors.is_empty();
    Ok(report)
}

/// What only the rows can tell.
struct Suspicion {
    /// Counts the rows that bear it out.
    query: String,
    /// Its message goes on from their number.
    finding: Finding,
}

impl Suspicion {
    fn report(self, rows: i64, report: &mut Report) {
        let Finding { table, message, .. } = &self.finding;
        let word = if rows == 1 { "row" } else { "rows" };
        let message = format!("{rows} {word} of \"{table}\" {message}");
        let list = match self.finding.code {
            Finds::DatesAsNumbers => &mut report.errors,
            _ => &mut report.warnings,
        };
        list.push(Finding {
            message,
            ..self.finding
        });
    }
}

/// An index that a migration would add to a table that exists.
#[derive(Debug, Serialize)]
pub struct MissingIndex {
    pub table: String,
    pub columns: Vec<String>,
    pub unique: bool,
    /// What makes it.
    pub statement: String,
}

pub fn missing_indexes(
    dialect: &dyn Dialect,
    schema: &Schema,
    existing: &Existing,
) -> Result<Vec<MissingIndex>> {
    let steps = diff(dialect, schema, existing)?;
    let missing = steps.iter().filter_map(|step| {
        let (table, columns, unique) = match step {
            Step::CreateIndex { table, index } => (table, &index.index.columns, index.index.unique),
            Step::CreateSearch {
                table,
                search,
                part,
            } if part.is_first => (table, &search.columns, false),
            _ => return None,
        };
        existing.tables.get(&table.name)?;
        Some(MissingIndex {
            table: table.name.clone(),
            columns: columns.clone(),
            unique,
            statement: step.change(dialect, schema.id).up,
        })
    });
    Ok(missing.collect())
}

struct Validator<'v> {
    dialect: &'v dyn Dialect,
    schema: &'v Schema,
    report: Report,
}

impl Validator<'_> {
    fn error(
        &mut self,
        code: Finds,
        table: &str,
        column: Option<&str>,
        message: String,
        fix: Option<String>,
    ) {
        let finding = finding(code, table, column, message, fix);
        self.report.errors.push(finding);
    }

    fn warning(
        &mut self,
        code: Finds,
        table: &str,
        column: Option<&str>,
        message: String,
        fix: Option<String>,
    ) {
        let finding = finding(code, table, column, message, fix);
        self.report.warnings.push(finding);
    }

    /// What a migration would make is what is missing.
    fn missing(&mut self, step: &Step) {
        let change: Change = step.change(self.dialect, self.schema.id);
        let table = change.table.unwrap_or_default();
        let column = change.column.as_deref();
        let message = format!("{} is missing", change.what);
        let fix = Some(change.up);
        match step {
            Step::CreateSchema(_) | Step::DropBrokenIndex { .. } => {}
            Step::CreateTable { .. } => self.error(Finds::MissingTable, &table, None, message, fix),
            Step::AddColumn { .. } => {
                self.error(Finds::MissingColumn, &table, column, message, fix);
            }
            Step::AddForeignKey { .. } => {
                self.error(Finds::MissingForeignKey, &table, column, message, fix);
            }
            Step::CreateIndex { index, .. } => {
                let columns = index.index.columns.join(", ");
                let only = match &index.index.columns[..] {
                    [only] => Some(only.as_str()),
                    _ => None,
                };
                // Of a table or column that is missing, it is part of what is told already.
                if index.index.unique {
                    let message = format!("({columns}) of \"{table}\" is not unique");
                    self.error(Finds::MissingUnique, &table, only, message, fix);
                } else {
                    let why = if index.index.recommended {
                        ", which keeps look-ups and clean-ups quick"
                    } else {
                        ", which Better Auth declares"
                    };
                    let message = format!("\"{table}\" has no index on ({columns}){why}");
                    self.warning(Finds::MissingIndex, &table, only, message, fix);
                }
            }
            Step::CreateTouchFunction { .. } => {}
            // The first of its statements makes it; the others keep it.
            Step::CreateSearch { search, part, .. } if part.is_first => {
                let message = format!(
                    "\"{table}\" has no index \"{}\", by which users are found by words",
                    search.name
                );
                self.warning(Finds::MissingIndex, &table, None, message, fix);
            }
            Step::CreateSearch { .. } => {}
            Step::CreateTouchTrigger { .. } => {
                self.warning(Finds::MissingTrigger, &table, column, message, fix);
            }
        }
    }

    fn table(&mut self, table: &Table, present: &ExistingTable) {
        let id = Column {
            name: KEY.to_owned(),
            kind: Kind::Id,
            required: true,
            references: None,
            default: None,
        };
        match present.column(self.dialect, KEY) {
            Some(found) => self.column(table, present, &id, found),
            None => {
                let message = format!("\"{}\" has no column \"{KEY}\"", table.name);
                self.error(Finds::MissingColumn, &table.name, Some(KEY), message, None);
            }
        }
        for column in &table.columns {
            if let Some(found) = present.column(self.dialect, &column.name) {
                self.column(table, present, column, found);
            }
        }
        let known: HashSet<String> = table
            .columns
            .iter()
            .map(|column| column.name.to_lowercase())
            .collect();
        for other in &present.columns {
            let name = other.name.to_lowercase();
            if name == KEY || known.contains(&name) || other.nullable || other.has_default {
                continue;
            }
            let message = format!(
                "\"{}\".\"{}\" needs a value, and Better Auth does not know it: no row can be added",
                table.name, other.name
            );
            let (code, column) = (Finds::UnexpectedRequiredColumn, Some(other.name.as_str()));
            self.error(code, &table.name, column, message, None);
        }
    }

    fn column(
        &mut self,
        table: &Table,
        present: &ExistingTable,
        wanted: &Column,
        found: &ExistingColumn,
    ) {
        let (name, column) = (&table.name, Some(wanted.name.as_str()));
        let place = format!("\"{name}\".\"{}\"", wanted.name);
        let found_type = &found.data_type;
        match self.dialect.judge(wanted.kind, self.schema.id, found_type) {
            Verdict::Fits => {}
            Verdict::Wrong => {
                let message = format!(
                    "{place} is {found_type}, which does not hold {}",
                    words(wanted.kind, self.schema.id)
                );
                self.error(Finds::WrongType, name, column, message, None);
            }
            Verdict::Narrow => {
                let message = format!(
                    "{place} is {found_type}, too narrow for milliseconds since 1970: it takes bigint"
                );
                let fix = self.dialect.widen(name, &wanted.name, !found.nullable);
                self.error(Finds::NarrowInteger, name, column, message, fix);
            }
            Verdict::Zoneless => {
                let message = format!(
                    "{place} is {found_type}: what moment it means depends on the time zone of \
                     whoever reads it"
                );
                let fix = self.dialect.add_zone(name, &wanted.name);
                self.warning(Finds::ZonelessTimestamp, name, column, message, fix);
            }
        }
        if found.updates_itself && wanted.kind == Kind::Date {
            let message = format!(
                "{place} changes by itself whenever its row does: what has expired lives again"
            );
            let fix = self.dialect.hold_still(name, &wanted.name, !found.nullable);
            self.error(Finds::SelfUpdatingTimestamp, name, column, message, fix);
        }
        self.nullability(table, present, wanted, found);
        if let (Some(to), Some(key)) = (
            &wanted.references,
            present.foreign_key(self.dialect, &wanted.name),
        ) && to.on_delete == OnDelete::Cascade
            && key.cascades == Some(false)
        {
            let message = format!(
                "the foreign key {place} does not cascade: no row of \"{}\" can be deleted that \
                 others refer to",
                to.table
            );
            self.error(Finds::ForeignKeyNotCascading, name, column, message, None);
        }
        let is_email = wanted.name.eq_ignore_ascii_case("email");
        if found.ignores_case && is_key(table, wanted) && !is_email {
            let message = format!(
                "{place} takes texts for equal that differ in case: tokens and ids are not"
            );
            self.warning(Finds::CaseInsensitiveCollation, name, column, message, None);
        }
    }

    fn nullability(
        &mut self,
        table: &Table,
        present: &ExistingTable,
        wanted: &Column,
        found: &ExistingColumn,
    ) {
        if present.is_view {
            return;
        }
        let (name, column) = (&table.name, Some(wanted.name.as_str()));
        let place = format!("\"{name}\".\"{}\"", wanted.name);
        if wanted.required && found.nullable && wanted.name != KEY {
            let message = format!("{place} may be null, and its field is required");
            self.warning(Finds::WrongNullability, name, column, message, None);
        }
        if !wanted.required && !found.nullable && !found.has_default {
            let message = format!("{place} may not be null, and its field is optional");
            self.error(Finds::WrongNullability, name, column, message, None);
        }
    }
}

fn finding(
    code: Finds,
    table: &str,
    column: Option<&str>,
    message: String,
    fix: Option<String>,
) -> Finding {
    Finding {
        code,
        message,
        table: table.to_owned(),
        column: column.map(ToOwned::to_owned),
        fix: fix.filter(|fix| !fix.is_empty()),
    }
}

/// Whether texts in the column are looked up, or told apart, as a whole.
fn is_key(table: &Table, column: &Column) -> bool {
    let indexed = |name: &String| *name == column.name;
    let mut unique = table.indexes.iter().filter(|index| index.unique);
    column.name == KEY
        || column.references.is_some()
        || unique.any(|index| index.columns.iter().any(indexed))
}

/// Rows whose e-mail address differs from another's in case alone.
fn emails(dialect: &dyn Dialect, table: &Table, present: &ExistingTable) -> Option<Suspicion> {
    let unique = |index: &&super::model::Index| index.unique || index.folded;
    let column =
        table
            .indexes
            .iter()
            .filter(unique)
            .find_map(|index| match &index.columns[..] {
                [only] if only.eq_ignore_ascii_case("email") => Some(only),
                _ => None,
            })?;
    present.column(dialect, column)?;
    let mut sql = Builder::new(dialect);
    sql.sql("SELECT COALESCE(SUM(equal_rows), 0) FROM (SELECT COUNT(*) AS equal_rows FROM ");
    sql.table(&table.name).sql(" WHERE ").name(column);
    sql.sql(" IS NOT NULL GROUP BY lower(").name(column);
    sql.sql(") HAVING COUNT(*) > 1) AS equal_groups");
    let message = "have an e-mail address that another row has in other letter case: two users \
                   who are one";
    let code = Finds::MixedCaseEmails;
    Some(Suspicion {
        query: sql.finish().0,
        finding: finding(code, &table.name, Some(column), message.to_owned(), None),
    })
}

/// Moments that another adapter stored, and that do not compare with those of this package.
fn dates(dialect: &dyn Dialect, table: &Table, present: &ExistingTable) -> Vec<Suspicion> {
    let moments = table
        .columns
        .iter()
        .filter(|column| column.kind == Kind::Date);
    let suspicions = moments.filter_map(|column| {
        present.column(dialect, &column.name)?;
        let (query, fix) = dialect.dates_as_numbers(&table.name, &column.name)?;
        let message = format!(
            "hold \"{}\" as a number, which comes before every date in text: what is valid counts \
             as expired",
            column.name
        );
        let (code, name) = (Finds::DatesAsNumbers, Some(column.name.as_str()));
        Some(Suspicion {
            query,
            finding: finding(code, &table.name, name, message, Some(fix)),
        })
    });
    suspicions.collect()
}

fn words(kind: Kind, id: IdKind) -> &'static str {
    match kind {
        Kind::Id if id == IdKind::Serial => "numbers that the database counts",
        Kind::Id => "ids",
        Kind::String => "text",
        Kind::Number | Kind::BigInt => "numbers",
        Kind::Boolean => "true and false",
        Kind::Date => "moments",
        Kind::Json | Kind::StringList | Kind::NumberList => "JSON",
    }
}
