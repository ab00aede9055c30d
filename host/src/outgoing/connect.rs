//! Opens connections for requests: looks names up, checks what they turned out to be, speaks TLS.
//!
//! Called by `exchange`. The address that was checked is the one that is connected to: a name is looked up
//! once for a connection, so it cannot be another the second time.

use super::hosts::{Grant, Target};
use super::pool::Connection;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_native_certs::load_native_certs;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};
use url::Host;

/// How long it may take until a connection can be used: looking up, TCP and TLS.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;
/// Names of a node that are looked up at a time; more wait. Each takes a thread until the system answers.
pub const LOOKUPS_MAX: usize = 8;
/// An answer's status line and headers, in bytes: what is longer is an error.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Header lines of an answer.
const HEADERS_MAX: usize = 256;

/// The right to look names up, shared by the whole node. A lookup that nobody waits for any more keeps its
/// place until the system gives up.
#[derive(Clone)]
pub struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl Lookups {
    /// The addresses of a name, as the system's resolver finds them.
    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let place = self.0.clone().acquire_owned().await;
        let name = name.to_owned();
        spawn_blocking(move || {
            let _place = place;
            (name.as_str(), port)
                .to_socket_addrs()
                .map(Iterator::collect)
        })
        .await?
    }
}

/// Whom TLS trusts: the system's authorities, or those of Mozilla where the system has none, and those in
/// `file`.
///
/// # Errors
/// What is wrong with the file.
pub fn tls(file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(file) = file {
        let wrong = |reason: String| {
            format!(
                "fetch_ca_file {}: {reason}: it must be a PEM file of certificates",
                file.display()
            )
        };
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| wrong(error.to_string()))?;
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What connecting needs besides the target.
pub struct Dialing<'a> {
    pub app: &'a str,
    pub grant: Grant,
    pub lookups: &'a Lookups,
    pub tls: Option<&'a Arc<ClientConfig>>,
}

/// Opens a connection. Called within the shard's runtime.
///
/// # Errors
/// Why there is none: a sentence.
pub async fn connect(target: &Target, dialing: &Dialing<'_>) -> Result<Connection, String> {
    match timeout(CONNECT_TIME, dial(target, dialing)).await {
        Ok(connected) => connected,
        Err(_) => Err(format!(
            "{target} could not be reached within {} seconds",
            CONNECT_TIME.as_secs()
        )),
    }
}

async fn dial(target: &Target, dialing: &Dialing<'_>) -> Result<Connection, String> {
    let addresses = addresses(target, dialing).await?;
    let socket = dial_any(&addresses)
        .await
        .map_err(|error| format!("{target} could not be reached: {error}"))?;
    // Only latency is at stake.
    let _ = socket.set_nodelay(true);
    if !target.secure {
        return speak(socket, target).await;
    }
    let (Some(tls), name) = (dialing.tls, server_name(target)?) else {
        return Err(format!("{target} could not be reached: TLS is not set up"));
    };
    let stream = TlsConnector::from(tls.clone())
        .connect(name, socket)
        .await
        .map_err(|error| format!("{target} could not be reached: {}", tls_reason(&error)))?;
    speak(stream, target).await
}

/// The addresses that may be connected to.
async fn addresses(target: &Target, dialing: &Dialing<'_>) -> Result<Vec<SocketAddr>, String> {
    let name = match &target.host {
        // A literal address was checked with the URL.
        Host::Ipv4(address) => return Ok(vec![(IpAddr::V4(*address), target.port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::V6(*address), target.port).into()]),
        Host::Domain(name) => name,
    };
    let found = dialing
        .lookups
        .look_up(name, target.port)
        .await
        .map_err(|error| {
            format!("{target} could not be reached: its name could not be looked up: {error}")
        })?;
    let mut allowed = Vec::new();
    let mut refusal = None;
    for address in found {
        match dialing.grant.check(address.ip(), target, dialing.app) {
            Ok(()) => allowed.push(address),
            Err(reason) => refusal = Some(reason),
        }
    }
    if allowed.is_empty() {
        return Err(refusal.unwrap_or_else(|| {
            format!("{target} could not be reached: its name has no addresses")
        }));
    }
    allowed.truncate(ADDRESSES_MAX);
    Ok(allowed)
}

/// The first of several addresses that answers: each has its part of the time.
async fn dial_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let share = CONNECT_TIME / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

fn server_name(target: &Target) -> Result<ServerName<'static>, String> {
    match &target.host {
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| {
            format!("{target} could not be reached: no certificate can have this name: {error}")
        }),
    }
}

fn tls_reason(error: &io::Error) -> String {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    match inner {
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is of no known authority: add the authority's to fetch_ca_file".into()
        }
        Some(TlsError::InvalidCertificate(
            wrong @ (CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }),
        )) => {
            format!("its certificate is for another host ({wrong})")
        }
        Some(TlsError::InvalidCertificate(wrong)) => {
            format!("its certificate is not valid ({wrong})")
        }
        Some(wrong) => format!("TLS failed ({wrong})"),
        None => format!("TLS failed ({error})"),
    }
}

/// Begins to speak HTTP/1.1.
async fn speak<S>(stream: S, target: &Target) -> Result<Connection, String>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("{target} could not be reached: {}", reason(&error)))?;
    let task = tokio::task::spawn_local(async move {
        // What went wrong is told to the request that was under way.
        let _ = connection.await;
    });
    Ok(Connection::new(sender, task.abort_handle()))
}

/// An error and what it came from, in one line.
pub fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
