//! Where the database is and how it is opened.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub location: Location,
    /// Where relative paths start; none where the process's working directory is gone.
    directory: Option<PathBuf>,
    /// How long to wait for a lock that another process holds.
    pub busy_timeout: Duration,
    /// How long to wait for the turn to write within this process.
    pub acquire_timeout: Duration,
    /// `true`: a commit is on the disk before it returns, also after power loss.
    pub full_sync: bool,
    /// Of each connection's page cache. What a transaction changes beyond it goes to the log before
    /// the transaction commits.
    pub cache_size_kib: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    Memory,
    File(PathBuf),
}

/// Options as `nativeAdapter` passes them, durations in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    pub url: String,
    pub busy_timeout_ms: Option<u64>,
    pub acquire_timeout_ms: Option<u64>,
    pub synchronous: Option<Synchronous>,
    #[serde(rename = "cacheSizeKiB")]
    pub cache_size_kib: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Synchronous {
    Normal,
    Full,
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const CACHE_SIZE_KIB: u32 = 16_384;

/// SQLite takes an int; with fewer pages than fit into the least, a statement may find no room.
const CACHE_SIZES_KIB: RangeInclusive<u32> = 64..=i32::MAX as u32;

impl Config {
    /// Reads `sqlite:path`, `sqlite://path`, `sqlite::memory:`, `file:path`, `file:///path` and
    /// `:memory:`. Relative paths start at `directory`. Percent escapes are decoded.
    pub fn parse(options: Options, directory: Option<&Path>) -> Result<Self> {
        let url = options.url.as_str();
        let rest = ["sqlite:", "file:"]
            .iter()
            .find_map(|scheme| strip_scheme(url, scheme))
            .unwrap_or(url);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut config = Self {
            location: location(path, directory)?,
            directory: directory.map(Path::to_owned),
            busy_timeout: BUSY_TIMEOUT,
            acquire_timeout: ACQUIRE_TIMEOUT,
            full_sync: false,
            cache_size_kib: CACHE_SIZE_KIB,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            config.set_parameter(name, value)?;
        }
        if let Some(milliseconds) = options.busy_timeout_ms {
            config.busy_timeout = Duration::from_millis(milliseconds);
        }
        if let Some(milliseconds) = options.acquire_timeout_ms {
            config.acquire_timeout = Duration::from_millis(milliseconds);
        }
        if let Some(synchronous) = options.synchronous {
            config.full_sync = synchronous == Synchronous::Full;
        }
        if let Some(kib) = options.cache_size_kib {
            config.cache_size_kib = cache_size(Some(kib), "the option cacheSizeKiB")?;
        }
        Ok(config)
    }

    pub fn is_memory(&self) -> bool {
        self.location == Location::Memory
    }

    /// The database as messages name it.
    pub fn name(&self) -> String {
        match &self.location {
            Location::Memory => ":memory:".to_owned(),
            Location::File(path) => path.display().to_string(),
        }
    }

    /// A path as it is meant by whoever works in the directory.
    pub fn resolve(&self, path: &Path) -> Result<PathBuf> {
        resolve(path, self.directory.as_deref())
    }

    fn set_parameter(&mut self, name: &str, value: &str) -> Result<()> {
        let milliseconds = || {
            // SQLite takes an int.
            let number = value.parse::<i32>().ok();
            let milliseconds = number.and_then(|number| u64::try_from(number).ok());
            milliseconds.map(Duration::from_millis).ok_or_else(|| {
                Error::invalid_input(format!(
                    "the URL parameter {name} must be a whole number of milliseconds, less than 2^31"
                ))
            })
        };
        match name {
            "busy_timeout" => self.busy_timeout = milliseconds()?,
            "acquire_timeout" => self.acquire_timeout = milliseconds()?,
            "synchronous" if value == "normal" => self.full_sync = false,
            "synchronous" if value == "full" => self.full_sync = true,
            "synchronous" => {
                return Err(Error::invalid_input(
                    "the URL parameter synchronous must be normal or full",
                ));
            }
            "cache_size_kib" => {
                self.cache_size_kib =
                    cache_size(value.parse().ok(), "the URL parameter cache_size_kib")?;
            }
            _ => {
                return Err(Error::invalid_input(format!(
                    "a SQLite URL has no parameter \"{name}\"; it may have busy_timeout, \
                     acquire_timeout, synchronous and cache_size_kib"
                )));
            }
        }
        Ok(())
    }
}

fn cache_size(kib: Option<u32>, what: &str) -> Result<u32> {
    kib.filter(|kib| CACHE_SIZES_KIB.contains(kib))
        .ok_or_else(|| {
            Error::invalid_input(format!(
                "{what} must be a whole number of KiB, from 64 to 2^31 - 1"
            ))
        })
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let head = url.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme)
        .then(|| &url[scheme.len()..])
}

/// The name of the file that a URL means, without its folders.
pub fn file_name(url: &str) -> Result<String> {
    let options = Options {
        url: url.to_owned(),
        ..Options::default()
    };
    // Which folder it is in does not matter.
    let config = Config::parse(options, Some(Path::new("")))?;
    Ok(match &config.location {
        Location::File(path) => path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        ),
        Location::Memory => config.name(),
    })
}

fn resolve(path: &Path, directory: Option<&Path>) -> Result<PathBuf> {
    match directory {
        Some(directory) => Ok(directory.join(path)),
        None if path.is_absolute() => Ok(path.to_owned()),
        None => Err(Error::invalid_input(format!(
            "\"{}\" is a relative path, and the working directory of this process does not exist \
             any more: start the process in a directory that stays, or give the whole path",
            path.display()
        ))),
    }
}

