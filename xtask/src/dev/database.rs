//! The database: a private one, unless `DATABASE_URL` names another.

use std::{fs, future::pending, io, path::PathBuf, time::Duration};

use llmlite_dev_postgres::{DataDir, Options, Server};
use tokio::{net::TcpStream, time::sleep};

use super::folder::Folder;

/// How often we look whether it is still there.
const PULSE: Duration = Duration::from_secs(2);

/// A database that can be reached.
pub(crate) struct Database {
    url: String,
    server: Option<Server>,
}

impl Database {
    /// Starts a private server on the data of the last time, or on none when `fresh`.
    ///
    /// # Errors
    ///
    /// When it does not start, or the data of a database that is not ours would have to go.
    pub(crate) fn start(folder: &Folder, fresh: bool) -> io::Result<Self> {
        match other() {
            Some(_) if fresh => Err(io::Error::other(
                "--fresh empties only the private database, and DATABASE_URL names another: \
                 unset it, or empty that database yourself",
            )),
            Some(url) => Ok(Self { url, server: None }),
            None => Self::start_private(folder, fresh),
        }
    }

    fn start_private(folder: &Folder, fresh: bool) -> io::Result<Self> {
        let start = || {
            Server::start(Options {
                data_dir: DataDir::Kept(folder.database()),
                durable: true,
            })
        };
        let mut server = start()?;
        if fresh {
            let place = server.folder().to_owned();
            server.stop()?;
            fs::remove_dir_all(place)?;
            server = start()?;
        }
        Ok(Self {
            url: server.url(),
            server: Some(server),
        })
    }

    /// Where to connect.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The folder whose files share the fate of the data, for a private one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.server
            .as_ref()
            .map(|server| server.folder().to_owned())
    }

    /// Waits until a private server is gone, and says so. Cancel-safe.
    pub(crate) async fn stopped(&self) -> io::Error {
        let (Some(server), Some(address)) = (&self.server, address(&self.url)) else {
            return pending().await;
        };
        while TcpStream::connect(address).await.is_ok() {
            sleep(PULSE).await;
        }
        io::Error::other(format!(
            "PostgreSQL stopped; its log is in {}",
            server.folder().display()
        ))
    }

    /// Stops a private server and keeps its data.
    pub(crate) fn stop(self) {
        if let Some(server) = self.server
            && let Err(error) = server.stop()
        {
            println!("PostgreSQL did not stop: {error}");
        }
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> Option<&str> {
    let after_user = url.rsplit('@').next()?;
    after_user.split('/').next()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this command reads it for the gateway, as the gateway's args.rs would"
)]
fn other() -> Option<String> {
    std::env::var("DATABASE_URL")
        .ok()
        .filter(|url| !url.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_url_is_found() {
        let url = "postgres://postgres:a-b_c@127.0.0.1:5433/postgres";
        assert_eq!(address(url), Some("127.0.0.1:5433"));
    }
}
