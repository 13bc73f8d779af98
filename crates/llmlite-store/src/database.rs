//! Where the database is, and how every connection to it is made and secured.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use llmlite_core::ports::StoreError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{
    Client, Config, Connection, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::warn;

use crate::{
    error::{StatementError, refused},
    store::StoreConfig,
};

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

type Secured = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// The one way to a connection.
///
/// Whether it is encrypted is what the url's `sslmode` says; when it is, the server has proved
/// who it is, in whichever mode.
#[derive(Clone)]
pub(crate) struct Database {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Database {
    pub(crate) fn new(config: &StoreConfig) -> Result<Self, StoreError> {
        let mut database = read_url(&config.url)?;
        database.application_name(&config.application);
        let roots = match database.get_ssl_mode() {
            SslMode::Disable => RootCertStore::empty(),
            _ => roots(config.ca_file.as_deref())?,
        };
        Ok(Self {
            config: database,
            tls: MakeRustlsConnect::new(verify_against(roots)),
        })
    }

    /// Makes the connections of a pool, with these settings on top of the url's.
    pub(crate) fn manager(&self, settings: &str) -> Manager {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default();
        config.options(format!("{options} {settings}").trim());
        let recycling_method = RecyclingMethod::Fast;
        Manager::from_config(config, self.tls.clone(), ManagerConfig { recycling_method })
    }

    /// Makes a connection that belongs to no pool.
    pub(crate) async fn connect(
        &self,
    ) -> Result<(Client, Connection<Socket, Secured>), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }
}

impl fmt::Debug for Database {
    /// Never shows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("hosts", &self.config.get_hosts())
            .field("tls", &self.config.get_ssl_mode())
            .finish_non_exhaustive()
    }
}

/// Reads a database url, and adds what every connection of ours needs.
///
/// Keepalives find a server that vanished without a word; a read-only server is one that a
/// failover has demoted.
fn read_url(url: &str) -> Result<Config, StoreError> {
    let mut config: Config = url
        .parse()
        // The driver quotes what it could not read, which may be a part of a password.
        .map_err(|_| {
            wrong(
                "database url: it must be like postgres://user:password@host:port/database, with \
                 options such as ?sslmode=require, and other characters percent-encoded"
                    .to_owned(),
            )
        })?;
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(Duration::from_secs(5))
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(1))
        .keepalives_interval(Duration::from_secs(1))
        .keepalives_retries(5)
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

/// The authorities that may vouch for the server: the system's, and those in `extra`.
///
/// A system without any is no mistake by itself: the server may offer no TLS, or `extra` may
/// hold its authority.
fn roots(extra: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        warn!(reason = %error, "some of the system's certificate authorities cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = extra {
        add_file(&mut roots, path)
            .map_err(|why| wrong(format!("database CA file {}: {why}", path.display())))?;
    }
    Ok(roots)
}

/// A file that holds nothing usable would go unnoticed until the server is refused.
fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| e.to_string())? {
        let certificate = certificate.map_err(|e| e.to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    if roots.len() == before {
        return Err("it holds no certificate".to_owned());
    }
    Ok(())
}

fn verify_against(roots: RootCertStore) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("this provider has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // What `sslnegotiation=direct` requires, and older servers ignore.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    config
}

fn wrong(what: String) -> StoreError {
    refused(StatementError::new("connect", what))
}
