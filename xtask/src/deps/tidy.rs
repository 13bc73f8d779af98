//! What a reviewer should not have to look for.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Longer files hide things.
const LONGEST: usize = 1000;
const CODE: [&str; 6] = ["rs", "sql", "py", "mjs", "sh", "ts"];
const TEXT: [&str; 6] = ["toml", "md", "json", "jsonl", "yml", "yaml"];
/// SQL belongs in the store and the migrations; tools that make and inspect databases speak it too.
const MAY_HOLD_SQL: [&str; 7] = [
    "crates/llmlite-store/",
    "crates/llmlite-testkit/",
    "crates/llmlite-dev-postgres/",
    "crates/llmlite-e2e/",
    "crates/llmlite-rig/",
    "migrations/",
    "xtask/src/deps/tidy.rs",
];
const STATEMENTS: [&str; 5] = [
    "INSERT INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "SELECT ",
];

/// Every untidiness in the files below `root`, as a sentence each.
///
/// # Errors
///
/// When a folder or file cannot be read.
pub(crate) fn untidy(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for path in files(root)? {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        look_at(&name, &text, root, &mut found);
    }
    Ok(found)
}

fn look_at(name: &str, text: &str, root: &Path, found: &mut Vec<String>) {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let is_code = CODE.contains(&extension);
    if !is_code && !TEXT.contains(&extension) {
        return;
    }
    let lines = text.lines().count();
    if is_code && lines > LONGEST {
        found.push(format!("{name} has {lines} lines, more than {LONGEST}"));
    }
    // Whole-program tests look into the database past the program.
    let may_hold_sql =
        MAY_HOLD_SQL.iter().any(|place| name.starts_with(place)) || name.contains("/tests/");
    let here = format!("{}/", root.display());
    let home = home();
    for (i, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", i + 1);
        if extension == "rs" && !may_hold_sql && is_statement(line) {
            found.push(format!(
                "{place} holds SQL, which belongs in crates/llmlite-store"
            ));
        }
        if line.contains(&here) || home.as_ref().is_some_and(|home| line.contains(home)) {
            found.push(format!("{place} names a folder of one machine"));
        }
    }
}

/// A line of code, not of comment, that opens a statement inside a string.
fn is_statement(line: &str) -> bool {
    let line = line.trim_start();
    if line.starts_with("//") {
        return false;
    }
    let opened = line
        .find('"')
        .map_or(line, |quote| line.get(quote + 1..).unwrap_or_default());
    STATEMENTS
        .iter()
        .any(|statement| opened.starts_with(statement) || line.starts_with(statement))
        || (opened.starts_with("UPDATE ") && opened.contains(" SET "))
}

/// Where the files of whoever runs this are; root's home is the same everywhere and tells nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "to find what must not be written down"
)]
fn home() -> Option<String> {
    let home = std::env::var("HOME").ok()?;
    let tells = home.len() > 1 && home != "/root";
    tells.then(|| format!("{}/", home.trim_end_matches('/')))
}

/// The files that people write, not those that tools make.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                let made = ["target", "node_modules", ".git", "__pycache__"];
                if !made.iter().any(|made| name == *made) {
                    folders.push(entry.path());
                }
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, want: &[&str]) {
        let mut found = Vec::new();
        look_at(name, text, Path::new("/somewhere/llmlite"), &mut found);
        assert_eq!(found, want, "{name}: {text}");
    }

    #[test]
    fn statements_outside_the_store_are_found() {
        const SQL: &[&str] =
            &["crates/llmlite-edge/src/a.rs:1 holds SQL, which belongs in crates/llmlite-store"];
        let edge = "crates/llmlite-edge/src/a.rs";
        check(edge, r#"let x = "SELECT models FROM virtual_keys";"#, SQL);
        check(edge, r#"  client.execute("DELETE FROM teams", &[])"#, SQL);
        check(edge, "INSERT INTO usage_event VALUES ($1)\";", SQL);
        check(
            edge,
            r#"const X: &str = "UPDATE teams SET name = $1";"#,
            SQL,
        );
        check(edge, "// SELECT is not used here", &[]);
        check(edge, r#"let x = "selected";"#, &[]);
        check(
            "crates/llmlite-store/src/a.rs",
            r#"const X: &str = "SELECT 1";"#,
            &[],
        );
        check(
            "bins/llmlite-admin/tests/keys.rs",
            r#"const X: &str = "SELECT 1";"#,
            &[],
        );
        check("docs/a.md", "SELECT 1", &[]);
    }

    #[test]
    fn long_files_are_found() {
        check("xtask/src/a.rs", &"\n".repeat(1000), &[]);
        check(
            "xtask/src/a.rs",
            &"\n".repeat(1001),
            &["xtask/src/a.rs has 1001 lines, more than 1000"],
        );
        check("docs/a.md", &"\n".repeat(2000), &[]);
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        let want = &["docs/a.md:2 names a folder of one machine"];
        check("docs/a.md", "\nsee /somewhere/llmlite/docs", want);
        check("docs/a.md", "\nsee /somewhere/else/docs", &[]);
    }

    #[test]
    fn what_tools_make_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        for made in ["target/a.rs", "docs/node_modules/b.rs", "docs/c.rs"] {
            let path = folder.path().join(made);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "\"SELECT 1\"").unwrap();
        }
        let found = untidy(folder.path()).unwrap();
        assert_eq!(
            found,
            ["docs/c.rs:1 holds SQL, which belongs in crates/llmlite-store"]
        );
    }
}