fn location(path: &str, directory: Option<&Path>) -> Result<Location> {
    if path == ":memory:" || path == "//:memory:" {
        return Ok(Location::Memory);
    }
    let path = strip_drive_slash(path.strip_prefix("//").unwrap_or(path));
    if path.is_empty() {
        return Err(Error::invalid_input(
            "the SQLite URL names no file; write sqlite:./auth.db, or sqlite::memory: for a \
             database that lives as long as the process",
        ));
    }
    let path = percent_decode(path)?;
    if path.contains('\0') {
        return Err(Error::invalid_input(
            "the path in the SQLite URL contains a NUL character, which no file's name has",
        ));
    }
    resolve(Path::new(&path), directory).map(Location::File)
}

/// `file:///C:/auth.db` means `C:/auth.db` where there are drives.
fn strip_drive_slash(path: &str) -> &str {
    match path.as_bytes() {
        [b'/', drive, b':', ..] if cfg!(windows) && drive.is_ascii_alphabetic() => &path[1..],
        _ => path,
    }
}

fn percent_decode(path: &str) -> Result<String> {
    let malformed =
        || Error::invalid_input("the path in the SQLite URL has a malformed percent escape");
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().ok_or_else(malformed)?;
            char::from(digit).to_digit(16).ok_or_else(malformed)
        };
        let value = digit()? * 16 + digit()?;
        // Two hexadecimal digits are below 256.
        bytes.push(value as u8);
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Config> {
        let options = Options {
            url: url.to_owned(),
            ..Options::default()
        };
        Config::parse(options, Some(Path::new("/app")))
    }

    fn file(url: &str) -> PathBuf {
        match parse(url).unwrap().location {
            Location::File(path) => path,
            Location::Memory => panic!("{url} is no file"),
        }
    }

    #[test]
    fn every_spelling_of_a_file_names_it() {
        assert_eq!(file("sqlite:./auth.db"), Path::new("/app/./auth.db"));
        assert_eq!(file("sqlite:auth.db"), Path::new("/app/auth.db"));
        assert_eq!(file("sqlite://auth.db"), Path::new("/app/auth.db"));
        assert_eq!(file("sqlite:///var/auth.db"), Path::new("/var/auth.db"));
        assert_eq!(file("file:./x.db"), Path::new("/app/./x.db"));
        assert_eq!(file("file:///var/x.db"), Path::new("/var/x.db"));
        assert_eq!(file("SQLITE:/var/x.db"), Path::new("/var/x.db"));
        assert_eq!(
            file("sqlite:a%20b%3F.db?busy_timeout=10"),
            Path::new("/app/a b?.db")
        );
    }

    #[test]
    fn a_file_is_named_as_people_read_it() {
        for (url, name) in [
            ("sqlite:./auth.db?busy_timeout=5", "auth.db"),
            ("sqlite:///var/lib/my%20users%3F.db", "my users?.db"),
            ("file:folder/a%2Fb.db", "b.db"),
            ("sqlite::memory:", ":memory:"),
        ] {
            assert_eq!(file_name(url).unwrap(), name, "{url}");
        }
    }

    #[test]
    fn only_a_relative_path_needs_the_working_directory() {
        let without = |url: &str| {
            let options = Options {
                url: url.to_owned(),
                ..Options::default()
            };
            Config::parse(options, None)
        };
        let absolute = if cfg!(windows) { "C:/a.db" } else { "/a.db" };
        assert!(without(&format!("sqlite:{absolute}")).is_ok());
        assert!(without("sqlite::memory:").is_ok());
        let error = without("sqlite:./a.db").unwrap_err();
        assert!(error.message.contains("working directory"), "{error}");
    }

    #[test]
    fn memory_is_recognised() {
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            ":memory:",
            "file::memory:",
        ] {
            assert_eq!(parse(url).unwrap().location, Location::Memory, "{url}");
        }
    }

    #[test]
    fn options_override_parameters_override_defaults() {
        let config = parse("sqlite:a.db?busy_timeout=10&synchronous=full").unwrap();
        assert_eq!(config.busy_timeout, Duration::from_millis(10));
        assert!(config.full_sync);
        let options = Options {
            url: "sqlite:a.db?busy_timeout=10&synchronous=full".to_owned(),
            busy_timeout_ms: Some(20),
            synchronous: Some(Synchronous::Normal),
            ..Options::default()
        };
        let config = Config::parse(options, Some(Path::new("/"))).unwrap();
        assert_eq!(config.busy_timeout, Duration::from_millis(20));
        assert!(!config.full_sync);
    }

    #[test]
    fn a_page_cache_has_16_mib_unless_another_size_is_given() {
        assert_eq!(parse("sqlite:a.db").unwrap().cache_size_kib, 16_384);
        let url = "sqlite:a.db?cache_size_kib=64";
        assert_eq!(parse(url).unwrap().cache_size_kib, 64);
        let given = |kib| {
            let options = Options {
                url: url.to_owned(),
                cache_size_kib: Some(kib),
                ..Options::default()
            };
            Config::parse(options, Some(Path::new("/")))
        };
        assert_eq!(given(2_048).unwrap().cache_size_kib, 2_048);
        assert!(given(63).is_err());
        assert!(given(1 << 31).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for url in [
            "sqlite:",
            "sqlite://",
            "file:",
            "sqlite:a.db?busy_timeout=soon",
            "sqlite:a.db?busy_timeout=-1",
            "sqlite:a.db?busy_timeout=2147483648",
            "sqlite:a.db?cache_size_kib=63",
            "sqlite:a.db?cache_size_kib=-64",
            "sqlite:a.db?cache_size_kib=16MiB",
            "sqlite:a.db?mode=ro",
            "sqlite:a%2.db",
            "sqlite:a%ff.db",
            "sqlite:a%00.db",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
