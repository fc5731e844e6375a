//! The forms of password hashes that there are, as databases can look for them: what is none of
//! them is told without any hash leaving the database.

/// Each by the name it is reported under, and as a pattern of SQLite's GLOB.
pub fn forms() -> [(&'static str, String); 4] {
    [
        (
            "betterAuth",
            format!("{}:{}", "[0-9a-f]".repeat(32), "[0-9a-f]".repeat(128)),
        ),
        (
            "scrypt",
            "$scrypt$ln=[0-9]*,r=[0-9]*,p=[0-9]*$?*$?*".to_owned(),
        ),
        (
            "bcrypt",
            format!("$2[abxy]$[0-9][0-9]${}", "[./A-Za-z0-9]".repeat(53)),
        ),
        (
            "argon2",
            "$argon2[id]*$m=[0-9]*,t=[0-9]*,p=[0-9]*$?*$?*".to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::forms;

    #[test]
    fn what_this_package_hashes_is_in_better_auths_form() {
        let (name, glob) = &forms()[0];
        let hash = format!("{}:{}", "0123456789abcdef".repeat(2), "f".repeat(128));
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let fits = |hash: &str| -> bool {
            let query = "SELECT ?1 GLOB ?2";
            connection
                .query_row(query, [hash, glob], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(*name, "betterAuth");
        assert!(fits(&hash));
        assert!(!fits(&hash.to_uppercase()) && !fits(&hash[1..]) && !fits(&format!("{hash}0")));
    }
}
