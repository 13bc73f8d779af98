//! From the client's bytes to Claude's body.

use llmlite_openai::ChatRequest;
use llmlite_translator::{CachePoints, Model, Options, encode};

use super::{rules, subjects};

/// Reads `data` as a request and translates it for every model, in every way.
///
/// A refusal says what is wrong; a body keeps Claude's rules and is the same the second time.
pub fn request(data: &[u8]) {
    let request = match ChatRequest::parse(data) {
        Ok(request) => request,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for model in subjects::models() {
        let lenient = translate(&request, data, &model, Options::default());
        let strict = Options {
            strict: true,
            ..Options::default()
        };
        let strict = translate(&request, data, &model, strict);
        assert!(
            strict.is_none() || strict == lenient,
            "strict mode refuses, and changes nothing"
        );
        let asked = Options {
            cache: CachePoints::Asked,
            ..Options::default()
        };
        translate(&request, data, &model, asked);
    }
}

/// The body, unless the request is refused.
fn translate(
    request: &ChatRequest<'_>,
    data: &[u8],
    model: &Model,
    options: Options,
) -> Option<Vec<u8>> {
    let again = ChatRequest::parse(data).expect("what was read once can be read again");
    let again = encode(&again, model, options);
    match encode(request, model, options) {
        Ok(encoded) => {
            let again = again.expect("what was translated once is translated again");
            assert!(
                encoded.body == again.body,
                "the same bytes give the same body"
            );
            rules::keep(&encoded, model);
            Some(encoded.body)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.param().is_none_or(|param| !param.is_empty()));
            assert_eq!(Some(error), again.err(), "a refusal is the same again");
            None
        }
    }
}
