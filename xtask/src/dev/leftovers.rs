//! Programs that an earlier `dev` left running, because it was killed before it could stop them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// All programs of ours begin like this; another program that has got the number does not.
const OURS: &str = "llmlite-";
/// Between two looks whether a program is gone.
const LOOK: Duration = Duration::from_millis(50);
/// Looks before it is told to stop at once.
const LOOKS: usize = 200;

/// Remembers that the service runs under this number.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn remember(folder: &Path, service: &str, number: u32) -> io::Result<()> {
    fs::write(folder.join(format!("{service}.pid")), number.to_string())
}

/// Stops what an earlier `dev` in this folder left running. Call it only under the folder's lock:
/// then no `dev` is there to look after them.
///
/// # Errors
///
/// When the folder cannot be read.
pub(crate) fn stop(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "pid") {
            continue;
        }
        let number = fs::read_to_string(&file).unwrap_or_default();
        if let Some(pid) = number.trim().parse().ok().and_then(Pid::from_raw)
            && is_ours(pid)
        {
            println!(
                "stopping {}, which an earlier start left running",
                name(&file)
            );
            stop_one(pid);
        }
        fs::remove_file(&file)?;
    }
    Ok(())
}

fn stop_one(pid: Pid) {
    // It may end by itself meanwhile, which is what we want.
    _ = kill_process(pid, Signal::TERM);
    for _ in 0..LOOKS {
        if !is_ours(pid) {
            return;
        }
        sleep(LOOK);
    }
    _ = kill_process(pid, Signal::KILL);
}

/// Whether a program of ours runs under that number. Where nobody can say, none does.
fn is_ours(pid: Pid) -> bool {
    let program = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero()));
    program.is_ok_and(|program: PathBuf| {
        let name = program.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(OURS))
    })
}

fn name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    format!("the {}", stem.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// Something that would run for ten minutes, as a program of that name.
    fn sleeper(folder: &Path, name: &str) -> Child {
        let program = folder.join(name);
        fs::copy("/bin/sleep", &program).unwrap();
        Command::new(program).arg("600").spawn().unwrap()
    }

    #[test]
    fn our_programs_are_stopped_and_others_that_have_their_number_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = sleeper(folder.path(), "llmlite-gateway");
        let mut other = sleeper(folder.path(), "something-else");
        remember(folder.path(), "gateway", ours.id()).unwrap();
        remember(folder.path(), "simulator", other.id()).unwrap();
        stop(folder.path()).unwrap();
        assert!(!ours.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "it still runs");
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(!folder.path().join("gateway.pid").exists());
    }

    #[test]
    fn a_number_that_nobody_has_or_that_is_none_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gateway.pid"), "nonsense").unwrap();
        remember(folder.path(), "simulator", u32::from(u16::MAX) << 12).unwrap();
        stop(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
