//! Who asks.

use hyper::HeaderMap;
use llmlite_core::keys::{KeyGrant, VirtualKey};
use llmlite_http::bearer;

use crate::{app::App, failure::Failure};

impl App {
    /// The grant of the key that the request carries, if it can be used.
    ///
    /// Text that is no key of ours is refused without asking the store.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<KeyGrant, Failure> {
        let credential = bearer::credential(headers)?;
        let key = VirtualKey::parse(credential).map_err(|_| Failure::UnknownKey)?;
        let hash = key.hash(&self.pepper);
        let grant = self.keys.find(&hash).await?.ok_or(Failure::UnknownKey)?;
        let checked = self.policy.check_key(&grant);
        checked.map_err(|denial| self.denied(denial, None))?;
        Ok(grant)
    }
}
