//! Where a server is and how it is used, as `nativeAdapter` reads it from the URL and the options.
//! Durations are in milliseconds, and 0 means no limit where there need not be one.

use std::time::Duration;

use serde::Deserialize;

use super::pool::Limits;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    pub primary: Address,
    #[serde(default)]
    pub replicas: Vec<Address>,
    pub schema: Option<String>,
    pub prepare: bool,
    pub application_name: String,
    pub max_connections: usize,
    pub min_connections: usize,
    pub max_waiting: usize,
    pub acquire_timeout_ms: u64,
    pub connect_timeout_ms: u64,
    pub connect_retry_ms: u64,
    pub idle_timeout_ms: u64,
    pub max_lifetime_ms: u64,
    pub statement_timeout_ms: u64,
    pub primary_after_write_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    pub host: String,
    pub port: u16,
    /// A Unix socket, instead of host and port: MySQL's file, PostgreSQL's directory.
    pub socket: Option<String>,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    pub tls: Tls,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    pub mode: TlsMode,
    /// PEM text, as the following.
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    Disable,
    /// Encrypted where the server can, by whoever it is.
    Prefer,
    /// Encrypted, by whoever it is.
    Encrypt,
    /// Encrypted, with a certificate of a known authority.
    VerifyCa,
    /// As `VerifyCa`, and the certificate is this host's.
    VerifyFull,
}

impl Config {
    pub fn limits(&self) -> Limits {
        Limits {
            max: self.max_connections,
            min: self.min_connections.min(self.max_connections),
            max_waiting: self.max_waiting,
            acquire: Duration::from_millis(self.acquire_timeout_ms),
            connect: Duration::from_millis(self.connect_timeout_ms),
            connect_retry: Duration::from_millis(self.connect_retry_ms),
            idle: Duration::from_millis(self.idle_timeout_ms),
            lifetime: Duration::from_millis(self.max_lifetime_ms),
        }
    }

    pub fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    pub fn primary_after_write(&self) -> Duration {
        Duration::from_millis(self.primary_after_write_ms)
    }
}

impl Address {
    /// The server as messages name it: no user, no password.
    pub fn name(&self, product: &str) -> String {
        match &self.socket {
            Some(socket) => format!("{product} at {socket}"),
            None => format!("{product} at {}:{}", self.host, self.port),
        }
    }
}
