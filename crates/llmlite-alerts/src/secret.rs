use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a secret begins with, so that it is known for one wherever it turns up.
const PREFIX: &str = "whsec_";

/// The secret that webhooks are signed with, which the receiver knows too.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// The signature of a body that is sent under that id at that time, in seconds since the
    /// beginning of 1970: `v1,` and the HMAC-SHA-256 in base64.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        format!("v1,{signature}")
    }
}

impl FromStr for WebhookSecret {
    type Err = BadSecret;

    /// Reads `whsec_` and 24 to 64 bytes in base64.
    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(BadSecret)?;
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret)?);
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(BadSecret)
        }
    }
}

impl fmt::Debug for WebhookSecret {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// Text that is no secret for webhooks. It is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSecret;

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the webhook secret must be whsec_ and 24 to 64 bytes in base64, such as \
             \"whsec_$(openssl rand -base64 32)\"",
        )
    }
}

impl std::error::Error for BadSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_24_to_64_bytes_behind_its_prefix() {
        let of = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        let good = |text: &str| text.parse::<WebhookSecret>().is_ok();
        assert!(good(&of(24)) && good(&of(64)) && good(&format!(" {}\n", of(32))));
        assert!(!good(&of(23)) && !good(&of(65)));
        assert!(!good(&of(32).replace("whsec_", "")));
        assert!(!good("whsec_?????????????????????????????????"));
        assert!(!good(""));
    }

    #[test]
    fn a_secret_never_shows() {
        let secret: WebhookSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
        let wrong = "whsec_hunter2".parse::<WebhookSecret>().unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }

    /// The example of the Standard Webhooks specification's own libraries.
    #[test]
    fn a_signature_is_the_one_that_receivers_expect() {
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
