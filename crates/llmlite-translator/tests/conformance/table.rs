//! The rows, and the page that they make.

use std::fmt::Write;

/// One field, what becomes of it, and the test that proves it.
#[derive(Debug)]
pub(super) struct Row {
    /// The field's path.
    pub(super) field: &'static str,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// The details, in words.
    pub(super) says: &'static str,
    /// The test that proves it.
    pub(super) test: &'static str,
}

/// What becomes of a field of a request, or where one of an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It changes what Claude is sent.
    Translated,
    /// The program around the translator does what it says.
    Honoured,
    /// It has no effect on the answer; if it was meant to have one, the client is told.
    Ignored,
    /// A request with it is refused with 400 and the field's name.
    Refused,
    /// It comes from Claude's answer.
    Filled,
    /// It is always the same, or always left out.
    Constant,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Self::Translated => "translated",
            Self::Honoured => "honoured by the gateway",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
            Self::Filled => "from the answer",
            Self::Constant => "constant",
        }
    }
}

/// Declares rows: for each a test of its name that runs its checks, and its line in the table.
macro_rules! rows {
    ($module:literal: $($name:ident, $field:literal, $fate:ident, $says:literal => $($check:expr),+;)*) => {
        pub(super) const ROWS: &[$crate::table::Row] = &[$($crate::table::Row {
            field: $field,
            fate: $crate::table::Fate::$fate,
            says: $says,
            test: concat!($module, "::", stringify!($name)),
        },)*];

        $(
            #[test]
            fn $name() {
                $($check;)+
            }
        )*
    };
}
pub(super) use rows;

const HEAD: &str = "\
# What becomes of every field

Written by the tests of `llmlite-translator` (`cargo xtask bless`); do not edit.
Each row is a test: `cargo test -p llmlite-translator --test conformance NAME` runs the one in its last column.

Every field of a request has one of four fates:

- **translated**: it changes what Claude is sent;
- **honoured by the gateway**: the program around the translator does what it says;
- **ignored**: it has no effect on the answer; where it was meant to have one, its name is in the header `x-llmlite-ignored`, and strict mode refuses it;
- **refused**: the request gets a 400 with the field's name in `param`.

`null` equals absent in every optional field.
A field that no one knows is ignored at the top of the request, with its name in the header, and passed over everywhere else.
";

/// The whole page.
pub(super) fn page(request: &[Row], answer: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "The request", "fate", request);
    section(
        &mut page,
        "The answer, whole and streamed",
        "source",
        answer,
    );
    page
}

fn section(page: &mut String, title: &str, fate: &str, rows: &[Row]) {
    let head =
        format!("\n## {title}\n\n| field | {fate} | details | test |\n| --- | --- | --- | --- |\n");
    page.push_str(&head);
    for row in rows {
        let Row {
            field, says, test, ..
        } = row;
        let fate = row.fate.word();
        writeln!(page, "| `{field}` | {fate} | {says} | `{test}` |")
            .expect("writing to a string cannot fail");
    }
}
