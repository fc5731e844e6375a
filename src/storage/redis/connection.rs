//! A connection that any number of calls share: to one server, or to a cluster. What is asked is
//! written at once, and answers come in the order of the questions.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError,
    RedisResult, ServerErrorKind, TlsCertificates, Value, cmd,
};
use tokio::time::timeout;

use super::config::{Config, Node, Tls};

/// Calls in a row to a cluster that got no answer, after which nothing of it is taken to be there.
/// One node that is away fails some calls, between which others succeed.
const SILENCE: u32 = 16;

/// How often a cluster's client asks again, elsewhere or after a pause, while slots move or a
/// replica takes over.
const CLUSTER_RETRIES: u32 = 4;

/// When a connection that nobody uses is asked by the system whether its other end is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What connections are made to.
#[allow(clippy::large_enum_variant, reason = "a storage has one")]
pub enum Target {
    One(Client),
    Cluster(ClusterClient),
}

#[derive(Clone)]
pub struct Connection {
    way: Way,
    health: Arc<Health>,
}

#[derive(Clone)]
enum Way {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

struct Health {
    made: Instant,
    /// When the last answer came, in milliseconds from `made`.
    answered: AtomicU64,
    unanswered: AtomicU32,
    broken: AtomicBool,
}

/// Why there is no answer.
pub enum Failure {
    /// The server refused.
    Refused(RedisError),
    /// The connection broke, and whether the command was carried out is not known.
    Lost(RedisError),
    /// No answer came in time, and whether the command was carried out is not known.
    Silent,
}

impl Target {
    /// Connects to nothing yet.
    pub fn of(config: &Config) -> RedisResult<Self> {
        let certificates = config.tls.as_ref().map(certificates);
        let nodes = config
            .nodes
            .iter()
            .map(|node| connection_info(node, config));
        let nodes = nodes.collect::<RedisResult<Vec<_>>>()?;
        if config.cluster {
            let builder = ClusterClient::builder(nodes)
                .retries(CLUSTER_RETRIES)
                // One node that does not answer leaves time for the others.
                .connection_timeout(Duration::from_millis(config.connect_timeout_ms) / 2)
                .response_timeout(Duration::from_millis(config.response_timeout_ms))
                .tcp_settings(tcp_settings());
            let builder = match certificates {
                Some(certificates) => builder.certs(certificates),
                None => builder,
            };
            return Ok(Self::Cluster(builder.build()?));
        }
        let node = nodes.into_iter().next().ok_or_else(no_node)?;
        Ok(Self::One(match certificates {
            Some(certificates) => Client::build_with_tls(node, certificates)?,
            None => Client::open(node)?,
        }))
    }

    /// One that has answered.
    pub async fn connect(&self) -> RedisResult<Connection> {
        let health = Arc::new(Health::new());
        let way = match self {
            Self::One(client) => {
                let config = watched(&health);
                let made = client.get_multiplexed_async_connection_with_config(&config);
                Way::One(made.await?)
            }
            Self::Cluster(client) => Way::Cluster(client.get_async_connection().await?),
        };
        let connection = Connection { way, health };
        // A server that loads its data, or wants a password, says so now.
        connection.send(&cmd("PING")).await?;
        Ok(connection)
    }
}

impl Connection {
    /// Whether it is worth asking.
    pub fn works(&self) -> bool {
        !self.health.broken.load(Ordering::Relaxed)
    }

    pub async fn ask(&self, command: &Cmd, limit: Duration) -> Result<Value, Failure> {
        let asked = self.health.now();
        let failure = match timeout(limit, self.send(command)).await {
            Ok(Ok(answer)) => {
                self.health.heard();
                return Ok(answer);
            }
            Ok(Err(error)) if error.is_timeout() => Failure::Silent,
            Ok(Err(error)) if is_of_connection(&error) => Failure::Lost(error),
            Ok(Err(error)) => {
                self.health.heard();
                if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    // Another has become the primary, and has its name.
                    self.health.break_off();
                }
                return Err(Failure::Refused(error));
            }
            Err(_) => Failure::Silent,
        };
        match (&self.way, &failure) {
            (Way::One(_), Failure::Lost(_)) => self.health.break_off(),
            (Way::One(_), _) => self.health.break_off_if_silent_since(asked),
            (Way::Cluster(_), _) => self.health.unheard(),
        }
        Err(failure)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self.way.clone() {
            Way::One(mut connection) => command.query_async(&mut connection).await,
            Way::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }
}

impl Health {
    fn new() -> Self {
        Self {
            made: Instant::now(),
            answered: AtomicU64::new(0),
            unanswered: AtomicU32::new(0),
            broken: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }

    fn heard(&self) {
        self.answered.store(self.now(), Ordering::Relaxed);
        self.unanswered.store(0, Ordering::Relaxed);
    }

    fn unheard(&self) {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENCE {
            self.break_off();
        }
    }

    fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// A server that answers others is slow; one that answers nobody is not there.
    fn break_off_if_silent_since(&self, asked: u64) {
        if self.answered.load(Ordering::Relaxed) <= asked {
            self.break_off();
        }
    }
}

/// For a connection that notices its end by itself, and not only when somebody next asks.
fn watched(health: &Arc<Health>) -> AsyncConnectionConfig {
    let health = health.clone();
    AsyncConnectionConfig::new()
        // How long things may take is said where they are asked for.
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(move |PushInfo { kind, .. }| {
            if kind == PushKind::Disconnection {
                health.break_off();
            }
            Ok::<(), Infallible>(())
        })
}

fn connection_info(node: &Node, config: &Config) -> RedisResult<ConnectionInfo> {
    let address = match (&node.socket, &config.tls) {
        (Some(path), _) => ConnectionAddr::Unix(path.clone()),
        (None, None) => ConnectionAddr::Tcp(node.host.clone(), node.port),
        (None, Some(tls)) => ConnectionAddr::TcpTls {
            host: node.host.clone(),
            port: node.port,
            insecure: !tls.verify,
            tls_params: None,
        },
    };
    // The third version of the protocol is what a connection's end is noticed by.
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(config.database)
        .set_lib_name("better-auth-native", env!("CARGO_PKG_VERSION"));
    if let Some(username) = &config.username {
        login = login.set_username(username);
    }
    if let Some(password) = &config.password {
        login = login.set_password(password);
    }
    let info = address.into_connection_info()?;
    Ok(info
        .set_redis_settings(login)
        .set_tcp_settings(tcp_settings()))
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE))
}

fn certificates(tls: &Tls) -> TlsCertificates {
    let bytes = |pem: &Option<String>| pem.as_ref().map(|pem| pem.clone().into_bytes());
    let client_tls = bytes(&tls.cert).zip(bytes(&tls.key));
    TlsCertificates {
        client_tls: client_tls.map(|(client_cert, client_key)| ClientTlsConfig {
            client_cert,
            client_key,
        }),
        root_cert: bytes(&tls.ca),
    }
}

fn no_node() -> RedisError {
    (ErrorKind::InvalidClientConfig, "no server is named").into()
}

/// Whether it says something about the connection, and nothing about the command.
fn is_of_connection(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound | ErrorKind::Parse
    )
}
