//! Virtual keys: their form, their hash, and what a key grants.

use std::{collections::BTreeSet, fmt, sync::Arc, time::SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    ids::{KeyId, TeamId, UserId},
    limits::Rules,
};

const PREFIX: &str = "sk-llm-";
const RANDOM_LEN: usize = 40;
const CHECKSUM_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A virtual key in plain text: `sk-llm-`, 40 random base62 characters (238 bits), and the CRC-32
/// of all that as 6 base62 characters.
///
/// It exists in the request that carries it and in the command that prints it, so it cannot be
/// cloned, serialised or displayed, and it is wiped when dropped.
pub struct VirtualKey(Zeroizing<String>);

impl VirtualKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// When the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut key = Zeroizing::new(String::with_capacity(
            PREFIX.len() + RANDOM_LEN + CHECKSUM_LEN,
        ));
        key.push_str(PREFIX);
        while key.len() < PREFIX.len() + RANDOM_LEN {
            let mut byte = [0];
            SysRng.try_fill_bytes(&mut byte).map_err(|_| NoRandomness)?;
            // 248 is the largest multiple of 62 in a byte: above it the first letters would be
            // likelier than the last.
            if byte[0] < 248 {
                key.push(base62(u32::from(byte[0])));
            }
        }
        push_checksum(&mut key);
        Ok(Self(key))
    }

    /// Reads what a client sent. A wrong shape or checksum is found here, without any look-up.
    ///
    /// # Errors
    ///
    /// When it is not a key of ours.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let body = text.strip_prefix(PREFIX).ok_or(MalformedKey)?;
        if body.len() != RANDOM_LEN + CHECKSUM_LEN
            || !body.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(MalformedKey);
        }
        let signed = text.get(..PREFIX.len() + RANDOM_LEN).ok_or(MalformedKey)?;
        let mut expected = Zeroizing::new(signed.to_owned());
        push_checksum(&mut expected);
        if *expected != text {
            return Err(MalformedKey);
        }
        Ok(Self(expected))
    }

    /// The form in which this key is stored and looked up.
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        pepper.hash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// Shows the key itself: for the one command that prints a new key to its creator.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four characters, enough to tell two keys apart in a list.
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len() - 4..).unwrap_or_default()
    }
}

impl fmt::Debug for VirtualKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VirtualKey(..)")
    }
}

fn push_checksum(key: &mut String) {
    let mut rest = crc32fast::hash(key.as_bytes());
    let mut digits = ['0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = base62(rest);
        rest /= 62;
    }
    key.extend(digits);
}

fn base62(value: u32) -> char {
    char::from(BASE62.get(value as usize % 62).copied().unwrap_or(b'0'))
}

/// Text that is not a virtual key: wrong prefix, length, alphabet or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedKey;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

impl std::error::Error for NoRandomness {}

/// The secret that keys are hashed under. It is not in the database, so a row forged there is
/// useless.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; 32]>);

impl Pepper {
    /// Reads 64 hexadecimal digits, as `openssl rand -hex 32` prints them.
    ///
    /// # Errors
    ///
    /// When it is anything else, or an all too simple value.
    pub fn parse(hex: &str) -> Result<Self, WeakPepper> {
        let hex = hex.trim();
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(WeakPepper);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = hex
                .get(2 * i..2 * i + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or(WeakPepper)?;
        }
        if bytes.iter().collect::<BTreeSet<_>>().len() < 8 {
            return Err(WeakPepper);
        }
        Ok(Self(bytes))
    }

    /// A value that tells two peppers apart without giving either away, kept in the database so
    /// that a process started with the wrong pepper says so instead of refusing every key.
    pub fn fingerprint(&self) -> String {
        let KeyHash(bytes) = self.hash([0; 32]);
        bytes.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    fn hash(&self, digest: [u8; 32]) -> KeyHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("HMAC takes a key of any length");
        mac.update(&digest);
        KeyHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Pepper {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// A pepper that is not 32 random bytes in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeakPepper;

impl fmt::Display for WeakPepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key pepper must be 32 random bytes in hexadecimal: openssl rand -hex 32")
    }
}

impl std::error::Error for WeakPepper {}

/// HMAC of a virtual key's SHA-256 under the pepper: the only form in which a key is stored.
///
/// A fast digest is enough because the key is 238 bits of randomness; do not use this for
/// passwords.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The bytes, for the store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash read back from the store, or made up by a test.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for KeyHash {
    /// Shows enough to match two log lines, not enough to look a key up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "KeyHash({a:02x}{b:02x}..)")
    }
}

