//! Names of what has none in the schema, and of what cannot have its own.

use std::collections::HashSet;

/// PostgreSQL's limit, in bytes; MySQL takes 64 characters.
const LONGEST: usize = 63;

/// Names that are given away, each once.
pub struct Names {
    /// In lower case: some databases tell no more apart.
    taken: HashSet<String>,
}

impl Names {
    pub fn new(taken: &HashSet<String>) -> Self {
        let taken = taken.iter().map(|name| name.to_lowercase()).collect();
        Self { taken }
    }

    /// The name itself where it is free, and else with a number.
    pub fn take(&mut self, name: &str) -> String {
        let mut number = 1;
        let mut free = fitted(name, "");
        while !self.taken.insert(free.to_lowercase()) {
            number += 1;
            free = fitted(name, &format!("_{number}"));
        }
        free
    }

    /// The name of a foreign key.
    pub fn foreign_key(&mut self, table: &str, column: &str) -> String {
        self.take(&fitted(&format!("{table}_{column}"), "_fk"))
    }
}

/// A name no longer than names may be, as Better Auth shortens those of indexes.
fn fitted(stem: &str, suffix: &str) -> String {
    let whole = format!("{stem}{suffix}");
    if whole.len() <= LONGEST {
        return whole;
    }
    let suffix = format!("_{:08x}{suffix}", hash(&whole));
    let mut end = LONGEST - suffix.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &stem[..end])
}

/// FNV-1a, over UTF-16.
fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(2_166_136_261, |hash, unit| {
        (hash ^ u32::from(unit)).wrapping_mul(16_777_619)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut names = Names::new(&HashSet::from(["User_Email".to_owned()]));
        let taken: Vec<String> = ["user_email", "user_email", "other"]
            .map(|name| names.take(name))
            .into();
        assert_eq!(taken, ["user_email_2", "user_email_3", "other"]);
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_stays_different_from_its_like() {
        let mut names = Names::new(&HashSet::new());
        let long = "ä".repeat(40);
        let one = names.foreign_key(&long, "one");
        let other = names.foreign_key(&long, "other");
        for name in [&one, &other] {
            assert!(name.len() <= LONGEST && name.ends_with("_fk"), "{name}");
        }
        assert_ne!(one, other);
        let again = names.foreign_key(&long, "one");
        assert!(again.len() <= LONGEST && again.ends_with("_2"), "{again}");
    }
}
