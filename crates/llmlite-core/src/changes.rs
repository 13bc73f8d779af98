//! What an administrator has changed, as every instance hears of it.

use crate::{
    ids::{KeyId, LimitId, TeamId, UserId},
    limits::Subject,
    quota::AccountKey,
};

/// Something that requests depend on has changed in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A key was created, changed, revoked or deleted.
    Key(KeyId),
    /// A user was.
    User(UserId),
    /// A team was.
    Team(TeamId),
    /// A limit was set, changed or taken away.
    Limit {
        /// Its number.
        id: LimitId,
        /// Whom it binds: their keys' rules are other ones now.
        subject: Subject,
    },
    /// The model catalogue was: prices, names, what may be called.
    Models,
    /// Others are short of money in this budget: what lies idle is to go back.
    Recall(AccountKey),
    /// Something was that this program knows nothing of, or changes may have been missed.
    Anything,
}

/// Is told of every change, soon after it was committed.
pub trait ChangeListener: Send + Sync {
    /// These changes were heard, in the order in which they were committed. Must not block.
    fn changed(&self, changes: &[Change]);
}