/// The models that a key may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelScope {
    /// Every model of the catalogue.
    All,
    /// These models, by friendly name.
    Only(BTreeSet<String>),
}

impl ModelScope {
    /// Whether a key with this scope may call the model of that friendly name.
    pub fn allows(&self, model: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(model),
        }
    }
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It can.
    Active,
    /// Its time has run out.
    Expired,
    /// An administrator took it back.
    Revoked,
}

impl KeyStatus {
    /// The status at `now` of a key with these two dates.
    pub fn at(now: SystemTime, expires: Option<SystemTime>, revoked: Option<SystemTime>) -> Self {
        if revoked.is_some() {
            Self::Revoked
        } else if expires.is_some_and(|at| at <= now) {
            Self::Expired
        } else {
            Self::Active
        }
    }

    /// The word for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What a key grants to whoever presents it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key.
    pub key_id: KeyId,
    /// Its name, for logs.
    pub name: Arc<str>,
    /// Its holder, if it has one.
    pub user_id: Option<UserId>,
    /// The team that is charged: the key's own, else its user's.
    pub team_id: Option<TeamId>,
    /// The models it may call.
    pub models: ModelScope,
    /// When it stops working, if ever.
    pub expires_at: Option<SystemTime>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<SystemTime>,
    /// Once it is taken back, the answers that are on their way with it are cut too.
    pub cut_streams: bool,
    /// Requests with it are refused where they would otherwise be adjusted, or ignored in part.
    pub strict: bool,
    /// The limits that bind it: its own, its user's, its team's and the organisation's.
    pub rules: Arc<Rules>,
}

impl KeyGrant {
    /// Whether the key can be used at `now`.
    pub fn status(&self, now: SystemTime) -> KeyStatus {
        KeyStatus::at(now, self.expires_at, self.revoked_at)
    }

    /// Whether answers that are on their way with the key are to be cut.
    pub fn is_cut(&self) -> bool {
        self.cut_streams && self.revoked_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEPPER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_new_key_has_the_published_form_and_parses() {
        let key = VirtualKey::generate().unwrap();
        assert!(key.reveal().starts_with("sk-llm-"));
        assert_eq!(key.reveal().len(), 7 + 46);
        let again = VirtualKey::parse(key.reveal()).unwrap();
        let pepper = Pepper::parse(PEPPER).unwrap();
        assert_eq!(again.hash(&pepper), key.hash(&pepper));
    }

    #[test]
    fn a_known_key_has_a_known_checksum_and_hash() {
        // Computed with Python: zlib.crc32, hashlib.sha256 and hmac.
        let text = "sk-llm-0123456789012345678901234567890123456789";
        let mut key = text.to_owned();
        push_checksum(&mut key);
        assert_eq!(key, format!("{text}{CHECKSUM}"));
        let hash = VirtualKey::parse(&key)
            .unwrap()
            .hash(&Pepper::parse(PEPPER).unwrap());
        let hex: String = hash.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, HASH);
    }
    const CHECKSUM: &str = "3NG27B";
    const HASH: &str = "5216a4f4a287020970bdba32e830dc7f9d410adef42a6e2948c961bb1685a3c8";

    #[test]
    fn one_wrong_character_is_refused_wherever_it_stands() {
        let key = VirtualKey::generate().unwrap();
        for place in 0..key.reveal().len() {
            let mut bytes = key.reveal().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(bytes).unwrap();
            assert!(VirtualKey::parse(&text).is_err(), "place {place}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_and_never_panics() {
        for text in [
            "",
            "sk-",
            "sk-llm-",
            "sk-proj-abc",
            "sk-llm-é",
            &"é".repeat(53),
        ] {
            assert!(VirtualKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let key = VirtualKey::generate().unwrap();
        let pepper = Pepper::parse(PEPPER).unwrap();
        assert_eq!(format!("{key:?} {pepper:?}"), "VirtualKey(..) Pepper(..)");
        assert_eq!(format!("{:?}", KeyHash([0xab; 32])), "KeyHash(abab..)");
    }

    #[test]
    fn a_weak_pepper_is_refused() {
        for hex in ["", "abc", &"00".repeat(32), &"zz".repeat(32)] {
            assert!(Pepper::parse(hex).is_err(), "{hex}");
        }
    }
}
