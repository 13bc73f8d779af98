//! Checks of JSON that passes through as the client wrote it.
//!
//! The reader that finds the end of such a value looks neither at its depth nor at what its
//! escapes and numbers stand for, but Bedrock's does.

/// The most levels of objects and lists within one another.
pub(super) const MOST_LEVELS: usize = 64;

/// Why JSON cannot pass through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It has more than [`MOST_LEVELS`].
    TooDeep,
    /// An escape such as `\ud800` stands for half a character, and the other half is missing.
    BrokenEscape,
    /// A number is larger than a double can hold, such as `1e400`.
    HugeNumber,
}

/// Looks `json`, which is valid apart from these flaws, through once.
pub(super) fn check(json: &str) -> Result<(), Flaw> {
    let mut levels = 0_usize;
    let mut rest = json;
    while let Some((byte, tail)) = rest.as_bytes().split_first() {
        rest = match byte {
            b'{' | b'[' => {
                levels += 1;
                if levels > MOST_LEVELS {
                    return Err(Flaw::TooDeep);
                }
                after(rest, 1)
            }
            b'}' | b']' => {
                levels = levels.saturating_sub(1);
                after(rest, 1)
            }
            b'"' => string(after(rest, 1))?,
            b'-' | b'0'..=b'9' => number(rest)?,
            _ => {
                let blank = tail.iter().position(|byte| {
                    matches!(byte, b'{' | b'[' | b'}' | b']' | b'"' | b'-' | b'0'..=b'9')
                });
                blank.map_or("", |at| after(rest, at + 1))
            }
        };
    }
    Ok(())
}

/// What follows the number at the beginning of `text`.
fn number(text: &str) -> Result<&str, Flaw> {
    /// So many digits are below the largest double.
    const HARMLESS: usize = 300;
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let end = text.bytes().position(|byte| !is_part(&byte));
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    let could_be_huge = number.len() > HARMLESS || number.contains(['e', 'E']);
    match could_be_huge && number.parse().is_ok_and(f64::is_infinite) {
        true => Err(Flaw::HugeNumber),
        false => Ok(rest),
    }
}

/// What follows the string whose text begins with `text`.
fn string(mut text: &str) -> Result<&str, Flaw> {
    while let Some(at) = text.find(['"', '\\']) {
        text = after(text, at);
        if text.starts_with('"') {
            return Ok(after(text, 1));
        }
        text = match escaped(text) {
            None => after(text, 2),
            Some(0xd800..=0xdbff) => match escaped(after(text, 6)) {
                Some(0xdc00..=0xdfff) => after(text, 12),
                Some(_) | None => return Err(Flaw::BrokenEscape),
            },
            Some(0xdc00..=0xdfff) => return Err(Flaw::BrokenEscape),
            Some(_) => after(text, 6),
        };
    }
    Ok("")
}

/// The number in `text` if it begins with `\u` and four digits.
fn escaped(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

fn after(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Flaw, MOST_LEVELS, check};

    #[test]
    #[rustfmt::skip]
    fn half_characters_are_found_and_whole_ones_are_not() {
        assert_eq!(check(r#"{"a":"\ud83d\ude00","b":["\u00e9\\ud800é"]}"#), Ok(()));
        assert_eq!(check(r#""\\\\ud800""#),          Ok(()));
        assert_eq!(check("true"),                    Ok(()));
        assert_eq!(check(r#""\ud83d""#),             Err(Flaw::BrokenEscape));
        assert_eq!(check(r#""\uD83Dx\ude00""#),      Err(Flaw::BrokenEscape));
        assert_eq!(check(r#""\ud83d\ud83d\ude00""#), Err(Flaw::BrokenEscape));
        assert_eq!(check(r#""\\\udE00""#),           Err(Flaw::BrokenEscape));
        assert_eq!(check(r#"{"\udc00":1}"#),         Err(Flaw::BrokenEscape));
    }

    #[test]
    #[rustfmt::skip]
    fn numbers_that_no_reader_takes_are_found() {
        assert_eq!(check("[1e308,-1.5E-400,0,12]"),           Ok(()));
        assert_eq!(check(r#"["1e400",{"1e400":true}]"#),      Ok(()));
        assert_eq!(check("1e309"),                            Err(Flaw::HugeNumber));
        assert_eq!(check(r#"{"a":[-1.0E+999]}"#),             Err(Flaw::HugeNumber));
        assert_eq!(check(&"9".repeat(300)),                   Ok(()));
        assert_eq!(check(&"9".repeat(310)),                   Err(Flaw::HugeNumber));
    }

    #[test]
    fn depth_counts_levels_and_not_brackets() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(&nested(MOST_LEVELS)), Ok(()));
        assert_eq!(check(&nested(MOST_LEVELS + 1)), Err(Flaw::TooDeep));
        assert_eq!(check(&format!("[{}]", "{},".repeat(1000))), Ok(()));
        assert_eq!(check(&format!("[\"{}\"]", "[{".repeat(1000))), Ok(()));
    }
}
