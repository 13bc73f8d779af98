//! How our own clients connect: to collectors of metrics, to receivers of webhooks.

use std::{io, sync::Arc};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// What connects a client of `hyper_util` with servers.
pub type Connector = HttpsConnector<HttpConnector>;

/// Connects with servers over HTTP/1.1.
///
/// With `tls` it goes to https urls only, and the server has to prove who it is to the system's
/// certificate authorities. Without, it is for http urls, and no server can prove anything.
///
/// # Errors
///
/// When the system's authorities cannot be read, or there are none.
pub fn connector(tls: bool) -> io::Result<Connector> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = HttpsConnectorBuilder::new();
    if tls {
        let builder = builder.with_provider_and_native_roots(provider)?;
        return Ok(builder.https_only().enable_http1().build());
    }
    // A container without a single authority can talk to the collector beside it.
    let nobody = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let builder = builder.with_tls_config(nobody);
    Ok(builder.https_or_http().enable_http1().build())
}
