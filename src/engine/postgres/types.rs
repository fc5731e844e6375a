//! The types of PostgreSQL that values are bound as and read from, by their numbers in
//! `pg_type`. Whatever else a column may have crosses as text and is cast by the server.

pub const BOOL: u32 = 16;
pub const INT8: u32 = 20;
pub const INT2: u32 = 21;
pub const INT4: u32 = 23;
pub const TEXT: u32 = 25;
pub const JSON: u32 = 114;
pub const FLOAT4: u32 = 700;
pub const FLOAT8: u32 = 701;
pub const BPCHAR: u32 = 1042;
pub const VARCHAR: u32 = 1043;
pub const DATE: u32 = 1082;
pub const TIMESTAMP: u32 = 1114;
pub const TIMESTAMPTZ: u32 = 1184;
pub const UUID: u32 = 2950;
pub const JSONB: u32 = 3802;

const ARRAYS: [(u32, u32); 14] = [
    (BOOL, 1000),
    (INT2, 1005),
    (INT4, 1007),
    (TEXT, 1009),
    (BPCHAR, 1014),
    (VARCHAR, 1015),
    (INT8, 1016),
    (FLOAT4, 1021),
    (FLOAT8, 1022),
    (DATE, 1182),
    (TIMESTAMP, 1115),
    (TIMESTAMPTZ, 1185),
    (UUID, 2951),
    (JSONB, 3807),
];

/// The type of arrays of `element`.
pub fn array_of(element: u32) -> Option<u32> {
    let found = ARRAYS.iter().find(|(known, _)| *known == element);
    found.map(|(_, array)| *array)
}

/// What arrays of that type consist of.
pub fn element_of(array: u32) -> Option<u32> {
    let found = ARRAYS.iter().find(|(_, known)| *known == array);
    found.map(|(element, _)| *element)
}

/// Whether values of that type are bound and read as they are.
pub fn is_known(oid: u32) -> bool {
    oid == JSON || array_of(oid).is_some() || element_of(oid).is_some()
}

/// Whether its values are text, compared letter for letter unless the collation says otherwise.
pub fn is_text(oid: u32) -> bool {
    matches!(oid, TEXT | VARCHAR)
}

pub fn is_moment(oid: u32) -> bool {
    matches!(oid, TIMESTAMP | TIMESTAMPTZ)
}

pub fn is_number(oid: u32) -> bool {
    matches!(oid, INT2 | INT4 | INT8 | FLOAT4 | FLOAT8)
}

/// How a column is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub oid: u32,
    /// As SQL writes it.
    pub name: String,
    /// Whether its collation takes different texts for equal.
    pub loose: bool,
}
