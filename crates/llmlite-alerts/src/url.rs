use std::{fmt, net::IpAddr};

use hyper::Uri;

/// Where webhooks go: https, so that nobody on the way reads them.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

impl WebhookUrl {
    /// Reads a url. In development it may also be http to this machine.
    ///
    /// # Errors
    ///
    /// When it is anything else, or holds a user name.
    pub fn parse(text: &str, development: bool) -> Result<Self, BadUrl> {
        let uri: Uri = text.trim().parse().map_err(|_| BadUrl)?;
        let authority = uri.authority().ok_or(BadUrl)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(BadUrl);
        }
        let allowed = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => development && is_loopback(authority.host()),
            _ => false,
        };
        allowed.then_some(Self(uri)).ok_or(BadUrl)
    }

    /// Host and port: all of it that may be logged.
    pub fn host(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    pub(crate) fn is_secured(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<IpAddr, _> = bare.parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for WebhookUrl {
    /// Never shows the path, which is a secret where the receiver makes it one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/..)", self.host())
    }
}

/// A url that webhooks do not go to. It is not quoted: its path may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUrl;

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the webhook's address must be an https url without a user name; in development, \
             http to this machine will do",
        )
    }
}

impl std::error::Error for BadUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, development: bool, want: bool) {
        assert_eq!(WebhookUrl::parse(text, development).is_ok(), want, "{text}");
    }

    #[test]
    #[rustfmt::skip]
    fn webhooks_go_over_https_and_in_development_to_this_machine() {
        check("https://hooks.example/llm?a=b",     false, true);
        check("https://127.0.0.1:9/x",             false, true);
        check("http://hooks.example/llm",          false, false);
        check("http://hooks.example/llm",          true,  false);
        check("http://127.0.0.1:9/x",              false, false);
        check("http://127.0.0.1:9/x",              true,  true);
        check("http://[::1]:9/x",                  true,  true);
        check("http://localhost:9/x",              true,  true);
        check("http://localhost.example/x",        true,  false);
        check("http://127.0.0.1@hooks.example/x",  true,  false);
        check("https://user:pass@hooks.example/x", false, false);
        check("ftp://hooks.example/x",             true,  false);
        check("hooks.example/x",                   true,  false);
        check("",                                  true,  false);
    }

    #[test]
    fn a_path_never_shows() {
        let url = WebhookUrl::parse("https://hooks.example:8443/T0/s3cret", false).unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(hooks.example:8443/..)");
        assert_eq!(url.host(), "hooks.example:8443");
    }
}
