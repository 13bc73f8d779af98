//! Whether something that the gateway leans on can be used.

use async_trait::async_trait;

/// Something without which no request can be served: the database, the credentials.
#[async_trait]
pub trait Dependency: Send + Sync {
    /// What to call it in the readiness answer, such as `database`.
    fn name(&self) -> &'static str;

    /// Asks it now. The error is a short text for an operator, without secrets or addresses.
    async fn check(&self) -> Result<(), String>;
}
