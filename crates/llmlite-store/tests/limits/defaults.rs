use super::*;

/// Something that an administrator does.
enum Step {
    /// Sets a limit of requests per minute, or takes it away.
    Default(Subject, Member, Option<i64>),
    Own(Option<Ceiling>),
    /// Ada changes teams.
    Joins(Option<TeamId>),
    /// The key is charged to a team of its own, or no longer.
    Charged(Option<TeamId>),
}

#[tokio::test]
async fn the_nearest_default_holds_unless_the_key_has_a_limit_of_its_own() {
    use Step::*;
    let world = world().await;
    let (team, other, ada) = (
        Subject::Team(world.team),
        Subject::Team(world.other),
        Subject::User(world.ada),
    );
    let all = Subject::Organisation;
    let at = |n, from| Some((Ceiling::At(n), Some(from)));
    let own = |ceiling| Some((ceiling, None));
    #[rustfmt::skip]
    let steps = [
        // A default for members of another kind, or elsewhere, is none.
        (Default(all, Member::User, Some(1)),     None),
        (Default(other, Member::Key, Some(2)),    None),
        // The nearer, the better.
        (Default(all, Member::Key, Some(100)),    at(100, all)),
        (Default(team, Member::Key, Some(50)),    at(50, team)),
        (Default(ada, Member::Key, Some(20)),     at(20, ada)),
        (Default(team, Member::Key, Some(60)),    at(20, ada)),
        (Default(ada, Member::Key, None),         at(60, team)),
        (Default(team, Member::Key, Some(70)),    at(70, team)),
        // What was set on the key itself stands, whatever becomes of defaults.
        (Own(Some(Ceiling::Unlimited)),           own(Ceiling::Unlimited)),
        (Default(team, Member::Key, Some(80)),    own(Ceiling::Unlimited)),
        (Own(Some(Ceiling::At(5))),               own(Ceiling::At(5))),
        (Default(team, Member::Key, None),        own(Ceiling::At(5))),
        (Joins(Some(world.other)),                own(Ceiling::At(5))),
        (Own(None),                               at(2, other)),
        (Own(None),                               at(2, other)),
        // Membership decides.
        (Joins(None),                             at(100, all)),
        (Default(team, Member::Key, Some(90)),    at(100, all)),
        (Joins(Some(world.team)),                 at(90, team)),
        (Charged(Some(world.other)),              at(2, other)),
        (Charged(None),                           at(90, team)),
        (Default(all, Member::Key, None),         at(90, team)),
        (Default(team, Member::Key, None),        None),
        (Own(Some(Ceiling::At(6))),               own(Ceiling::At(6))),
        (Own(None),                               None),
    ];
    let key = Subject::Key(world.key);
    let mut number = None;
    for (place, (step, want)) in steps.into_iter().enumerate() {
        match step {
            Default(holder, each, Some(n)) => {
                world.set_rpm(holder, Some(each), Ceiling::At(n)).await;
            }
            Default(holder, each, None) => {
                world.change(holder, remove(RPM, Some(each))).await;
            }
            Own(Some(ceiling)) => world.set_rpm(key, None, ceiling).await,
            Own(None) => world.change(key, remove(RPM, None)).await,
            Joins(team) => {
                let sql = "UPDATE users SET team_id = $1 WHERE id = $2";
                let team = team.map(|t| t.0);
                world
                    .admin
                    .execute(sql, &[&team, &world.ada.0])
                    .await
                    .unwrap();
            }
            Charged(team) => {
                let sql = "UPDATE virtual_keys SET team_id = $1 WHERE id = $2";
                let team = team.map(|t| t.0);
                world
                    .admin
                    .execute(sql, &[&team, &world.key.0])
                    .await
                    .unwrap();
            }
        }
        let found = world.rpm(key).await;
        assert_eq!(
            found.map(|(_, ceiling, from)| (ceiling, from)),
            want,
            "step {place}"
        );
        let now = found.map(|(id, ..)| id);
        if number.is_some() && now.is_some() {
            assert_eq!(
                now, number,
                "step {place}: what was used stays with the limit"
            );
        }
        number = now;
    }
}

#[tokio::test]
async fn teams_and_users_have_defaults_too_and_so_have_those_who_come_later() {
    let world = world().await;
    let all = Subject::Organisation;
    let (team, ada) = (Subject::Team(world.team), Subject::User(world.ada));
    world
        .set_rpm(all, Some(Member::Team), Ceiling::At(300))
        .await;
    world
        .set_rpm(all, Some(Member::User), Ceiling::At(30))
        .await;
    world
        .set_rpm(team, Some(Member::User), Ceiling::Unlimited)
        .await;
    world.set_rpm(team, Some(Member::Key), Ceiling::At(3)).await;
    let late = world.store.create_team("late").await.unwrap();
    let eve = world.store.create_user("eve@example.com", Some(world.team));
    let eve = eve.await.unwrap();
    let bob = world.store.create_user("bob@example.com", Some(late.id));
    let bob = bob.await.unwrap();
    let (key, _) = a_key();
    let new = NewKey {
        user: Some(eve.id),
        ..a_new_key(&key)
    };
    let key = world.store.create_key(&new).await.unwrap();
    for (subject, ceiling, from) in [
        (team, Ceiling::At(300), all),
        (Subject::Team(late.id), Ceiling::At(300), all),
        (ada, Ceiling::Unlimited, team),
        (Subject::User(eve.id), Ceiling::Unlimited, team),
        (Subject::User(bob.id), Ceiling::At(30), all),
        (Subject::Key(world.key), Ceiling::At(3), team),
        (Subject::Key(key.id), Ceiling::At(3), team),
    ] {
        let (_, found, whence) = world.rpm(subject).await.unwrap();
        assert_eq!((found, whence), (ceiling, Some(from)), "{subject:?}");
    }
    // Nobody binds the organisation with a default, but it can bind itself.
    assert_eq!(world.rpm(all).await, None);
    world.set_rpm(all, None, Ceiling::At(999)).await;
    let own = world
        .rpm(all)
        .await
        .map(|(_, ceiling, from)| (ceiling, from));
    assert_eq!(own, Some((Ceiling::At(999), None)));
    world.change(all, remove(RPM, None)).await;
    assert_eq!(world.rpm(all).await, None);
}

