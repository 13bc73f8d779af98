//! Whom our own clients talk to, and whom not.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    error::Error,
    io::{Read, Write},
    iter,
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::StatusCode;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use llmlite_http::client::connector;
use rustls::{
    ServerConfig, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A server for one connection: its address, and what comes of it.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        serve(socket)
    });
    (address, thread)
}

/// Asks for `url`: its status, or the errors from the outermost to the cause.
async fn ask(tls: bool, url: &str) -> Result<StatusCode, String> {
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(connector(tls).unwrap());
    let answer = client.get(url.parse().unwrap()).await;
    answer.map(|answer| answer.status()).map_err(|error| {
        let causes = iter::successors(error.source(), |&cause| cause.source());
        causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
    })
}

#[tokio::test]
async fn a_collector_beside_us_is_talked_to_without_tls() {
    let (address, server) = server(|mut socket| {
        let mut first = [0; 4];
        socket.read_exact(&mut first).unwrap();
        socket
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
        first
    });
    let answer = ask(false, &format!("http://{address}/")).await;
    assert_eq!(answer, Ok(StatusCode::NO_CONTENT));
    assert_eq!(&server.join().unwrap(), b"GET ");
}

/// Serves TLS under a certificate of its own making: what the client says to that.
fn unproven(mut socket: TcpStream) -> Result<(), String> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).map_err(|e| e.to_string())?;
    }
    // The client may still refuse what it was shown.
    tls.complete_io(&mut socket).map_err(|e| e.to_string())?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    for tls in [true, false] {
        let (address, server) = server(unproven);
        let port = address.rsplit(':').next().unwrap();
        let refused = ask(tls, &format!("https://localhost:{port}/")).await;
        let said = refused.unwrap_err();
        assert!(said.contains("invalid peer certificate"), "{said}");
        let heard = server.join().unwrap().unwrap_err();
        assert!(heard.contains("UnknownCA"), "{heard}");
    }
}

#[tokio::test]
async fn what_was_to_go_over_tls_never_goes_without() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let refused = ask(true, &format!("http://{address}/")).await;
    let said = refused.unwrap_err();
    assert!(said.contains("scheme"), "{said}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it did not even connect");
}
