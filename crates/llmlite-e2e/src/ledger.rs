//! Looks into the database, past our own programs, so that they cannot agree on a mistake.

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

/// A connection of the test's own.
#[derive(Debug)]
pub struct Ledger {
    client: Client,
    _connection: JoinSet<()>,
}

impl Ledger {
    pub(crate) async fn open(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .expect("the database can be reached");
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // A broken connection shows in the next statement.
            drop(connection.await);
        });
        Self {
            client,
            _connection: driver,
        }
    }

    /// The usage rows, oldest first, each as an object of its columns.
    pub async fn rows(&self) -> Vec<Value> {
        self.objects("SELECT row_to_json(u)::text FROM usage_event u ORDER BY u.event_id")
            .await
    }

    /// The rows that a statement gives, each of one column with JSON text.
    pub async fn objects(&self, statement: &str) -> Vec<Value> {
        let rows = self
            .client
            .query(statement, &[])
            .await
            .expect("the statement is right");
        rows.iter()
            .map(|row| serde_json::from_str(row.get(0)).expect("row_to_json gives JSON"))
            .collect()
    }

    /// Runs statements without a result.
    pub async fn run(&self, statements: &str) {
        self.client
            .batch_execute(statements)
            .await
            .expect("the statements are right");
    }
}
