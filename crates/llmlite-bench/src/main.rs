//! The command line of the benchmark.

use std::{
    error::Error,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use llmlite_bench::{
    run::{self, Settings},
    upstream,
    yardstick::{hyper_proxy::HyperProxy, sdk_proxy::SdkProxy, server},
};

/// Measures what a request through the gateway costs, next to two yardsticks.
///
/// The binaries of the gateway and of the admin tool are taken from beside this one.
#[derive(Debug, Parser)]
#[command(
    name = "llmlite-bench",
    version,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Args)]
struct Measure {
    /// Two short rounds: enough to see a large change
    #[arg(long)]
    quick: bool,
    /// Rounds [default: 5, quick: 2]
    #[arg(long)]
    rounds: Option<u32>,
    /// Milliseconds that each figure is measured for [default: 3000, quick: 2000]
    #[arg(long, value_name = "MS")]
    window: Option<u64>,
    /// Leave the gateway out
    #[arg(long)]
    yardsticks_only: bool,
    /// Write the figures of all rounds to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What else this program is, for its own use.
#[derive(Debug, Subcommand)]
enum Role {
    /// A Bedrock that costs next to nothing
    Upstream {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// The minimal proxy over hyper
    YardstickHyper(Proxy),
    /// The minimal proxy over the AWS SDK
    YardstickSdk(Proxy),
}

#[derive(Debug, Args)]
struct Proxy {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// Where Bedrock is
    #[arg(long)]
    upstream: SocketAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    match cli.role {
        None => run::run(&cli.measure.settings()?, &mut io::stdout().lock())?,
        Some(Role::Upstream { listen }) => upstream::serve(&TcpListener::bind(listen)?)?,
        Some(Role::YardstickHyper(proxy)) => {
            server::run(TcpListener::bind(proxy.listen)?, || {
                HyperProxy::new(proxy.upstream)
            })?;
        }
        Some(Role::YardstickSdk(proxy)) => {
            server::run(TcpListener::bind(proxy.listen)?, || {
                SdkProxy::new(proxy.upstream)
            })?;
        }
    }
    io::stdout().flush()?;
    Ok(())
}

impl Measure {
    fn settings(self) -> io::Result<Settings> {
        let own = std::env::current_exe()?;
        let folder = own.parent().ok_or(io::ErrorKind::NotFound)?;
        let (rounds, window, starts) = if self.quick {
            (2, 2000, 3)
        } else {
            (5, 3000, 7)
        };
        Ok(Settings {
            binaries: folder.to_owned(),
            yardsticks_only: self.yardsticks_only,
            rounds: self.rounds.unwrap_or(rounds),
            window: Duration::from_millis(self.window.unwrap_or(window)),
            warm_up: Duration::from_millis(300),
            starts,
            json: self.json,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
