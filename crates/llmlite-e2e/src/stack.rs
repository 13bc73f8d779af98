//! Everything that one test needs.

use std::{path::Path, process::ExitStatus};

use llmlite_bedrock_sim::{Script, Sim};
use llmlite_testkit::postgres::{self, TestDatabase};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Admin, Client, Gateway, Ledger, Relay};

/// The model that most tests ask for.
pub const MODEL: &str = "claude-3-5-sonnet";

const PEPPER: &str = "3f1c5a9be0d24786a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718";

/// A gateway with its database and its simulator, and a key to call it with.
#[derive(Debug)]
pub struct Stack {
    /// The gateway program.
    pub gateway: Gateway,
    /// The admin program.
    pub admin: Admin,
    /// A client with a key that may call every model.
    pub client: Client,
    /// That key in plain text.
    pub key: String,
    /// The number of that key.
    pub key_id: i64,
    /// The database, seen past our programs.
    pub ledger: Ledger,
    /// What answers in place of Bedrock.
    pub sim: Sim,
    /// The wire between the gateway and its database, which a test can cut.
    pub database_wire: Relay,
    journal: TempDir,
    gateway_args: Vec<String>,
    database: TestDatabase,
}

/// How a stack differs from the usual one.
#[derive(Debug, Default)]
pub struct Options {
    /// Further arguments for the gateway.
    pub gateway_args: Vec<String>,
    /// SQL that is run before the gateway starts.
    pub prepare: Option<&'static str>,
}

impl Stack {
    /// The usual one.
    ///
    /// # Panics
    ///
    /// When anything cannot be started.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// One whose gateway has these further arguments.
    ///
    /// # Panics
    ///
    /// When anything cannot be started.
    pub async fn with_args(args: &[&str]) -> Self {
        let gateway_args = args.iter().map(ToString::to_string).collect();
        Self::start_with(Options {
            gateway_args,
            prepare: None,
        })
        .await
    }

    /// One that differs.
    ///
    /// # Panics
    ///
    /// When anything cannot be started.
    #[expect(clippy::panic, reason = "ends the test that it serves")]
    pub async fn start_with(options: Options) -> Self {
        match Self::try_start(options).await {
            Ok(stack) => stack,
            Err((status, printed)) => panic!("the gateway stopped ({status}):\n{printed}"),
        }
    }

    /// One that may refuse to start.
    ///
    /// # Errors
    ///
    /// When the gateway stops instead of listening: its exit status and all that it printed.
    pub async fn try_start(options: Options) -> Result<Self, (ExitStatus, String)> {
        let database = postgres::fresh().await;
        let sim = llmlite_bedrock_sim::start(script())
            .await
            .expect("the simulator starts");
        let admin = Admin::new(database.url(), PEPPER);
        let ledger = Ledger::open(database.url()).await;
        let (key, key_id) = admin.key(&[]).await;
        if let Some(statements) = options.prepare {
            ledger.run(statements).await;
        }
        let database_wire = Relay::to(address(database.url()));
        let url = database
            .url()
            .replace(address(database.url()), database_wire.address());
        let journal = tempfile::tempdir().expect("there is room for a journal");
        let mut command = Gateway::command(&url, PEPPER, &sim.url(), journal.path());
        command.args(&options.gateway_args);
        let gateway = Gateway::start(command).await?;
        let client = Client::new(gateway.url(), &key);
        Ok(Self {
            gateway,
            admin,
            client,
            key,
            key_id,
            ledger,
            sim,
            database_wire,
            journal,
            gateway_args: options.gateway_args,
            database,
        })
    }

    /// Where the gateway keeps what the database does not have yet.
    pub fn journal(&self) -> &Path {
        self.journal.path()
    }

    /// Starts the gateway again, which has stopped, on the same disk; the client asks the new one.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let url = self.database.url();
        let url = url.replace(address(url), self.database_wire.address());
        let mut command = Gateway::command(&url, PEPPER, &self.sim.url(), self.journal.path());
        command.args(&self.gateway_args);
        self.gateway = Gateway::start(command).await.expect("it starts again");
        self.client = Client::new(self.gateway.url(), &self.key);
    }

    /// A body that asks the usual model one thing.
    pub fn ask(text: &str) -> Value {
        json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
    }

    /// The same, as a stream.
    pub fn ask_streamed(text: &str) -> Value {
        let mut body = Self::ask(text);
        body["stream"] = true.into();
        body
    }
}

/// The `host:port` of a database's URL.
fn address(url: &str) -> &str {
    let after_user = url.rsplit('@').next().unwrap_or_default();
    after_user.split('/').next().unwrap_or_default()
}

/// The simulator answers for Claude, wherever it is called.
fn script() -> Script {
    let mut script = Script::default();
    for glob in ["anthropic.*", "eu.anthropic.*", "global.anthropic.*"] {
        script.models.push(glob.to_owned());
    }
    script
}
