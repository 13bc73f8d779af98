//! Finds the path of the JSON value that ends at a given position.
//!
//! Runs only after reading failed, so that the way that succeeds pays nothing for good errors.

use std::fmt::Write;

/// The path of the value at `line` and `column` (both as `serde_json` counts them), such as
/// `messages[2].content`; empty for the whole body.
pub(crate) fn path(body: &[u8], line: usize, column: usize) -> String {
    let start = line_start(body, line);
    let end = start.saturating_add(column).min(body.len());
    let mut walk = Walk::default();
    walk.over(body.get(..end).unwrap_or(body));
    walk.path()
}

fn line_start(body: &[u8], line: usize) -> usize {
    let breaks = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    match line.checked_sub(2) {
        Some(skip) => breaks.map(|(at, _)| at + 1).nth(skip).unwrap_or(0),
        None => 0,
    }
}

/// Where we are inside one object or list.
enum Level {
    Object {
        key: Option<String>,
        expects_key: bool,
    },
    List {
        index: usize,
    },
}

#[derive(Default)]
struct Walk {
    levels: Vec<Level>,
}

impl Walk {
    fn over(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' => self.levels.push(Level::Object {
                    key: None,
                    expects_key: true,
                }),
                b'[' => self.levels.push(Level::List { index: 0 }),
                b'}' | b']' => drop(self.levels.pop()),
                b',' => self.next(),
                b'"' => {
                    let end = string_end(bytes, at);
                    self.string(bytes.get(at..end).unwrap_or_default());
                    at = end + 1;
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) {
        match self.levels.last_mut() {
            Some(Level::Object { expects_key, .. }) => *expects_key = true,
            Some(Level::List { index }) => *index += 1,
            None => {}
        }
    }

    fn string(&mut self, text: &[u8]) {
        if let Some(Level::Object { key, expects_key }) = self.levels.last_mut()
            && *expects_key
        {
            *key = Some(String::from_utf8_lossy(text).into_owned());
            *expects_key = false;
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.levels {
            match level {
                Level::Object { key: Some(key), .. } => {
                    let dot = if path.is_empty() { "" } else { "." };
                    write!(path, "{dot}{key}").expect("writing to a string cannot fail");
                }
                Level::Object { key: None, .. } => {}
                Level::List { index } => {
                    write!(path, "[{index}]").expect("writing to a string cannot fail");
                }
            }
        }
        path
    }
}

/// The index of the quote that closes the string whose text begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
