use llmlite_core::ids::LimitId;
use llmlite_core::limits::Subject;
use llmlite_testkit::{MemoryStore, build};

use super::*;

fn hash(n: u8) -> KeyHash {
    KeyHash::from_bytes([n; 32])
}

/// What key 1 grants, which user 2 holds and team 3 pays for; `cut` if it was revoked at once.
fn grant(cut: bool) -> KeyGrant {
    KeyGrant {
        revoked_at: cut.then(|| build::at(1)),
        cut_streams: cut,
        ..build::a_grant()
    }
}

fn is_cut(run: &Run) -> bool {
    run.cut.is_cancelled()
}

#[test]
#[rustfmt::skip]
fn a_key_is_looked_up_again_when_a_change_can_be_its_revocation() {
    let check = |changes: &[Change], want: usize| {
        let running = Arc::new(Running::default());
        let _run = running.enter(hash(1), &grant(false));
        running.changed(changes);
        assert_eq!(running.book().doubtful.len(), want, "{changes:?}");
    };
    let limit = Change::Limit { id: LimitId(1), subject: Subject::Key(KeyId(1)) };
    check(&[Change::Key(KeyId(1))],                              1);
    check(&[Change::Key(KeyId(2))],                              0);
    check(&[Change::User(UserId(2))],                            1);
    check(&[Change::User(UserId(1))],                            0);
    check(&[Change::Team(TeamId(3))],                            1);
    check(&[Change::Team(TeamId(2))],                            0);
    check(&[Change::Anything],                                   1);
    check(&[Change::Models, limit],                              0);
    check(&[Change::Key(KeyId(9)), Change::Key(KeyId(1))],       1);
}

#[tokio::test]
async fn all_requests_of_the_key_are_cut_with_one_look_up_and_no_others() {
    let store = Arc::new(MemoryStore::default());
    let running = Arc::new(Running::default());
    let runs = [1, 1, 1, 2].map(|n| running.enter(hash(n), &grant(false)));
    store.grant(hash(1), grant(true));
    store.grant(hash(2), grant(false));
    let keys: Arc<dyn KeyStore> = store.clone();
    let doubtful = HashSet::from([hash(1), hash(2)]);
    assert!(Arc::clone(&running).look_up(doubtful, &keys).await);
    assert_eq!(runs.each_ref().map(is_cut), [true, true, true, false]);
    assert_eq!(store.lookups(), 2);
}

#[tokio::test]
async fn what_is_not_known_stays_in_doubt_as_long_as_anything_runs() {
    let store = Arc::new(MemoryStore::default());
    store.set_down(true);
    let running = Arc::new(Running::default());
    let run = running.enter(hash(1), &grant(false));
    let keys: Arc<dyn KeyStore> = store.clone();
    let asked = Arc::clone(&running).look_up(HashSet::from([hash(1)]), &keys);
    assert!(!asked.await);
    assert_eq!(running.book().doubtful, HashSet::from([hash(1)]));
    assert!(!is_cut(&run));
    drop(run);
    let book = running.book();
    assert!(book.keys.is_empty() && book.doubtful.is_empty());
}

#[test]
fn a_request_that_comes_after_the_cut_is_not_cut_by_it() {
    let running = Arc::new(Running::default());
    let before = running.enter(hash(1), &grant(false));
    running.cut(&hash(1), &grant(true));
    let after = running.enter(hash(1), &grant(false));
    assert_eq!((is_cut(&before), is_cut(&after)), (true, false));
    drop(before);
    assert_eq!(running.book().keys[&hash(1)].count, 1);
}
