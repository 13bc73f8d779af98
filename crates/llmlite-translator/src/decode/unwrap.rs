//! Takes the text out of `{"input":"text"}`, the arguments of a tool whose input is plain text.

/// How the arguments begin; blanks may stand between the tokens.
const OPENING: &[u8] = br#"{"input":""#;

/// Takes the text out of arguments that come in pieces, cut anywhere.
///
/// Nothing is lost of what is not of that form: it is given as it stands, all of it if the
/// arguments do not begin so, and otherwise what follows the text.
/// Half of a surrogate pair becomes U+FFFD, because no text can hold it.
#[derive(Debug, Default)]
pub(crate) struct Unwrapper {
    place: Place,
    /// What was read and not given, as it stands.
    held: String,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// So much of the opening was seen.
    Opening(usize),
    /// An object with nothing in it.
    Empty,
    /// In the text.
    Text,
    /// After a backslash in the text.
    Backslash,
    /// In the digits of an escape.
    Digits { seen: u8, unit: u16 },
    /// After the text.
    Closing,
    /// After everything.
    Closed,
    /// In what is not of the form.
    Raw,
}

impl Default for Place {
    fn default() -> Self {
        Self::Opening(0)
    }
}

impl Unwrapper {
    /// Takes the next piece of the arguments, and gives the next piece of the text.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len());
        let mut rest = piece;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Raw => {
                    out.push_str(rest);
                    ""
                }
                Place::Text => self.text(rest, &mut out),
                _ => self.step(rest, &mut out),
            };
        }
        out
    }

    /// Gives what is left when the arguments end, perhaps before their end.
    ///
    /// An escape that was cut says nothing and is left out.
    pub(crate) fn finish(&mut self) -> String {
        let mut out = String::new();
        self.lone(&mut out);
        if let Place::Opening(_) = self.place {
            out.push_str(&self.held);
        }
        self.held.clear();
        out
    }

    /// Reads plain text up to the next quote or backslash.
    fn text<'a>(&mut self, rest: &'a str, out: &mut String) -> &'a str {
        let plain = rest.find(['"', '\\']).unwrap_or(rest.len());
        let (plain, rest) = rest.split_at(plain);
        if !plain.is_empty() {
            self.lone(out);
            out.push_str(plain);
        }
        let mut chars = rest.chars();
        if let Some(char) = chars.next() {
            self.held.push(char);
            self.place = Place::Backslash;
            if char == '"' {
                self.lone(out);
                self.place = Place::Closing;
            }
        }
        chars.as_str()
    }

    /// Reads one character, anywhere but in plain text.
    fn step<'a>(&mut self, rest: &'a str, out: &mut String) -> &'a str {
        let mut chars = rest.chars();
        let Some(char) = chars.next() else { return "" };
        self.held.push(char);
        match self.place {
            Place::Opening(seen) => self.opening(seen, char, out),
            Place::Backslash => self.backslash(char, out),
            Place::Digits { seen, unit } => self.digit(seen, unit, char, out),
            Place::Closing if char == '}' => {
                self.held.clear();
                self.place = Place::Closed;
            }
            _ if is_blank(char) => {}
            _ => self.give_up(Place::Raw, out),
        }
        chars.as_str()
    }

    fn opening(&mut self, seen: usize, char: char, out: &mut String) {
        let expected = OPENING.get(seen).copied().map(char::from);
        if expected == Some(char) {
            self.place = Place::Opening(seen + 1);
            if seen + 1 == OPENING.len() {
                self.held.clear();
                self.place = Place::Text;
            }
        } else if seen == 1 && char == '}' {
            self.place = Place::Empty;
        } else if !(is_blank(char) && matches!(seen, 0 | 1 | 8 | 9)) {
            self.give_up(Place::Raw, out);
        }
    }

    fn backslash(&mut self, char: char, out: &mut String) {
        let meant = match char {
            '"' | '\\' | '/' => char,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => return self.place = Place::Digits { seen: 0, unit: 0 },
            _ => return self.give_up(Place::Text, out),
        };
        self.lone(out);
        self.escaped(meant, out);
    }

    fn digit(&mut self, seen: u8, unit: u16, char: char, out: &mut String) {
        let Some(digit) = char
            .to_digit(16)
            .and_then(|digit| u16::try_from(digit).ok())
        else {
            return self.give_up(Place::Text, out);
        };
        let unit = unit << 4 | digit;
        if seen < 3 {
            let seen = seen + 1;
            return self.place = Place::Digits { seen, unit };
        }
        let whole = self.high.and_then(|high| {
            let mut chars = char::decode_utf16([high, unit]);
            chars.next().and_then(Result::ok)
        });
        if let Some(char) = whole {
            self.high = None;
            return self.escaped(char, out);
        }
        self.lone(out);
        match unit {
            0xD800..=0xDBFF => {
                self.high = Some(unit);
                self.held.clear();
                self.place = Place::Text;
            }
            _ => self.escaped(
                char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
                out,
            ),
        }
    }

    fn escaped(&mut self, char: char, out: &mut String) {
        out.push(char);
        self.held.clear();
        self.place = Place::Text;
    }

    /// Gives what is held as it stands, and goes on there.
    fn give_up(&mut self, place: Place, out: &mut String) {
        self.lone(out);
        out.push_str(&self.held);
        self.held.clear();
        self.place = place;
    }

    /// Gives up waiting for the second half of a pair.
    fn lone(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests;
