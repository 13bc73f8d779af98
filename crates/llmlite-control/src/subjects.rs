//! Whom limits bind, by the names that people have for them, and who stands above them.

use std::fmt;

use llmlite_core::{
    ids::KeyId,
    limits::{Member, Subject},
    people::{KeyInfo, Team, User},
    ports::directory::Directory,
};

use crate::{ControlError, keys, teams, users};

/// A subject as an administrator names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// The key of that number.
    Key(KeyId),
    /// The user with that address.
    User(&'a str),
    /// The team of that name.
    Team(&'a str),
    /// Everybody.
    Organisation,
}

/// A subject with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The subject.
    pub subject: Subject,
    /// Its name or address; empty for the organisation.
    pub name: String,
}

/// A subject and those above it, whose limits and models bind it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The subject.
    pub own: Named,
    /// Those above it, the nearest first: the user and the team of a key, the team of a user, and
    /// the organisation.
    pub above: Vec<Named>,
    /// More about it.
    pub info: Info,
}

/// What the directory knows of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Info {
    /// A key.
    Key(KeyInfo),
    /// A user.
    User(User),
    /// A team.
    Team(Team),
    /// Everybody.
    Organisation,
}

/// Finds a subject and those above it.
///
/// # Errors
///
/// When there is no such subject.
pub async fn find(directory: &dyn Directory, who: Who<'_>) -> Result<Family, ControlError> {
    let info = match who {
        Who::Key(id) => Info::Key(keys::show(directory, id).await?),
        Who::User(email) => Info::User(users::with_email(directory, email).await?),
        Who::Team(name) => Info::Team(teams::named(directory, name).await?),
        Who::Organisation => Info::Organisation,
    };
    Ok(Family::of(info))
}

impl Family {
    fn of(info: Info) -> Self {
        let (own, user, team) = match &info {
            Info::Key(key) => (Named::key(key), key.user.as_ref(), key.team.as_ref()),
            Info::User(user) => (Named::user(user), None, user.team.as_ref()),
            Info::Team(team) => (Named::team(team), None, None),
            Info::Organisation => (Named::organisation(), None, None),
        };
        let everybody = Named::organisation();
        let everybody = (own != everybody).then_some(everybody);
        let above = user.map(Named::user).into_iter();
        let above = above.chain(team.map(Named::team)).chain(everybody);
        Self {
            above: above.collect(),
            own,
            info,
        }
    }

    /// The subject itself, and those above it.
    pub fn all(&self) -> impl Iterator<Item = &Named> {
        std::iter::once(&self.own).chain(&self.above)
    }

    /// The name of one of them. One that does not belong here any more is shown by its number.
    pub fn named(&self, subject: Subject) -> Named {
        let found = self.all().find(|named| named.subject == subject);
        found.cloned().unwrap_or_else(|| Named {
            name: match subject {
                Subject::Key(id) => id.to_string(),
                Subject::User(id) => id.to_string(),
                Subject::Team(id) => id.to_string(),
                Subject::Organisation => String::new(),
            },
            subject,
        })
    }
}

impl Named {
    fn key(key: &KeyInfo) -> Self {
        Self {
            subject: Subject::Key(key.id),
            name: key.name.clone(),
        }
    }

    fn user(user: &User) -> Self {
        Self {
            subject: Subject::User(user.id),
            name: user.email.clone(),
        }
    }

    fn team(team: &Team) -> Self {
        Self {
            subject: Subject::Team(team.id),
            name: team.name.clone(),
        }
    }

    fn organisation() -> Self {
        Self {
            subject: Subject::Organisation,
            name: String::new(),
        }
    }

    /// `key`, `user`, `team` or `organisation`: also the word of the command line.
    pub fn kind(&self) -> &'static str {
        match self.subject {
            Subject::Key(_) => "key",
            Subject::User(_) => "user",
            Subject::Team(_) => "team",
            Subject::Organisation => "organisation",
        }
    }

    /// Its number; the organisation has none.
    pub fn id(&self) -> Option<i64> {
        match self.subject {
            Subject::Key(id) => Some(id.0),
            Subject::User(id) => Some(id.0),
            Subject::Team(id) => Some(id.0),
            Subject::Organisation => None,
        }
    }

    /// The members that a default of this subject can be for, from wide to narrow.
    pub fn members(&self) -> &'static [Member] {
        match self.subject {
            Subject::Key(_) => &[],
            Subject::User(_) => &[Member::Key],
            Subject::Team(_) => &[Member::User, Member::Key],
            Subject::Organisation => &[Member::Team, Member::User, Member::Key],
        }
    }

    /// What follows `llmlite-admin` on a command line that is about it: `team set-limits alpha`.
    pub fn command(&self, verb: &str) -> String {
        let kind = self.kind();
        match self.subject {
            Subject::Organisation => format!("{kind} {verb}"),
            Subject::Key(id) => format!("{kind} {verb} {id}"),
            _ => format!("{kind} {verb} {}", quoted(&self.name)),
        }
    }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

impl fmt::Display for Named {
    /// `team alpha`, `user ada@example.com`, `key 4 (laptop)`, `the organisation`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Key(id) => write!(f, "key {id} ({})", self.name),
            Subject::Organisation => f.write_str("the organisation"),
            _ => write!(f, "{} {}", self.kind(), self.name),
        }
    }
}

/// The word for a member: `team`, `user` or `key`.
pub fn member_word(member: Member) -> &'static str {
    match member {
        Member::Team => "team",
        Member::User => "user",
        Member::Key => "key",
    }
}

#[cfg(test)]
mod tests {
    use llmlite_core::ids::{TeamId, UserId};

    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_subject_is_named_for_people_and_for_a_shell() {
        let check = |subject, name: &str, shown: &str, command: &str| {
            let named = Named { subject, name: name.to_owned() };
            assert_eq!((named.to_string().as_str(), named.command("show").as_str()), (shown, command));
        };
        check(Subject::Team(TeamId(1)), "alpha",       "team alpha",       "team show alpha");
        check(Subject::Team(TeamId(1)), "R&D, London", "team R&D, London", "team show 'R&D, London'");
        check(Subject::Team(TeamId(1)), "it's",        "team it's",        "team show 'it'\\''s'");
        check(Subject::User(UserId(2)), "ada@b.com",   "user ada@b.com",   "user show ada@b.com");
        check(Subject::Key(KeyId(4)),   "my laptop",   "key 4 (my laptop)", "key show 4");
        check(Subject::Organisation,    "",            "the organisation", "organisation show");
    }
}
