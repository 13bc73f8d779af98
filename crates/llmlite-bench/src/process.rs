//! The programs under measurement: started on a core of their own, watched through `/proc`.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{clock, load::http};

/// `/proc` counts in hundredths of a second on every architecture that Linux runs on.
const TICK: Duration = Duration::from_millis(10);
/// Longer than any program here needs to start or to drain.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which core runs what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// What is measured on core 0, everything else on core 1.
    Apart,
    /// Wherever the kernel likes; figures at saturation then mean less.
    Shared,
}

impl Cores {
    /// Moves this process, and with it all that it starts from now on, to core 1.
    ///
    /// When that cannot be, the reason comes back beside [`Cores::Shared`].
    pub fn separate() -> (Self, Option<String>) {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return (Self::Shared, Some("there is only one core".to_owned()));
        }
        let pid = std::process::id().to_string();
        let moved = Command::new("taskset")
            .args(["-c", "-p", "1", &pid])
            .output();
        match moved {
            Ok(output) if output.status.success() => (Self::Apart, None),
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                (Self::Shared, Some(reason))
            }
            Err(error) => (Self::Shared, Some(format!("taskset does not run: {error}"))),
        }
    }

    /// The command that runs `program` on the core for what is measured.
    fn measured(self, program: &Path) -> Command {
        match self {
            Self::Apart => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0"]).arg(program);
                command
            }
            Self::Shared => Command::new(program),
        }
    }
}

/// How to start a program.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// What it is called in messages.
    pub name: &'static str,
    /// The file to run.
    pub program: PathBuf,
    /// Its arguments, without the address.
    pub arguments: Vec<String>,
    /// Its environment, beside our own.
    pub environment: Vec<(&'static str, String)>,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A running program that listens on an address. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first `200` on `/health/ready`.
    pub ready_after: Duration,
}

impl Running {
    /// Starts the program of `recipe` on the measured core and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready; with the end of its log.
    pub fn start(recipe: &Recipe, cores: Cores) -> io::Result<Self> {
        Self::spawn(recipe, cores.measured(&recipe.program), "/health/ready")
    }

    /// Starts the program of `recipe` beside this process and waits until it answers at all.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub fn start_beside(recipe: &Recipe) -> io::Result<Self> {
        Self::spawn(recipe, Command::new(&recipe.program), "/pace/1/0")
    }

    fn spawn(recipe: &Recipe, mut command: Command, probe: &str) -> io::Result<Self> {
        let address = free_address()?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&recipe.log)?;
        let begin = clock::now();
        let child = command
            .args(&recipe.arguments)
            .args(["--listen", &address.to_string()])
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot start {}: {error}", recipe.name)))?;
        let mut running = Self {
            name: recipe.name,
            child,
            log: recipe.log.clone(),
            address,
            ready_after: Duration::ZERO,
        };
        running.ready_after = running.wait_until_ready(begin, probe)?;
        Ok(running)
    }

    fn wait_until_ready(&mut self, begin: Instant, probe: &str) -> io::Result<Duration> {
        loop {
            if answers(self.address, probe) {
                return Ok(clock::now() - begin);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended with {status} before it was ready")));
            }
            if clock::now() - begin > PATIENCE {
                return Err(self.failure("does not become ready"));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// CPU time since its start, of all its threads.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        cpu_of(&stat).ok_or_else(|| io::Error::other("/proc/PID/stat has an unknown form"))
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        resident_of(&status).ok_or_else(|| io::Error::other("/proc/PID/status has no VmRSS"))
    }

    /// Asks it to end as an operator would, and waits for it.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(mut self) -> io::Result<ExitStatus> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let begin = clock::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if clock::now() - begin > PATIENCE {
                return Err(self.failure("does not end at SIGTERM"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `what` happened to it, with the end of its log.
    pub fn failure(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(10)..)
            .unwrap_or_default();
        io::Error::other(format!("{} {what}\n{}", self.name, tail.join("\n")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address nobody listens on now. Another program could take it first; then the start fails.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let request = http::request("GET", path, "bench", &[("connection", "close")], b"");
    let mut start = [0; 13];
    let exchange = TcpStream::connect(address).and_then(|mut socket| {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(&request)?;
        socket.read_exact(&mut start)
    });
    exchange.is_ok() && start == *b"HTTP/1.1 200 "
}

/// User and system time: the fields 14 and 15, counted behind the name, which may hold spaces.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_brackets() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 2 0 1 1 1";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_told_in_bytes() {
        assert_eq!(
            resident_of("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t    2048 kB\n"),
            Some(2 * 1024 * 1024)
        );
        assert_eq!(resident_of("Name:\tx\n"), None);
    }

    #[test]
    fn this_test_is_found_in_proc_as_a_program_that_ran() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(cpu_of(&stat).is_some());
        assert!(resident_of(&status).unwrap() > 100 * 1024);
    }
}
