//! Finding the credential in a request's headers.

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};

const X_API_KEY: &str = "x-api-key";
const API_KEY: &str = "api-key";

/// Why a request carries no usable credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialError {
    /// None of the headers is there.
    Missing,
    /// A header is there, but not in the form `Bearer KEY`, or not as text.
    Malformed,
    /// Two headers carry two different credentials, and we will not guess.
    Ambiguous,
}

/// The credential in `Authorization: Bearer`, `x-api-key` or `api-key`.
///
/// The same credential may be in several of them, as some clients send it.
///
/// # Errors
///
/// When there is none, or not exactly one.
pub fn credential(headers: &HeaderMap) -> Result<&str, CredentialError> {
    let bearer = headers.get_all(AUTHORIZATION).iter().map(bearer_token);
    let keys = [X_API_KEY, API_KEY]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .map(plain);
    let mut found = None;
    for credential in bearer.chain(keys) {
        let credential = credential?;
        match found {
            None => found = Some(credential),
            Some(first) if first == credential => {}
            Some(_) => return Err(CredentialError::Ambiguous),
        }
    }
    found.ok_or(CredentialError::Missing)
}

fn bearer_token(value: &HeaderValue) -> Result<&str, CredentialError> {
    let (scheme, token) = plain(value)?
        .split_once(' ')
        .ok_or(CredentialError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(CredentialError::Malformed);
    }
    Ok(token.trim_start())
}

fn plain(value: &HeaderValue) -> Result<&str, CredentialError> {
    value
        .to_str()
        .map(str::trim)
        .map_err(|_| CredentialError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::{CredentialError::*, *};

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], want: Result<&str, CredentialError>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                let name: hyper::header::HeaderName = name;
                all.append(name, value);
                all
            });
        assert_eq!(credential(&headers), want);
    }

    #[test]
    #[rustfmt::skip]
    fn a_credential_is_found_in_any_of_three_headers_and_only_one_counts() {
        check(&[],                                                          Err(Missing));
        check(&[("authorization", "Bearer k")],                             Ok("k"));
        check(&[("authorization", "bearer  k ")],                           Ok("k"));
        check(&[("x-api-key", "k")],                                        Ok("k"));
        check(&[("api-key", "k")],                                          Ok("k"));
        check(&[("authorization", "Basic azprCg==")],                       Err(Malformed));
        check(&[("authorization", "k")],                                    Err(Malformed));
        check(&[("authorization", "Bearer k"), ("x-api-key", "k")],         Ok("k"));
        check(&[("authorization", "Bearer k"), ("x-api-key", "other")],     Err(Ambiguous));
        check(&[("authorization", "Bearer k"), ("authorization", "Bearer l")], Err(Ambiguous));
    }
}
