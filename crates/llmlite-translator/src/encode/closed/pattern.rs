//! Regular expressions that a grammar can follow.

/// Whether a regular expression looks neither around nor back, nor for the ends of words.
pub(super) fn is_simple(pattern: &str) -> bool {
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (_, found) = rest.split_at(at);
        let mut chars = found.chars();
        let simple = match (chars.next(), chars.next(), chars.next()) {
            (Some('('), Some('?'), next) => next == Some(':'),
            (Some('\\'), Some(escape), _) => {
                !matches!(escape, '1'..='9' | 'b' | 'B' | 'k' | 'p' | 'P')
            }
            _ => true,
        };
        if !simple {
            return false;
        }
        let escape = found.starts_with('\\');
        let next = found.char_indices().nth(if escape { 2 } else { 1 });
        rest = next.map_or("", |(at, _)| found.split_at(at).1);
    }
    true
}
