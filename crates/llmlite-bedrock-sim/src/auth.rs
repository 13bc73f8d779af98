//! `SigV4`: a request has to be signed for Bedrock, as AWS would demand.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::{HeaderMap, http::request::Parts};
use sha2::{Digest, Sha256};

use crate::error::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Refuses a request whose signature is missing, made for something else, or wrong.
///
/// The value of the signature is looked at only when the `secret` is known.
/// The clock is not: a request of last week passes.
pub(crate) fn check(
    parts: &Parts,
    body: &[u8],
    region: Option<&str>,
    secret: Option<&str>,
) -> Result<(), Refusal> {
    let Some(header) = header(&parts.headers, "authorization") else {
        return Err(Refusal::new(
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    if !header.starts_with(ALGORITHM) {
        return Err(Refusal::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ));
    }
    let signature = Signature::read(header).ok_or_else(|| {
        Refusal::new(
            403,
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
        )
    })?;
    signature.check_scope(&parts.headers, region)?;
    signature.check_headers(&parts.headers)?;
    match secret {
        Some(secret) if signature.value != signature.computed(parts, body, secret) => Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS \
             Secret Access Key and signing method.",
        )),
        _ => Ok(()),
    }
}

/// The parts of an `Authorization` header.
struct Signature<'a> {
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed: Vec<&'a str>,
    value: &'a str,
}

impl<'a> Signature<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = header
            .strip_prefix(ALGORITHM)?
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let field = |name| {
            fields
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        let mut scope = field("Credential")?.rsplitn(5, '/');
        Some(Self {
            terminator: scope.next()?,
            service: scope.next()?,
            region: scope.next()?,
            date: scope.next()?,
            signed: field("SignedHeaders")?.split(';').collect(),
            value: field("Signature")?,
        })
    }

    fn check_scope(&self, headers: &HeaderMap, region: Option<&str>) -> Result<(), Refusal> {
        let date = header(headers, "x-amz-date").unwrap_or_default();
        if self.service != "bedrock" {
            return Err(invalid(
                "Credential should be scoped to correct service: 'bedrock'.",
            ));
        }
        if self.terminator != "aws4_request" {
            return Err(invalid(
                "Credential should be scoped with a valid terminator: 'aws4_request'.",
            ));
        }
        if self.region.is_empty() || region.is_some_and(|region| region != self.region) {
            return Err(invalid("Credential should be scoped to a valid region."));
        }
        match date.split_once('T') {
            Some((day, _)) if day == self.date && day.len() == 8 => Ok(()),
            _ => Err(invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            )),
        }
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = headers
            .contains_key("x-amz-security-token")
            .then_some("x-amz-security-token");
        let missing = ["host", "x-amz-date"]
            .into_iter()
            .chain(token)
            .find(|name| !self.signed.contains(name));
        match missing {
            Some(name) => Err(invalid(&format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
            None => Ok(()),
        }
    }

    fn computed(&self, parts: &Parts, body: &[u8], secret: &str) -> String {
        let date = header(&parts.headers, "x-amz-date").unwrap_or_default();
        let scope = [self.date, self.region, self.service, self.terminator];
        let request = hex(&Sha256::digest(self.canonical(parts, body)));
        let text = format!("{ALGORITHM}\n{date}\n{}\n{request}", scope.join("/"));
        let start = format!("AWS4{secret}").into_bytes();
        let key = scope.iter().fold(start, |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }

    /// The request in the one form that both sides sign.
    fn canonical(&self, parts: &Parts, body: &[u8]) -> String {
        let mut text = format!("{}\n{}\n", parts.method, encoded_again(parts.uri.path()));
        let mut query: Vec<&str> = parts.uri.query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        text.push_str(&query.join("&"));
        text.push('\n');
        for name in &self.signed {
            let values = parts.headers.get_all(*name).iter();
            let values: Vec<&str> = values
                .filter_map(|value| value.to_str().ok())
                .map(str::trim)
                .collect();
            text.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let hashed = header(&parts.headers, "x-amz-content-sha256");
        let hashed = hashed.map_or_else(|| hex(&Sha256::digest(body)), str::to_owned);
        text.push_str(&format!("\n{}\n{hashed}", self.signed.join(";")));
        text
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(403, "InvalidSignatureException", message)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A path that is percent-encoded once, encoded a second time, as this service demands.
fn encoded_again(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(byte.into())
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
    out
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a String cannot fail");
        out
    })
}
