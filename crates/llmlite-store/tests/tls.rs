//! TLS to the database: taken when offered, verified whenever it is taken.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{error::Error, fs, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use llmlite_core::ports::StoreError;
use llmlite_dev_postgres::{DataDir, Options, Server};
use llmlite_store::{FeedHealth, Store, StoreConfig, migrate};
use llmlite_testkit::{ManualClock, postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The name in the server's certificate; no resolver has to know it.
const NAME: &str = "database.test";

/// An authority that no system trusts.
fn an_authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that offers TLS, with a certificate of an authority of its own.
struct Secure {
    server: Server,
    /// For statements of the test's own, without TLS.
    admin: Client,
    files: TempDir,
}

impl Secure {
    async fn start() -> Self {
        let server = Server::start(Options {
            data_dir: DataDir::Ephemeral,
            durable: false,
        })
        .unwrap();
        let authority = an_authority();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([NAME.to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(files.path().join("other.pem"), an_authority().pem()).unwrap();
        fs::write(files.path().join("empty.pem"), "nothing\n").unwrap();
        let admin = without_tls(&server).await;
        // By way of the server, whose account need not be ours.
        for (name, pem) in [
            ("server.crt", certificate.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            let write = format!(
                "COPY (SELECT '{}') TO PROGRAM 'umask 077; base64 -d > {name}'",
                BASE64_STANDARD.encode(pem)
            );
            admin.batch_execute(&write).await.unwrap();
        }
        admin
            .batch_execute("ALTER SYSTEM SET ssl = on")
            .await
            .unwrap();
        admin
            .batch_execute("SELECT pg_reload_conf()")
            .await
            .unwrap();
        until(async || {
            let row = admin.query_one("SHOW ssl", &[]).await.unwrap();
            row.get::<_, &str>(0) == "on"
        })
        .await;
        Self {
            server,
            admin,
            files,
        }
    }

    fn config(&self, host: &str, options: &str, ca: Option<&str>) -> StoreConfig {
        let url = self.server.url().replace("127.0.0.1", host);
        StoreConfig {
            application: "llmlite-under-test".to_owned(),
            ca_file: ca.map(|name| self.file(name)),
            ..StoreConfig::new(format!("{url}?hostaddr=127.0.0.1{options}"))
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

async fn without_tls(server: &Server) -> Client {
    let url = format!("{}?sslmode=disable", server.url());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection ends with its client, or with the test's runtime"
    )]
    tokio::spawn(connection);
    client
}

/// What becomes of a connection.
enum Want {
    Secured,
    Plain,
    /// Refused in these words.
    Refused(&'static str),
}
use Want::{Plain, Refused, Secured};

async fn check(secure: &Secure, host: &str, options: &str, ca: Option<&str>, want: Want) {
    let case = format!("{host} {options} {ca:?}");
    let connected = Store::connect(secure.config(host, options, ca)).await;
    let open = (
        connections(secure, true).await,
        connections(secure, false).await,
    );
    let (refused, wanted) = match want {
        Secured => (None, (1, 0)),
        Plain => (None, (0, 1)),
        Refused(words) => (Some(words), (0, 0)),
    };
    assert_eq!(open, wanted, "{case}: {connected:?}");
    if let Some(words) = refused {
        let error = connected.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{case}: {error:?}");
        let said = error.source().unwrap().to_string();
        assert!(said.contains(words), "{case}: {said}");
    } else {
        drop(connected);
    }
    until(async || connections(secure, true).await + connections(secure, false).await == 0).await;
}

/// How many connections the code under test has open, with TLS or without.
async fn connections(secure: &Secure, tls: bool) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
                  WHERE application_name = 'llmlite-under-test' AND ssl = $1";
    let row = secure.admin.query_one(count, &[&tls]).await.unwrap();
    row.get(0)
}

/// Connections of the feed that are secured.
async fn listeners(secure: &Secure) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
                  WHERE application_name = 'llmlite-under-test changes' AND ssl";
    secure.admin.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
#[rustfmt::skip]
async fn a_server_with_tls_is_believed_when_its_authority_and_its_name_are_right() {
    let secure = Secure::start().await;
    let secure = &secure;
    //            host             options              CA                  what happens
    check(secure, NAME,            "",                  Some("ca.pem"),     Secured).await;
    check(secure, NAME,            "&sslmode=prefer",   Some("ca.pem"),     Secured).await;
    check(secure, NAME,            "&sslmode=require",  Some("ca.pem"),     Secured).await;
    check(secure, NAME,            "&sslmode=disable",  Some("ca.pem"),     Plain).await;
    check(secure, NAME,            "&sslmode=disable",  Some("absent.pem"), Plain).await;
    check(secure, NAME,            "",                  None,               Refused("sslmode=disable")).await;
    check(secure, NAME,            "&sslmode=require",  None,               Refused("--database-ca")).await;
    check(secure, NAME,            "&sslmode=require",  Some("other.pem"),  Refused("invalid peer certificate")).await;
    check(secure, "elsewhere.test", "",                 Some("ca.pem"),     Refused("not valid for name")).await;
    check(secure, "elsewhere.test", "&sslmode=require", Some("ca.pem"),     Refused("not valid for name")).await;
    check(secure, "127.0.0.1",     "&sslmode=require",  Some("ca.pem"),     Refused("not valid for name")).await;
    check(secure, NAME,            "",                  Some("absent.pem"), Refused("absent.pem")).await;
    check(secure, NAME,            "",                  Some("empty.pem"),  Refused("it holds no certificate")).await;
}

#[tokio::test]
async fn migrations_and_the_feed_are_secured_too() {
    let secure = Secure::start().await;
    let config = secure.config(NAME, "&sslmode=require", Some("ca.pem"));
    let unproven = secure.config(NAME, "", None);
    assert!(migrate(unproven).await.is_err());
    let done = migrate(config.clone()).await.unwrap();
    assert!(!done.applied.is_empty());

    let store = Store::connect(config).await.unwrap();
    assert_eq!(connections(&secure, true).await, 1);
    let health = FeedHealth::new(Arc::new(ManualClock::default()));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    store.follow_changes(Arc::new(health), Vec::new(), &tasks, stop.clone());
    // The pool's connections may be one or two: the feed polls on them. The listener's has a name.
    until(async || listeners(&secure).await == 1).await;
    assert_eq!(connections(&secure, false).await, 0);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_server_without_tls_is_taken_as_it_is_unless_tls_is_required() {
    let database = postgres::empty().await;
    let connect =
        |mode| Store::connect(format!("{}?sslmode={mode}", database.url()).as_str().into());
    connect("prefer").await.unwrap();
    connect("disable").await.unwrap();
    let refused = connect("require").await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)));
    let said = refused.source().unwrap().to_string();
    assert!(said.contains("server does not support TLS"), "{said}");
}

/// Tries until it holds; the test runner's own limit ends a test in which it never does.
async fn until(condition: impl AsyncFn() -> bool) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
