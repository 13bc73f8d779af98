//! Running other programs.

use std::{
    fmt::Write as _,
    io,
    process::{Command, Stdio},
};

/// Runs a command with our own input and output, and waits for it.
///
/// # Errors
///
/// When it cannot be started or does not succeed; the message shows the command.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let status = command
        .status()
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", show(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{}: {status}", show(command))))
    }
}

/// Whether a command can be started and succeeds; what it says is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        _ = write!(text, " {}", arg.to_string_lossy());
    }
    text
}
