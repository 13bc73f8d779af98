//! Installing what the distribution has.

use std::{io, process::Command};

use crate::process::{run, succeeds};

/// Makes sure that `command` works, by installing the distribution's packages when we may.
///
/// # Errors
///
/// When it does not work and we cannot install anything; the message says what to install.
pub(crate) fn ensure(command: &[&str], packages: &[&str]) -> io::Result<()> {
    if works(command) {
        return Ok(());
    }
    let wanted = packages.join(" ");
    if !rustix::process::geteuid().is_root() || !works(&["apt-get", "--version"]) {
        return Err(io::Error::other(format!(
            "`{}` does not work here: install {wanted} (on Debian: sudo apt-get install {wanted})",
            command.join(" ")
        )));
    }
    println!("installing {wanted}");
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.args(["-qq", "-o", "Dpkg::Use-Pty=0"])
            .env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    run(apt().arg("update"))?;
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))?;
    if works(command) {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "`{}` does not work, even with {wanted} installed",
            command.join(" ")
        )))
    }
}

fn works(command: &[&str]) -> bool {
    let Some((program, args)) = command.split_first() else {
        return false;
    };
    succeeds(Command::new(program).args(args))
}
