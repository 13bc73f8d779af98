//! Who asks: teams, their users, and the users' keys, made with the admin program.

use std::sync::Arc;

use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_postgres::Client;

use crate::{Failure, Programs};

/// Keys that one user holds.
const KEYS_OF_A_USER: usize = 5;
/// Admin programs that run at the same time.
const AT_ONCE: usize = 2;

/// Everybody who may ask.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) teams: Vec<Team>,
}

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) id: i64,
    /// Those of one user stand together.
    pub(crate) keys: Vec<Arc<Key>>,
}

/// A virtual key, and whose it is.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: i64,
    pub(crate) user: i64,
    pub(crate) team: i64,
    pub(crate) plaintext: String,
}

/// A limit to set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ceiling {
    /// `key`, `user` or `team`.
    pub(crate) kind: &'static str,
    pub(crate) subject: i64,
    /// As in the table `limits`.
    pub(crate) measure: &'static str,
    pub(crate) period: Option<&'static str>,
    pub(crate) at: i64,
}

impl Key {
    /// What the simulator's bill knows this key by.
    pub(crate) fn tag(&self) -> String {
        format!("team-{}/user-{}/key-{}", self.team, self.user, self.id)
    }
}

impl People {
    /// Makes so many teams with, together, so many keys.
    pub(crate) async fn invite(
        programs: &Programs,
        database: &str,
        teams: usize,
        keys: usize,
    ) -> Result<Self, Failure> {
        let admin = Admin {
            programs: programs.clone(),
            database: database.to_owned(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        };
        let shares = (0..teams).map(|team| (team, keys / teams + usize::from(team < keys % teams)));
        let made = shares.map(|(number, keys)| admin.clone().team(number, keys));
        let mut people = Self {
            teams: Vec::with_capacity(teams),
        };
        for team in JoinSet::from_iter(made).join_all().await {
            people.teams.push(team?);
        }
        people.teams.sort_by_key(|team| team.id);
        Ok(people)
    }

    /// All keys, by team.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.teams.iter().flat_map(|team| &team.keys)
    }
}

#[derive(Clone)]
struct Admin {
    programs: Programs,
    database: String,
    room: Arc<Semaphore>,
}

impl Admin {
    async fn team(self, number: usize, keys: usize) -> Result<Team, Failure> {
        let name = format!("team {number:02}");
        let id = number_in(&self.run(&["team", "create", &name]).await?)?;
        let users = (0..keys.div_ceil(KEYS_OF_A_USER)).map(|user| {
            let keys = KEYS_OF_A_USER.min(keys - user * KEYS_OF_A_USER);
            let email = format!("user-{number:02}-{user:02}@example.org");
            self.clone().user(id, name.clone(), email, keys)
        });
        let mut team = Team {
            id,
            keys: Vec::with_capacity(keys),
        };
        for keys in JoinSet::from_iter(users).join_all().await {
            team.keys.extend(keys?);
        }
        team.keys.sort_by_key(|key| (key.user, key.id));
        Ok(team)
    }

    async fn user(
        self,
        team: i64,
        team_name: String,
        email: String,
        keys: usize,
    ) -> Result<Vec<Arc<Key>>, Failure> {
        let order = ["user", "create", &email, "--team", &team_name];
        let user = number_in(&self.run(&order).await?)?;
        let mut all = Vec::with_capacity(keys);
        for _ in 0..keys {
            let order = ["key", "create", "--name", "rig", "--user", &email];
            let made = self.run(&order).await?;
            let plaintext = made.get("key").and_then(Value::as_str);
            all.push(Arc::new(Key {
                id: number_in(&made)?,
                user,
                team,
                plaintext: plaintext.ok_or("a new key was not shown")?.to_owned(),
            }));
        }
        Ok(all)
    }

    async fn run(&self, args: &[&str]) -> Result<Value, Failure> {
        let _place = self.room.acquire().await?;
        self.programs.admin(&self.database, args).await
    }
}

fn number_in(made: &Value) -> Result<i64, Failure> {
    let id = made.get("id").and_then(Value::as_i64);
    id.ok_or_else(|| "the admin program shows no number".into())
}

/// Sets limits, all at once.
pub(crate) async fn set_limits(client: &Client, limits: &[Ceiling]) -> Result<(), Failure> {
    let kinds: Vec<&str> = limits.iter().map(|limit| limit.kind).collect();
    let subjects: Vec<i64> = limits.iter().map(|limit| limit.subject).collect();
    let measures: Vec<&str> = limits.iter().map(|limit| limit.measure).collect();
    let periods: Vec<Option<&str>> = limits.iter().map(|limit| limit.period).collect();
    let ceilings: Vec<i64> = limits.iter().map(|limit| limit.at).collect();
    client
        .execute(
            "INSERT INTO limits (subject_kind, subject_id, measure, period, ceiling)
             SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])",
            &[&kinds, &subjects, &measures, &periods, &ceilings],
        )
        .await?;
    Ok(())
}
