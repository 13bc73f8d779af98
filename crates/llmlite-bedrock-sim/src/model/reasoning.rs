//! Thinking, and signatures that show whether it came back unchanged.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::conversation::{Conversation, Thinking};

use super::Said;

/// Real signatures begin like this, too: it is how their first bytes look in base64.
const PREFIX: &str = "EqMBCkYI";
const SEALED: &[u8] = b"thinking of the simulator";

/// Thoughts about the newest question, signed.
pub(crate) fn think(talk: &Conversation) -> Said {
    let words = talk
        .question()
        .map_or(0, |(_, turn)| turn.text().split_whitespace().count());
    let tools = talk.tools.len();
    let results: usize = talk.turns.last().map_or(0, |turn| turn.results());
    let text = format!(
        "The user wrote {words} words. I have {tools} tools at hand and {results} fresh results. \
         Let me think about what they want before I answer."
    );
    let signature = sign(&text);
    match talk.thinking {
        Thinking::Omitted => Said::Thinking {
            text: String::new(),
            signature,
        },
        _ => Said::Thinking { text, signature },
    }
}

/// Whether a thinking block may come back like this.
///
/// Text may be left out, as it is when its display was omitted, but not changed.
/// Signatures that other models made cannot be checked and pass.
pub(crate) fn is_genuine(text: &str, signature: &str) -> bool {
    let Some(coded) = signature.strip_prefix(PREFIX) else {
        return !signature.is_empty();
    };
    let Ok(bytes) = BASE64_STANDARD.decode(coded) else {
        return false;
    };
    let Some((digest, seal)) = bytes.split_at_checked(32) else {
        return false;
    };
    seal == sealed(digest) && (text.is_empty() || Sha256::digest(text).as_slice() == digest)
}

fn sign(text: &str) -> String {
    let digest = Sha256::digest(text);
    let seal = sealed(&digest);
    format!(
        "{PREFIX}{}",
        BASE64_STANDARD.encode([digest.as_slice(), &seal].concat())
    )
}

fn sealed(digest: &[u8]) -> Vec<u8> {
    Sha256::new()
        .chain_update(SEALED)
        .chain_update(digest)
        .finalize()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_that_was_touched_is_found_out() {
        let signature = sign("let me see");
        let forged = format!("{PREFIX}{}", BASE64_STANDARD.encode([7; 64]));
        for (text, signature, genuine) in [
            ("let me see", signature.as_str(), true),
            ("", &signature, true),
            ("let me see ", &signature, false),
            ("let me see", &forged, false),
            ("let me see", "EqMBCkYI", false),
            ("of another model", "ErUBCkYICBgCIkDC", true),
            ("let me see", "", false),
        ] {
            assert_eq!(is_genuine(text, signature), genuine, "{text:?} {signature}");
        }
    }
}
