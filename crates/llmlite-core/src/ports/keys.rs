//! Looking up what a key grants.

use async_trait::async_trait;

use super::StoreError;
use crate::keys::{KeyGrant, KeyHash};

/// Finds out what a virtual key is allowed to do.
///
/// The gateway holds this trait and nothing that can create or revoke a key.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Returns the grant behind `hash`, or `None` when no such key was ever issued.
    ///
    /// Revoked and expired keys are returned too, so that the caller can say why it refused.
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError>;
}
