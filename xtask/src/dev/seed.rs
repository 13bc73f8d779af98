//! A first team, user and key, made through the admin program as an operator would.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{
    database::Database,
    folder::{Folder, Secrets, write_private},
};

const TEAM: &str = "demo";
const USER: &str = "demo@example.com";
const KEY: &str = "demo";

/// The admin program, pointed at the database.
pub(crate) struct Admin {
    program: PathBuf,
    url: String,
    pepper: String,
    secrets: Secrets,
}

/// What there is to try the gateway with.
#[derive(Debug)]
pub(crate) struct Seeded {
    /// The key in plain text.
    pub(crate) key: String,
}

impl Admin {
    /// Reads or makes the pepper; the admin program is in the folder `programs`.
    ///
    /// # Errors
    ///
    /// When the pepper can be neither read nor made.
    pub(crate) fn new(programs: &Path, database: &Database, folder: &Folder) -> io::Result<Self> {
        let place = database
            .folder()
            .unwrap_or_else(|| folder.path().to_owned());
        let secrets = Secrets::in_folder(place);
        Ok(Self {
            program: programs.join("llmlite-admin"),
            url: database.url().to_owned(),
            pepper: match given_pepper() {
                Some(pepper) => pepper,
                None => secrets.pepper()?,
            },
            secrets,
        })
    }

    /// What both programs need to find and read the database.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 2] {
        [
            ("DATABASE_URL", &self.url),
            ("LLMLITE_KEY_PEPPER", &self.pepper),
        ]
    }

    /// Brings the schema up to date and makes sure that the first key is there.
    ///
    /// # Errors
    ///
    /// When the admin program refuses something.
    pub(crate) fn seed(&self, folder: &Folder) -> io::Result<Seeded> {
        self.run(&["migrate"])?;
        let exports = self
            .environment()
            .map(|(name, value)| format!("export {name}='{value}'\n"));
        write_private(&folder.environment_file(), &exports.concat())?;
        if let Some(seeded) = self.remembered()? {
            return Ok(seeded);
        }
        if !self.has("team", "name", TEAM)? {
            self.run(&["team", "create", TEAM])?;
        }
        if !self.has("user", "email", USER)? {
            self.run(&["user", "create", USER, "--team", TEAM])?;
        }
        let created = self.run(&["key", "create", "--name", KEY, "--user", USER])?;
        let Some(key) = created.get("key").and_then(Value::as_str) else {
            return Err(io::Error::other(
                "the admin program made a key but did not say which",
            ));
        };
        let remember = json!({"id": created.get("id"), "key": key});
        write_private(&self.secrets.key_file(), &remember.to_string())?;
        Ok(Seeded {
            key: key.to_owned(),
        })
    }

    /// The key of an earlier start, if it still works.
    fn remembered(&self) -> io::Result<Option<Seeded>> {
        let Ok(text) = fs::read_to_string(self.secrets.key_file()) else {
            return Ok(None);
        };
        let remembered: Value = serde_json::from_str(&text)?;
        let Some(key) = remembered.get("key").and_then(Value::as_str) else {
            return Ok(None);
        };
        let keys = self.run(&["key", "list"])?;
        let works = keys.as_array().into_iter().flatten().any(|row| {
            let text = |name| row.get(name).and_then(Value::as_str).unwrap_or_default();
            row.get("id") == remembered.get("id")
                && text("status") == "active"
                && !text("last_four").is_empty()
                && key.ends_with(text("last_four"))
        });
        Ok(works.then(|| Seeded {
            key: key.to_owned(),
        }))
    }

    fn has(&self, kind: &str, field: &str, value: &str) -> io::Result<bool> {
        let rows = self.run(&[kind, "list"])?;
        let mut rows = rows.as_array().into_iter().flatten();
        Ok(rows.any(|row| row.get(field).and_then(Value::as_str) == Some(value)))
    }

    fn run(&self, args: &[&str]) -> io::Result<Value> {
        let output = Command::new(&self.program)
            .args(args)
            .arg("--json")
            .envs(self.environment())
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!(
                "llmlite-admin {}: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            )));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this command reads it for the gateway, as the gateway's args.rs would"
)]
fn given_pepper() -> Option<String> {
    std::env::var("LLMLITE_KEY_PEPPER")
        .ok()
        .filter(|pepper| !pepper.trim().is_empty())
}

/// The Bedrock ids that a catalogue file names, which the simulator must answer too.
///
/// # Errors
///
/// When the file cannot be read or is not JSON.
pub(crate) fn bedrock_ids(catalogue: Option<&Path>) -> io::Result<Vec<String>> {
    let Some(file) = catalogue else {
        return Ok(Vec::new());
    };
    let named =
        |error: &dyn std::error::Error| io::Error::other(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| named(&error))?;
    let catalogue: Value = serde_json::from_str(&text).map_err(|error| named(&error))?;
    let models = catalogue.get("models").and_then(Value::as_array);
    let routes = models
        .into_iter()
        .flatten()
        .filter_map(|model| model.get("routes")?.as_object());
    let ids = routes
        .flat_map(|routes| routes.values())
        .filter_map(|route| route.get("id")?.as_str());
    Ok(ids.map(ToOwned::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_catalogue_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("models.json");
        let catalogue = r#"{"models":[
            {"name":"a","routes":{"eu":{"id":"eu.house.a"},"in-region":{"id":"house.a"}}},
            {"name":"b"}]}"#;
        fs::write(&file, catalogue).unwrap();
        assert_eq!(bedrock_ids(Some(&file)).unwrap(), ["eu.house.a", "house.a"]);
        assert!(bedrock_ids(None).unwrap().is_empty());
    }

    #[test]
    fn a_catalogue_that_is_not_there_is_named_in_the_error() {
        let error = bedrock_ids(Some(Path::new("nowhere.json"))).unwrap_err();
        assert!(error.to_string().starts_with("nowhere.json: "), "{error}");
    }
}
