//! How a request is to be treated, as its headers and its key say.

use hyper::{HeaderMap, header::HeaderName};
use llmlite_core::keys::KeyGrant;
use llmlite_translator::{CachePoints, Options};

use crate::failure::Failure;

const STRICT: HeaderName = HeaderName::from_static("x-llmlite-strict");
const CACHE: HeaderName = HeaderName::from_static("x-llmlite-cache");

/// Reads the headers, over what the key and the operator say.
///
/// A header can ask for more strictness than the key does, and not for less.
pub(crate) fn read(
    headers: &HeaderMap,
    grant: &KeyGrant,
    cache: CachePoints,
) -> Result<Options, Failure> {
    let strict = one_of(headers, &STRICT, [("true", true), ("false", false)])?;
    let points = [
        ("auto", CachePoints::Automatic),
        ("off", CachePoints::Asked),
    ];
    Ok(Options {
        strict: grant.strict || strict.unwrap_or(false),
        cache: one_of(headers, &CACHE, points)?.unwrap_or(cache),
        ..Options::default()
    })
}

/// The meaning of a header that takes two values, if it is there.
fn one_of<T: Copy>(
    headers: &HeaderMap,
    header: &HeaderName,
    values: [(&'static str, T); 2],
) -> Result<Option<T>, Failure> {
    let [(first, _), (second, _)] = values;
    let wrong = || Failure::Header {
        header: header.clone(),
        values: [first, second],
    };
    let mut given = headers.get_all(header).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let word = value.to_str().map_err(|_| wrong())?.trim();
    let known = values.iter().find(|(w, _)| word.eq_ignore_ascii_case(w));
    match known {
        Some((_, meaning)) if given.all(|again| again == value) => Ok(Some(*meaning)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use llmlite_testkit::build::a_grant;

    use super::*;

    /// What is asked for, as strictness and automatic cache points; or the header that is wrong.
    #[track_caller]
    fn check(
        key: bool,
        setting: CachePoints,
        given: &[(&str, &[u8])],
        want: Result<(bool, bool), &str>,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let grant = KeyGrant {
            strict: key,
            rules: std::sync::Arc::default(),
            ..a_grant()
        };
        let got = match read(&headers, &grant, setting) {
            Ok(options) => Ok((options.strict, options.cache == CachePoints::Automatic)),
            Err(Failure::Header { header, .. }) => Err(header.to_string()),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(got, want.map_err(str::to_owned), "{given:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn headers_say_how_strict_and_whether_to_cache_over_the_key_and_the_setting() {
        use CachePoints::{Asked, Automatic};
        const S: &str = "x-llmlite-strict";
        const C: &str = "x-llmlite-cache";
        //    key    setting    headers                             strict  automatic
        check(false, Automatic, &[],                                Ok((false, true)));
        check(false, Asked,     &[],                                Ok((false, false)));
        check(true,  Automatic, &[],                                Ok((true,  true)));
        check(false, Automatic, &[(S, b"true")],                    Ok((true,  true)));
        check(false, Automatic, &[(S, b" True ")],                  Ok((true,  true)));
        check(false, Automatic, &[(S, b"false")],                   Ok((false, true)));
        check(true,  Automatic, &[(S, b"false")],                   Ok((true,  true)));
        check(false, Automatic, &[(C, b"off")],                     Ok((false, false)));
        check(false, Asked,     &[(C, b"auto")],                    Ok((false, true)));
        check(false, Asked,     &[(C, b"AUTO"), (S, b"TRUE")],      Ok((true,  true)));
        check(false, Automatic, &[(C, b"off"), (C, b"off")],        Ok((false, false)));
        for bad in [&b""[..], b"1", b"yes", b"true, true", b"tru\xe9"] {
            check(false, Automatic, &[(S, bad)],                    Err(S));
        }
        for bad in [&b""[..], b"on", b"true", b"1h"] {
            check(true,  Automatic, &[(C, bad)],                    Err(C));
        }
        check(false, Automatic, &[(S, b"true"), (S, b"false")],     Err(S));
        check(false, Automatic, &[(C, b"off"), (C, b"auto")],       Err(C));
    }
}