#[tokio::test]
async fn those_who_are_deleted_leave_no_limits_behind() {
    let world = world().await;
    let ada = Subject::User(world.ada);
    world.set_rpm(ada, Some(Member::Key), Ceiling::At(3)).await;
    world.set_rpm(ada, None, Ceiling::At(3)).await;
    world.sql("DELETE FROM virtual_keys").await;
    let left = "SELECT count(*) FROM limits WHERE subject_kind = 'key'";
    let left: i64 = world.admin.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    world.sql("DELETE FROM users").await;
    let left: i64 = world
        .admin
        .query_one("SELECT count(*) FROM limits", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_default_and_a_new_member_never_miss_each_other() {
    let world = world().await;
    let team = Subject::Team(world.team);
    let other = world.database.client().await;
    // A key that is being created while the default is set, and not yet to be seen.
    other.batch_execute("BEGIN").await.unwrap();
    let sql = "INSERT INTO virtual_keys (name, hash, last_four, team_id)
               VALUES ('k', sha256('k'), 'abcd', $1) RETURNING id";
    let row = other.query_one(sql, &[&world.team.0]).await.unwrap();
    let key = Subject::Key(KeyId(row.get(0)));
    let set = world.set_rpm(team, Some(Member::Key), Ceiling::At(4));
    let commit = async {
        let waits = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while world
            .admin
            .query_one(waits, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        other.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(set, commit);
    let found = world.rpm(key).await.map(|(_, ceiling, _)| ceiling);
    assert_eq!(found, Some(Ceiling::At(4)));
}

#[tokio::test]
async fn an_import_of_keys_is_quick_and_binds_all_of_them() {
    let world = world().await;
    let team = Subject::Team(world.team);
    for measure in [
        RPM,
        Measure::Budget(Period::Month),
        Measure::ParallelRequests,
    ] {
        let change = set(limit(team, measure, Ceiling::At(4)), Some(Member::Key));
        world.change(team, change).await;
    }
    let sql = "INSERT INTO virtual_keys (name, hash, last_four, user_id)
               SELECT 'k' || n, sha256(n::text::bytea), 'abcd', $1 FROM generate_series(1, 500) n";
    let statement = world.admin.prepare(sql).await.unwrap();
    let timed = "SET statement_timeout = '2 s'";
    world.admin.batch_execute(timed).await.unwrap();
    world
        .admin
        .execute(&statement, &[&world.ada.0])
        .await
        .unwrap();
    let count =
        "SELECT count(*) FROM limits WHERE subject_kind = 'key' AND inherited_from IS NOT NULL";
    let bound: i64 = world.admin.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(bound, 3 * 501);
}

impl World {
    async fn administer(&self, n: i64) -> Result<(), StoreError> {
        let team = Subject::Team(self.team);
        let each = Some(Member::Key);
        let change = match n % 5 {
            0 => set(limit(team, RPM, Ceiling::At(n)), each),
            1 => remove(RPM, each),
            _ => {
                let new = NewKey {
                    team: Some(self.team),
                    ..a_new_key(&a_key().0)
                };
                return self.store.create_key(&new).await.map(drop);
            }
        };
        self.store.change_limits(team, &[change]).await
    }
}

#[tokio::test]
async fn fifty_administrators_at_once_leave_every_key_with_the_last_default() {
    let world = Arc::new(world().await);
    let team = Subject::Team(world.team);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..50 {
        let world = Arc::clone(&world);
        all.spawn(async move {
            // On a busy machine the wait for the others may be longer than the store allows.
            while let Err(error) = world.administer(n).await {
                let busy = matches!(error, StoreError::Unavailable(_));
                assert!(busy, "{error:?}");
            }
        });
    }
    all.join_all().await;
    world
        .set_rpm(team, Some(Member::Key), Ceiling::At(77))
        .await;
    let sql = "SELECT count(*), count(*) FILTER (WHERE l.ceiling = 77), count(DISTINCT k.id)
                 FROM virtual_keys k
                 LEFT JOIN limits l ON l.subject_kind = 'key' AND l.subject_id = k.id";
    let row = world.admin.query_one(sql, &[]).await.unwrap();
    let counts = [0, 1, 2].map(|n| row.get::<_, i64>(n));
    assert_eq!(counts, [31, 31, 31]);
    // What is in the log tells of it all, without a gap.
    let sql =
        "SELECT count(*) = max(seq) AND max(seq) = (SELECT seq FROM change_counter) FROM changes";
    assert!(
        world
            .admin
            .query_one(sql, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
}
