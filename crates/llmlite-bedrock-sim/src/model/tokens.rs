//! How text is cut into tokens: leading white space and up to six further characters.
//!
//! Not Claude's tokeniser, but as many tokens for a page of English within a tenth or so, and the
//! same number for the same text on every machine.

/// Bytes of a request's body that make one input token.
const BYTES_PER_TOKEN: u64 = 4;
/// Few tokens of any text have more.
const MOST_BYTES_PER_TOKEN: u64 = 6;
const LETTERS: usize = 6;

/// The tokens of `text`, in order; together they are `text` again.
pub(crate) fn tokens(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (token, rest) = text.split_at(first_token(text));
        text = rest;
        Some(token)
    })
}

pub(crate) fn count(text: &str) -> u64 {
    tokens(text).map(|_| 1).sum()
}

/// The first `limit` tokens of `text`.
pub(crate) fn cut(text: &str, limit: u64) -> &str {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let kept = tokens(text).take(limit).map(str::len).sum();
    text.get(..kept).unwrap_or(text)
}

/// What the model reads: a quarter of the body, with pictures and documents at a flat rate.
pub(crate) fn input(body: usize, media: &[usize]) -> u64 {
    let data: usize = media.iter().sum();
    let text = of_bytes(body.saturating_sub(data)).max(1);
    text + media.iter().copied().map(of_media).sum::<u64>()
}

/// So many tokens these certainly are, by whatever tokeniser: no reason to refuse for less.
pub(crate) fn at_least(tokens: u64) -> u64 {
    tokens * BYTES_PER_TOKEN / MOST_BYTES_PER_TOKEN
}

pub(crate) fn of_bytes(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// A picture costs by its area, not by its bytes; between a thumbnail and Claude's largest.
pub(crate) fn of_media(base64_bytes: usize) -> u64 {
    (base64_bytes as u64 / 256).clamp(85, 1_600)
}

fn first_token(text: &str) -> usize {
    let word = text
        .find(|c: char| !c.is_whitespace())
        .unwrap_or(text.len());
    let letters = text
        .get(word..)
        .unwrap_or_default()
        .char_indices()
        .enumerate()
        .find(|(nth, (_, c))| *nth == LETTERS || c.is_whitespace());
    letters.map_or(text.len(), |(_, (at, _))| word + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_together_are_the_text_again() {
        for text in [
            "",
            " ",
            "hello",
            "a much longer  text\nof words ",
            "äöü ßßßßßßßß 漢字漢字漢字漢字",
        ] {
            assert_eq!(tokens(text).collect::<String>(), text);
        }
        assert_eq!(tokens("hello internationalised world").count(), 5);
    }

    #[test]
    fn a_cut_text_has_just_the_tokens_it_may_have() {
        //            text           limit  kept
        for (text, limit, kept) in [
            ("one two three", 2, "one two"),
            ("one two three", 3, "one two three"),
            ("one two three", 9, "one two three"),
            ("one", 0, ""),
            ("abcdefghi", 1, "abcdef"),
        ] {
            assert_eq!(cut(text, limit), kept);
        }
    }

    #[test]
    fn media_count_by_the_piece_and_not_by_their_bytes() {
        assert_eq!(input(400, &[]), 100);
        assert_eq!(input(400 + 100_000, &[100_000]), 100 + 390);
        assert_eq!(input(400 + 9_000_000, &[9_000_000]), 100 + 1_600);
    }
}
