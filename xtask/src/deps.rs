//! `cargo xtask deps`: who may lean on whom, that the pure crates build alone, and tidiness.

mod graph;
mod rules;
mod tidy;

use std::io;

use crate::{
    process,
    workspace::{cargo, metadata, root},
};

/// Checks all of it.
///
/// # Errors
///
/// When anything is broken, after every broken rule has been printed.
pub(crate) fn run() -> io::Result<()> {
    let graph = graph::Graph::read(&metadata()?)?;
    let mut broken = rules::broken(&graph);
    broken.extend(tidy::untidy(root())?);
    if !broken.is_empty() {
        for line in &broken {
            println!("  {line}");
        }
        return Err(io::Error::other(format!("{} rules broken", broken.len())));
    }
    // Alone, so that what another crate switches on cannot hide a feature that is missing here.
    for name in rules::PURE {
        process::run(cargo().args(["check", "--quiet", "-p", name]))?;
    }
    Ok(())
}
