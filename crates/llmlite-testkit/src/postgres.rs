//! A database for each test, on one server for the whole run.
//!
//! The first test process starts the server and the last one's end stops it, a few seconds later
//! ([`llmlite_dev_postgres::Shared`]).
//! The schema is applied once, to a template that is named after its content; a test gets a copy,
//! which takes milliseconds, and the copy is removed when the test ends.

use std::{
    path::Path,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use llmlite_dev_postgres::Shared;
use llmlite_store::{Store, StoreConfig, migrate, schema};
use tokio_postgres::{Client, Config, NoTls};

/// A database that belongs to one test.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

/// A new database with the current schema.
///
/// # Panics
///
/// When there is no PostgreSQL, or it does not do as it is told.
pub async fn fresh() -> TestDatabase {
    let template = template().await;
    TestDatabase::create(&format!(" TEMPLATE {template}")).await
}

/// A new database without anything in it.
///
/// # Panics
///
/// As [`fresh`].
pub async fn empty() -> TestDatabase {
    TestDatabase::create("").await
}

impl TestDatabase {
    /// Where the superuser connects to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store on it.
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    pub async fn store(&self) -> Store {
        Store::connect(StoreConfig::new(self.url()))
            .await
            .expect("a test database takes connections")
    }

    /// A connection to it, for statements of the test's own.
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    async fn create(template: &str) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEST_PREFIX}{}_{serial}", process::id());
        let admin = connect(&server().url()).await;
        // A process number comes round again, and with it the name of a test that was killed.
        run(&admin, &format!("DROP DATABASE IF EXISTS {name}")).await;
        run(&admin, &format!("CREATE DATABASE {name}{template}")).await;
        Self {
            url: url_of(&name),
            name,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let (done, is_done) = mpsc::channel::<()>();
        // The test's own runtime cannot be waited for from here.
        thread::spawn(move || {
            block_on(async {
                let admin = connect(&server().url()).await;
                run(&admin, &drop_it).await;
            });
            drop(done);
        });
        // A test that fails must fail with its own words.
        _ = is_done.recv_timeout(REMOVAL_LIMIT);
    }
}

/// The server removes a database only when no connection to any is half made, and this thread may
/// be the one that has to go on making it; the server needs nobody to finish.
const REMOVAL_LIMIT: Duration = Duration::from_secs(2);

const TEST_PREFIX: &str = "llmlite_test_";

/// The server of this run; joined once a process and held to its end.
fn server() -> &'static Shared {
    static SERVER: OnceLock<Shared> = OnceLock::new();
    SERVER.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = workspace.canonicalize().expect("the workspace is there");
        let shared = Shared::join(&workspace.join("target/test-postgres"))
            .expect("PostgreSQL can be started");
        if shared.started() {
            let url = shared.url();
            thread::spawn(move || block_on(remove_leftovers(&url)))
                .join()
                .expect("leftovers can be removed");
        }
        shared
    })
}

/// Removes the databases of tests that were killed, and the templates of schemas that are gone.
async fn remove_leftovers(url: &str) {
    let admin = connect(url).await;
    let names = admin
        .query(
            "SELECT datname FROM pg_database WHERE datname LIKE 'llmlite\\_%' AND datname <> $1",
            &[&template_name()],
        )
        .await
        .expect("databases can be listed");
    for name in names {
        let name: String = name.get(0);
        run(
            &admin,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
    }
}

/// The name of a database with the current schema, which is made if it is not there.
async fn template() -> String {
    let name = template_name();
    let admin = connect(&server().url()).await;
    // Held until this connection ends: one test makes the template, the others wait for it.
    run(
        &admin,
        "SELECT pg_advisory_lock(hashtext('llmlite.test_template'))",
    )
    .await;
    let there = admin
        .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await
        .expect("databases can be listed");
    if there.is_empty() {
        let draft = format!("{name}_draft");
        run(&admin, &format!("DROP DATABASE IF EXISTS {draft}")).await;
        run(&admin, &format!("CREATE DATABASE {draft}")).await;
        migrate(url_of(&draft).as_str())
            .await
            .expect("the schema can be applied to an empty database");
        run(&admin, &format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    name
}

fn template_name() -> String {
    format!("llmlite_template_{:016x}", schema::fingerprint())
}

fn url_of(database: &str) -> String {
    let url = server().url();
    let stem = url.rsplit_once('/').map_or(url.as_str(), |(stem, _)| stem);
    format!("{stem}/{database}")
}

async fn connect(url: &str) -> Client {
    let config: Config = url.parse().expect("the server's url is well formed");
    let (client, connection) = config.connect(NoTls).await.expect("the server answers");
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection ends with its client, or with the test's runtime"
    )]
    tokio::spawn(connection);
    client
}

#[expect(clippy::panic, reason = "a test without its database has failed")]
async fn run(client: &Client, sql: &str) {
    if let Err(e) = client.batch_execute(sql).await {
        let said = e
            .as_db_error()
            .map_or_else(String::new, ToString::to_string);
        panic!("{sql}: {e} {said}");
    }
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
        .block_on(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_test_has_a_migrated_database_of_its_own() {
        let (one, other) = (fresh().await, fresh().await);
        one.store().await.check_schema().await.unwrap();
        let client = one.client().await;
        run(&client, "INSERT INTO teams (name) VALUES ('alpha')").await;
        let count = "SELECT count(*) FROM teams";
        let there: i64 = client.query_one(count, &[]).await.unwrap().get(0);
        let elsewhere: i64 = other
            .client()
            .await
            .query_one(count, &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!((there, elsewhere), (1, 0));
    }

    #[tokio::test]
    async fn a_database_is_gone_when_its_test_has_ended() {
        let database = empty().await;
        let name = database.name.clone();
        drop(database);
        let admin = connect(&server().url()).await;
        let left = admin
            .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
            .await
            .unwrap();
        assert!(left.is_empty());
    }
}
