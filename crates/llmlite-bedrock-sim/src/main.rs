//! Runs the simulator for people; `cargo xtask sim` starts it.

use std::{
    future,
    io::{self, Write},
};

use clap::Parser;
use llmlite_bedrock_sim::{Script, start_on};

/// A Bedrock Runtime on loopback
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Model id to answer besides `sim.*`; may end in `*` and be given often
    #[arg(long = "model", value_name = "GLOB")]
    models: Vec<String>,
    /// Region that signatures have to name; any when absent
    #[arg(long)]
    region: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let Args {
        port,
        models,
        region,
    } = Args::parse();
    let script = Script {
        models,
        region,
        ..Script::default()
    };
    let sim = start_on(port, script).await?;
    writeln!(io::stdout(), "{}", sim.url())?;
    io::stdout().flush()?;
    future::pending().await
}
