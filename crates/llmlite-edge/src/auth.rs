//! Who asks.

use hyper::HeaderMap;
use llmlite_core::keys::{KeyGrant, KeyHash, VirtualKey};
use llmlite_http::bearer;

use crate::{app::App, failure::Failure};

/// Who asks, and for what that was good when it was last looked up.
pub(crate) struct Caller {
    pub(crate) key: KeyHash,
    pub(crate) grant: KeyGrant,
}

impl App {
    /// The caller whose key the request carries, if that can be used.
    ///
    /// Text that is no key of ours is refused without asking the store.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        let credential = bearer::credential(headers)?;
        let key = VirtualKey::parse(credential).map_err(|_| Failure::UnknownKey)?;
        let key = key.hash(&self.pepper);
        let grant = self.look_up(&key).await?;
        Ok(Caller { key, grant })
    }

    /// Looks the caller's key up again, because a body can take a minute to come, and in that time
    /// the key can be taken back or granted something else. The answer lies in memory unless
    /// something has changed.
    pub(crate) async fn authenticate_again(&self, caller: &mut Caller) -> Result<(), Failure> {
        caller.grant = self.look_up(&caller.key).await?;
        Ok(())
    }

    async fn look_up(&self, key: &KeyHash) -> Result<KeyGrant, Failure> {
        let grant = self.keys.find(key).await?.ok_or(Failure::UnknownKey)?;
        let checked = self.policy.check_key(&grant);
        checked.map_err(|denial| self.denied(denial, None))?;
        Ok(grant)
    }
}
