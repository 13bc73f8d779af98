//! Thinking, and signatures that show whether it came back unchanged.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::conversation::Conversation;

use super::{Said, tokens};

/// Real ones begin like these, too: it is how their first bytes look in base64.
const SIGNATURE: &str = "EqMBCkYI";
const REDACTED: &str = "EmwKAhgB";
const DIGEST: usize = 32;

/// A digest of all that stood before a thought.
pub(crate) type Binding = [u8; DIGEST];

const SEALED: &[u8] = b"thinking of the simulator";

/// Thoughts about the newest question, signed.
pub(crate) fn think(talk: &Conversation) -> Said {
    let text = thoughts(talk);
    let signature = sealed_text(SIGNATURE, &text, talk.binding);
    let tokens = tokens::count(&text);
    let text = if talk.thinking.shown() {
        text
    } else {
        String::new()
    };
    Said::Thinking {
        text,
        signature,
        tokens,
    }
}

/// The same thoughts, as nobody but the model can read them.
pub(crate) fn redact(talk: &Conversation) -> Said {
    let text = thoughts(talk);
    Said::Redacted {
        data: sealed_text(REDACTED, &text, talk.binding),
        tokens: tokens::count(&text),
    }
}

/// Whether a thinking block may come back like this.
///
/// Text may be left out, as it is when its display was omitted, but not changed.
pub(crate) fn is_genuine(text: &str, signature: &str) -> bool {
    match opened(SIGNATURE, signature) {
        Some((digest, _)) => text.is_empty() || Sha256::digest(text).as_slice() == digest,
        None => false,
    }
}

/// Whether a redacted thinking block may come back with this data.
pub(crate) fn is_sealed(data: &str) -> bool {
    opened(REDACTED, data).is_some()
}

/// What the thought behind a signature or redacted data is bound to, if it is.
pub(crate) fn binding(sealed: &str) -> Option<Binding> {
    let opened = opened(SIGNATURE, sealed).or_else(|| opened(REDACTED, sealed));
    opened.and_then(|(_, binding)| binding)
}

/// The signature that the simulator gives to a thought.
///
/// It depends on the text alone, so a test may write a history with it; any other signature is
/// refused when it comes back.
pub fn sign(thinking: &str) -> String {
    sealed_text(SIGNATURE, thinking, None)
}

/// The `data` of a redacted thinking block, made of what was thought.
///
/// It depends on the text alone, so a test may write a history with it; any other data is
/// refused when it comes back.
pub fn seal(thinking: &str) -> String {
    sealed_text(REDACTED, thinking, None)
}

fn thoughts(talk: &Conversation) -> String {
    let words = talk
        .question()
        .map_or(0, |(_, turn)| turn.text().split_whitespace().count());
    let (tools, results) = (talk.tools.len(), talk.fresh_results());
    format!(
        "The user wrote {words} words. I have {tools} tools at hand and {results} fresh results. \
         Let me think about what they want before I answer."
    )
}

fn sealed_text(prefix: &str, text: &str, binding: Option<Binding>) -> String {
    let mut inside = Sha256::digest(text).to_vec();
    inside.extend(binding.into_iter().flatten());
    let seal = sealed(prefix, &inside);
    format!(
        "{prefix}{}",
        BASE64_STANDARD.encode([inside, seal].concat())
    )
}

/// The digest in a text that was sealed here, and what it is bound to.
fn opened(prefix: &str, text: &str) -> Option<(Vec<u8>, Option<Binding>)> {
    let coded = text.strip_prefix(prefix)?;
    let mut inside = BASE64_STANDARD.decode(coded).ok()?;
    let seal = inside.split_off(inside.len().checked_sub(DIGEST)?);
    if inside.len() < DIGEST || seal != sealed(prefix, &inside) {
        return None;
    }
    let binding = inside.split_off(DIGEST).try_into().ok();
    Some((inside, binding))
}

fn sealed(prefix: &str, inside: &[u8]) -> Vec<u8> {
    Sha256::new()
        .chain_update(SEALED)
        .chain_update(prefix)
        .chain_update(inside)
        .finalize()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_that_was_touched_is_found_out() {
        let (signature, data) = (sign("let me see"), seal("let me see"));
        let forged = format!("{SIGNATURE}{}", BASE64_STANDARD.encode([7; 64]));
        for (text, signature, genuine) in [
            ("let me see", signature.as_str(), true),
            ("", &signature, true),
            ("let me see ", &signature, false),
            ("let me see", &forged, false),
            ("let me see", &data, false),
            ("let me see", "EqMBCkYI", false),
            ("of another model", "ErUBCkYICBgCIkDC", false),
            ("let me see", "", false),
        ] {
            assert_eq!(is_genuine(text, signature), genuine, "{text:?} {signature}");
        }
        for (data, genuine) in [
            (data.as_str(), true),
            (data.trim_end_matches('='), false),
            (&signature, false),
            ("EmwKAhgB", false),
            ("", false),
        ] {
            assert_eq!(is_sealed(data), genuine, "{data}");
        }
    }
}
