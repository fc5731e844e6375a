//! Where Redis is and how it is used, as `redisStorage` reads it from the URL and the options.
//! Durations are in milliseconds.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// One server, or some of a cluster's.
    pub nodes: Vec<Node>,
    pub cluster: bool,
    pub username: Option<String>,
    pub password: Option<String>,
    pub database: i64,
    pub tls: Option<Tls>,
    pub prefix: String,
    pub max_queue: usize,
    pub connect_timeout_ms: u64,
    pub response_timeout_ms: u64,
    pub retry_pause_ms: u64,
    pub max_retry_pause_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    pub host: String,
    pub port: u16,
    /// A Unix socket, instead of host and port.
    pub socket: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Whether the certificate has to be of a known authority, and the host's.
    pub verify: bool,
    /// PEM text, as the following.
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
}

impl Config {
    /// For messages: the addresses, and nothing that is secret.
    pub fn place(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Node::place).collect();
        format!("Redis at {}", addresses.join(", "))
    }
}

impl Node {
    fn place(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}
