//! Where the Redis is, and how a connection to it is made.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::config::dynamic::{ClientTls, RateLimitRedis as Config};
use crate::middleware::client_tls;
use crate::types;
use crate::upstream::{client_config, server_name};

/// For a connection where nothing else is configured, or nothing above zero, as in Traefik.
const DIAL: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Endpoint {
    address: Address,
    login: RedisConnectionInfo,
    /// For the connection, TLS and the login together.
    dial: Duration,
    /// For sending a question and its answer together; `None` waits for ever.
    answer: Option<Duration>,
}

enum Address {
    Tcp {
        /// Host and port, as configured.
        text: String,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    },
    /// A socket in the file system.
    Unix(String),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Endpoint {
    /// Connects to nothing yet.
    pub(super) fn new(text: &str, config: &Config) -> Result<Self, String> {
        let mut login = RedisConnectionInfo::default().set_db(config.db);
        if !config.username.is_empty() {
            login = login.set_username(config.username.expose());
        }
        if !config.password.is_empty() {
            login = login.set_password(config.password.expose());
        }
        // Go's client has one limit for each; here sending and receiving are one.
        let limit = |timeout: Option<types::Duration>| timeout.and_then(types::Duration::limit);
        let answer = limit(config.read_timeout).zip(limit(config.write_timeout));
        Ok(Self {
            address: address(text, config.tls.as_ref())?,
            login,
            dial: limit(config.dial_timeout).unwrap_or(DIAL),
            answer: answer.map(|(read, write)| read.saturating_add(write)),
        })
    }

    /// Another node of the same cluster, whose login and TLS are the same.
    pub(super) fn at(&self, text: &str) -> Result<Self, String> {
        let (host, _) = split(text)?;
        let tls = match &self.address {
            Address::Tcp {
                tls: Some((config, _)),
                ..
            } => {
                let name = server_name(host).map_err(|error| error.to_string())?;
                Some((Arc::clone(config), name))
            }
            _ => None,
        };
        Ok(Self {
            address: Address::Tcp {
                text: text.to_owned(),
                tls,
            },
            login: self.login.clone(),
            dial: self.dial,
            answer: self.answer,
        })
    }

    /// The host of its address; empty for a socket in the file system.
    pub(super) fn host(&self) -> &str {
        match &self.address {
            Address::Tcp { text, .. } => text.rsplit_once(':').map_or("", |(host, _)| host),
            Address::Unix(_) => "",
        }
    }

    /// Asks one question over a connection of its own.
    pub(super) async fn ask(&self, question: &redis::Cmd) -> Result<redis::Value, String> {
        let answer = async {
            let mut connection = self.log_in().await?;
            let answer = question.query_async(&mut connection).await;
            answer.map_err(|error| error.to_string())
        };
        match tokio::time::timeout(self.dial, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {:?}", self.dial)),
        }
    }

    /// A connection that is logged in. Its other half is a task of this worker.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, String> {
        match tokio::time::timeout(self.dial, self.log_in()).await {
            Ok(done) => done,
            Err(_) => Err(format!("no connection within {:?}", self.dial)),
        }
    }

    async fn log_in(&self) -> Result<MultiplexedConnection, String> {
        let stream = self.open().await.map_err(|error| error.to_string())?;
        let config = AsyncConnectionConfig::new().set_response_timeout(self.answer);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.login, stream, config)
                .await
                .map_err(|error| error.to_string())?;
        // Ends when the last clone of the connection is gone.
        tokio::task::spawn_local(driver);
        Ok(connection)
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let (text, tls) = match &self.address {
            Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp { text, tls } => (text, tls),
        };
        let socket = TcpStream::connect(text.as_str()).await?;
        socket.set_nodelay(true)?;
        let Some((config, name)) = tls else {
            return Ok(Box::new(socket));
        };
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Box::new(connector.connect(name.clone(), socket).await?))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { text, .. } => f.write_str(text),
            Address::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without name and password.
        write!(f, "Endpoint({self})")
    }
}

fn address(text: &str, tls: Option<&ClientTls>) -> Result<Address, String> {
    if text.starts_with('/') {
        return Ok(Address::Unix(text.to_owned()));
    }
    let (host, _) = split(text)?;
    let tls = match tls {
        None => None,
        Some(tls) => {
            let made = client_tls::settings(&tls.ca, &tls.cert, &tls.key, tls.insecure_skip_verify)
                .and_then(|settings| client_config(&settings).map_err(|error| error.to_string()))
                .and_then(|config| {
                    let name = server_name(host).map_err(|error| error.to_string())?;
                    Ok((config, name))
                });
            let (mut config, name) =
                made.map_err(|error| format!("creating TLS config: {error}"))?;
            // Redis knows nothing of protocols in handshakes.
            config.alpn_protocols.clear();
            Some((Arc::new(config), name))
        }
    };
    Ok(Address::Tcp {
        text: text.to_owned(),
        tls,
    })
}

/// Host and port. An IPv6 address keeps its brackets.
fn split(text: &str) -> Result<(&str, u16), String> {
    let wrong =
        || format!("redis.endpoints: {text:?} is no host with a port, such as localhost:6379");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    match port.parse() {
        Ok(port) if bare && !host.is_empty() => Ok((host, port)),
        _ => Err(wrong()),
    }
}
