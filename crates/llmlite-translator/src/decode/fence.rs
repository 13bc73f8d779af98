//! Takes a Markdown code fence off an answer that is to be nothing but JSON.

/// The most blanks in one place that may belong to a fence.
///
/// With a bound the time stays linear and what is held back small, however many blanks come.
const MOST_BLANKS: usize = 256;

const TICKS: &str = "```";

/// Takes one fence off a text that comes in pieces.
///
/// A fence is one that begins the text and, with nothing but blanks after it, ends it; three
/// backquotes anywhere else stay, and so does every text without a fence, byte for byte.
/// Only what may still turn out to be a fence is held back.
#[derive(Debug, Default)]
pub(crate) struct Fence {
    place: Place,
    held: String,
    /// Whether the text given so far ends with a backquote, which no fence follows directly.
    ticked: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// So far there may be an opening fence.
    #[default]
    Before,
    /// An opening fence was taken off.
    Inside,
    /// There is no fence.
    Outside,
}

impl Fence {
    /// Takes the next piece, and gives what is certain to belong to the text.
    pub(crate) fn push(&mut self, piece: String) -> String {
        match self.place {
            Place::Outside => piece,
            Place::Inside => self.inside(piece),
            Place::Before => self.before(&piece),
        }
    }

    /// Gives what was held back, unless it is the closing fence.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Inside if held.trim_matches(is_blank) == TICKS => String::new(),
            _ => held,
        }
    }

    fn before(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        match opening(&self.held) {
            Opening::Maybe => String::new(),
            Opening::Never => {
                self.place = Place::Outside;
                std::mem::take(&mut self.held)
            }
            Opening::Until(end) => {
                self.place = Place::Inside;
                let text = self.held.split_off(end);
                self.held.clear();
                self.inside(text)
            }
        }
    }

    fn inside(&mut self, piece: String) -> String {
        let mut text = piece;
        if !self.held.is_empty() {
            text.insert_str(0, &self.held);
        }
        self.held = text.split_off(closing(&text, self.ticked));
        if let Some(last) = text.chars().next_back() {
            self.ticked = last == '`';
        }
        text
    }
}

/// Whether a text begins with a fence.
enum Opening {
    /// That depends on what follows.
    Maybe,
    /// It does, and the fence ends there.
    Until(usize),
    /// It does not.
    Never,
}

fn opening(text: &str) -> Opening {
    let fence = text.trim_start_matches(is_blank);
    if text.len() - fence.len() > MOST_BLANKS {
        return Opening::Never;
    }
    let Some(info) = fence.strip_prefix(TICKS) else {
        return maybe(TICKS.starts_with(fence));
    };
    let rest = info.trim_start_matches(|char: char| char.is_ascii_alphabetic());
    let (word, _) = info.split_at(info.len() - rest.len());
    if rest.is_empty() {
        let json = "json".get(..word.len());
        return maybe(json.is_some_and(|json| json.eq_ignore_ascii_case(word)));
    }
    let line = rest.trim_start_matches([' ', '\t', '\r']);
    if !(word.is_empty() || word.eq_ignore_ascii_case("json"))
        || rest.len() - line.len() > MOST_BLANKS
    {
        return Opening::Never;
    }
    let end = text.len() - line.len();
    match line.chars().next() {
        None => Opening::Maybe,
        Some('\n') => Opening::Until(end + 1),
        // Some models put the JSON on the fence's own line.
        Some('{' | '[') => Opening::Until(end),
        Some(_) => Opening::Never,
    }
}

fn maybe(yes: bool) -> Opening {
    if yes { Opening::Maybe } else { Opening::Never }
}

/// Where in `text` the part begins that may be the closing fence, with the line break before it.
fn closing(text: &str, ticked: bool) -> usize {
    let fence = text.trim_end_matches(is_blank);
    let body = fence.trim_end_matches('`');
    let (ticks, blanks) = (fence.len() - body.len(), text.len() - fence.len());
    let may_close = match ticks {
        3 => blanks <= MOST_BLANKS,
        1 | 2 => blanks == 0,
        _ => false,
    };
    let follows_ticks = body.is_empty() && ticked;
    let before = if may_close && !follows_ticks {
        body
    } else {
        text
    };
    let line = before.strip_suffix('\n').unwrap_or(before);
    line.strip_suffix('\r').unwrap_or(line).len()
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests;
