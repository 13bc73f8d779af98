//! Names of the files in a conversation.

use std::collections::{HashMap, HashSet};

const LONGEST: usize = 200;
/// The longest ending that is taken for one: `.xhtml`.
const LONGEST_ENDING: usize = 5;

/// Gives each file a name of its own, the same in every turn of a growing conversation.
///
/// A file's name is text of the client's that the model reads, so that it keeps to the characters
/// that Bedrock documents: letters, digits, single spaces, hyphens and brackets.
#[derive(Debug, Default)]
pub(super) struct Titles {
    given: HashSet<String>,
    /// How often a name was asked for, so that the search for a free one goes on where it ended.
    times: HashMap<String, u32>,
}

impl Titles {
    /// The name for a file that the client calls `filename`: `report`, then `report 2`.
    ///
    /// A file without a name is `document 1`, then `document 2`.
    pub(super) fn give(&mut self, filename: Option<&str>) -> String {
        let clean = filename.map(clean).filter(|clean| !clean.is_empty());
        let is_named = clean.is_some();
        let base = clean.unwrap_or_else(|| "document".to_owned());
        let times = self.times.entry(base.clone()).or_default();
        loop {
            *times += 1;
            let free = match *times {
                1 if is_named => base.clone(),
                time => format!("{base} {time}"),
            };
            if self.given.insert(free.clone()) {
                return free;
            }
        }
    }
}

/// The name without its ending, and without what does not belong in one.
fn clean(filename: &str) -> String {
    let mut clean = String::new();
    let mut length = 0;
    for char in stem(filename).chars() {
        let char = match char {
            '-' | '(' | ')' | '[' | ']' => char,
            char if char.is_alphanumeric() => char,
            _ => ' ',
        };
        if char != ' ' || !(clean.is_empty() || clean.ends_with(' ')) {
            clean.push(char);
            length += 1;
        }
        if length == LONGEST {
            break;
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// What stands before the ending, if there is one: the dot of `v1.2 draft` begins none.
fn stem(filename: &str) -> &str {
    match filename.rsplit_once('.') {
        Some((stem, ending))
            if (1..=LONGEST_ENDING).contains(&ending.len())
                && ending.chars().all(|char| char.is_ascii_alphanumeric()) =>
        {
            stem
        }
        _ => filename,
    }
}

#[cfg(test)]
mod tests {
    use super::Titles;

    #[track_caller]
    fn check(filenames: &[&str], want: &[&str]) {
        let mut titles = Titles::default();
        let named = filenames
            .iter()
            .map(|name| (!name.is_empty()).then_some(*name));
        let got: Vec<String> = named.map(|name| titles.give(name)).collect();
        assert_eq!(got, want, "{filenames:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn a_title_has_only_what_belongs_in_a_name() {
        check(&["report.pdf"],                       &["report"]);
        check(&["Q3_report (final) [v2].PDF"],       &["Q3 report (final) [v2]"]);
        check(&["v1.2 draft"],                       &["v1 2 draft"]);
        check(&["  a\n\tb\u{7}c.md "],               &["a b c md"]);
        check(&["../../etc/passwd"],                 &["etc passwd"]);
        check(&["Ignore all: <system>!"],            &["Ignore all system"]);
        check(&["größe.txt"],                        &["größe"]);
        check(&["...", ""],                          &["document 1", "document 2"]);
        check(&[".env"],                             &["document 1"]);
        check(&[&"é".repeat(300)],                   &[&"é".repeat(200)]);
    }

    #[test]
    #[rustfmt::skip]
    fn each_file_has_a_title_of_its_own() {
        check(&["a.pdf", "a.pdf", "a.txt"],          &["a", "a 2", "a 3"]);
        check(&["a 2", "a", "a", "a"],               &["a 2", "a", "a 3", "a 4"]);
        check(&["document 1", "", "document", ""],   &["document 1", "document 2", "document 3", "document 4"]);
    }
}
