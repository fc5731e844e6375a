//! How columns of MySQL and MariaDB are built, as far as statements depend on it.
//!
//! The numbers are this package's own, and say what a parameter is sent as.

pub const INTEGER: u32 = 1;
pub const BIT: u32 = 2;
pub const FLOAT: u32 = 3;
/// Of double precision, or of decimals.
pub const FRACTION: u32 = 4;
pub const TEXT: u32 = 5;
pub const MOMENT: u32 = 6;
pub const DAY: u32 = 7;
/// MySQL's; MariaDB's JSON is a text.
pub const JSON: u32 = 8;
/// MariaDB's.
pub const UUID: u32 = 9;
/// Crosses as text, cast by the server.
pub const OTHER: u32 = 10;

/// How a column is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub family: u32,
    pub collation: Collation,
    /// The expression that is its default.
    pub expression: Option<String>,
}

/// What a column takes for equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collation {
    /// Equal bytes only.
    Exact,
    /// Equal bytes, and texts that differ in spaces at the end, in accents or in more.
    Loose,
    /// As `Loose`, and all texts that differ in nothing but case as this collation of utf8mb4
    /// knows it.
    IgnoresCase(String),
}

/// The family of a column, by its type as the catalogue names it.
pub fn family(data_type: &str) -> u32 {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => INTEGER,
        "bit" => BIT,
        "float" => FLOAT,
        "double" | "decimal" => FRACTION,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            TEXT
        }
        // Bytes, which are taken for UTF-8.
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => TEXT,
        "datetime" | "timestamp" => MOMENT,
        "date" => DAY,
        "json" => JSON,
        "uuid" => UUID,
        _ => OTHER,
    }
}

/// What a column with this collation, or with none, takes for equal.
pub fn collation(name: Option<&str>) -> Collation {
    let Some(name) = name else {
        return Collation::Exact;
    };
    if name.ends_with("_0900_bin") || name.ends_with("_nopad_bin") {
        return Collation::Exact;
    }
    match ignoring_case(name) {
        Some(name) => Collation::IgnoresCase(name),
        None => Collation::Loose,
    }
}

/// The collation of utf8mb4 whose lower case tells which texts this one takes for equal, but for
/// signs such as Kelvin's (K), which some of them do not count among the letters.
fn ignoring_case(name: &str) -> Option<String> {
    let (charset, rest) = name.split_once('_')?;
    let known = match charset {
        "utf8mb4" => !rest.contains("as_ci"),
        "utf8" | "utf8mb3" => matches!(rest, "general_ci" | "unicode_ci" | "unicode_520_ci"),
        _ => false,
    };
    // To Turkish, I and i are different letters.
    let turkish = rest.starts_with("tr_") || rest.starts_with("turkish_");
    (known && rest.ends_with("_ci") && !turkish).then(|| format!("utf8mb4_{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_collations_take_for_equal() {
        for exact in [None, Some("utf8mb4_0900_bin"), Some("utf8mb3_nopad_bin")] {
            assert_eq!(collation(exact), Collation::Exact);
        }
        // Spaces at the end do not count in it.
        for loose in ["utf8mb4_bin", "utf8mb4_0900_as_cs", "utf8mb4_0900_as_ci"] {
            assert_eq!(collation(Some(loose)), Collation::Loose, "{loose}");
        }
        for loose in [
            "latin1_swedish_ci",
            "utf8mb4_tr_0900_ai_ci",
            "utf8mb4_turkish_ci",
        ] {
            assert_eq!(collation(Some(loose)), Collation::Loose, "{loose}");
        }
        for (name, known) in [
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"),
            ("utf8mb4_uca1400_ai_ci", "utf8mb4_uca1400_ai_ci"),
            ("utf8mb3_general_ci", "utf8mb4_general_ci"),
            ("utf8_unicode_ci", "utf8mb4_unicode_ci"),
        ] {
            let expected = Collation::IgnoresCase(known.to_owned());
            assert_eq!(collation(Some(name)), expected);
        }
    }
}
