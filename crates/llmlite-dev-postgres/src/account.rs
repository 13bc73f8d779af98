//! The account that the server runs under: PostgreSQL refuses root.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Whom to run the server as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// The other account's numbers; `None` when we may run it ourselves.
    other: Option<(u32, u32)>,
}

impl Account {
    /// Ourselves, unless we are root: then `postgres` if there is such a user, else `nobody`.
    pub(crate) fn choose() -> io::Result<Self> {
        if !Self::we_are_root() {
            return Ok(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let other = ["postgres", "nobody"]
            .iter()
            .find_map(|name| numbers(&users, name))
            .ok_or_else(|| {
                io::Error::other("PostgreSQL refuses to run as root, and there is no other user")
            })?;
        Ok(Self { other: Some(other) })
    }

    pub(crate) fn we_are_root() -> bool {
        Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|said| said.stdout.trim_ascii() == b"0")
    }

    /// A program that will run as this account, out of reach of the terminal's Ctrl-C.
    pub(crate) fn command(self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.process_group(0).current_dir("/");
        if let Some((uid, gid)) = self.other {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes a folder that this account owns and nobody else reads.
    ///
    /// It may lie where everybody can write, so one that somebody else has put there is refused.
    pub(crate) fn make_folder(self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let found = fs::symlink_metadata(folder)?;
        let ours = self
            .other
            .is_none_or(|(uid, _)| [0, uid].contains(&found.uid()));
        if !found.is_dir() || !ours {
            return Err(io::Error::other(format!(
                "{} belongs to somebody else",
                folder.display()
            )));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        self.give(folder)
    }

    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        if let Some((uid, gid)) = self.other {
            chown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// Where a folder of that name can lie so that this account reaches it: as root under
    /// `/var/tmp`, since the folders above `wanted` may be closed to others.
    pub(crate) fn place(self, wanted: &Path) -> PathBuf {
        if self.other.is_none() {
            return wanted.to_owned();
        }
        let name: String = wanted
            .to_string_lossy()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Path::new("/var/tmp").join(format!("llmlite-{}", name.trim_matches('-')))
    }
}

/// The uid and gid of a user, from the text of `/etc/passwd`.
fn numbers(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_the_list_of_users() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib:/bin/bash\n";
        assert_eq!(numbers(users, "postgres"), Some((101, 104)));
        assert_eq!(numbers(users, "post"), None);
    }

    #[test]
    fn a_folder_that_somebody_else_has_put_there_is_refused() {
        let folder = std::env::temp_dir().join(format!("llmlite-account-{}", std::process::id()));
        let account = Account::choose().unwrap();
        account.make_folder(&folder).unwrap();
        account.make_folder(&folder).unwrap();
        let link = folder.with_extension("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(account.make_folder(&link).is_err());
        fs::remove_file(link).unwrap();
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_data_folder_keeps_its_place_unless_we_are_root() {
        let wanted = Path::new("/home/ada/llmlite/target/dev");
        let ourselves = Account { other: None };
        assert_eq!(ourselves.place(wanted), wanted);
        let postgres = Account {
            other: Some((101, 104)),
        };
        assert_eq!(
            postgres.place(wanted),
            Path::new("/var/tmp/llmlite-home-ada-llmlite-target-dev")
        );
    }
}
