//! Records that follow from a number, a folder of a test's own, and what is left in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use llmlite_core::{
    catalogue::Residency,
    ids::{EventId, InstanceId, KeyId, LimitId},
    money::Nanodollars,
    quota::AccountKey,
    usage::{Ending, Tokens, UsageRecord},
};
use llmlite_journal::{Config, Damage, Entry, Journal, Life, left_behind};
use tempfile::{TempDir, tempdir, tempdir_in};
use uuid::Uuid;

pub(crate) const LIFE: InstanceId = InstanceId(17);

/// A folder of a test's own, in memory where there is such a place: nobody cuts the power here.
pub(crate) fn folder() -> TempDir {
    let folder = tempdir_in("/dev/shm").or_else(|_| tempdir());
    folder.expect("there is room for a folder")
}

/// Small segments, so that a few records fill one.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        folder: folder.to_owned(),
        segment_bytes: 4 << 10,
        cap_bytes: 64 << 10,
        sync_every: Duration::from_millis(1),
    }
}

pub(crate) fn begin(folder: &Path) -> Journal {
    Journal::create(&config(folder), LIFE).expect("the journal begins")
}

/// The id of request `n`; a larger number is younger.
pub(crate) fn event(n: u64) -> EventId {
    EventId(Uuid::from_u64_pair(
        0x019a_0000_0000_7000 + (n << 16),
        n | 1 << 63,
    ))
}

/// What is written when request `n` begins, and when it has ended.
pub(crate) fn intent(n: u64) -> UsageRecord {
    record(n, true)
}

pub(crate) fn settled(n: u64) -> UsageRecord {
    record(n, false)
}

fn record(n: u64, estimated: bool) -> UsageRecord {
    UsageRecord {
        event_id: event(n),
        request_id: format!("req_{n}").into(),
        upstream_request_id: (!estimated).then(|| format!("upstream-{n}").into()),
        key_id: KeyId(7),
        user_id: None,
        team_id: None,
        model: "claude-sonnet-4-5".into(),
        bedrock_model_id: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0".into(),
        region: "eu-west-2".into(),
        residency: Residency::Eu,
        streamed: true,
        tokens: Tokens {
            input: n,
            output: if estimated { 64_000 } else { n % 100 },
            ..Tokens::default()
        },
        cost: Nanodollars(1_000),
        accounts: vec![AccountKey {
            limit: LimitId(3),
            starts: std::time::UNIX_EPOCH,
        }],
        estimated,
        ending: if estimated {
            Ending::Shutdown
        } else {
            Ending::Complete
        },
        latency: Duration::from_millis(n),
        time_to_first_token: None,
    }
}

/// Requests as they go: begun, ended, and known to the ledger.
pub(crate) fn start(journal: &Journal, n: u64) {
    journal
        .append(&Entry::Intent(&intent(n)))
        .expect("an intent is kept");
}

pub(crate) fn settle(journal: &Journal, n: u64) {
    journal
        .append(&Entry::Settled(&settled(n)))
        .expect("a final record is kept");
}

pub(crate) fn flush(journal: &Journal, n: u64) {
    journal
        .append(&Entry::Flushed(&[event(n)]))
        .expect("an acknowledgement is kept");
}

pub(crate) fn withdraw(journal: &Journal, n: u64) {
    journal
        .append(&Entry::Withdrawn(event(n)))
        .expect("a withdrawal is kept");
}

/// The only life that was left behind in `folder`.
pub(crate) fn left(folder: &Path) -> Life {
    let mut lives = left_behind(folder).expect("the folder can be listed");
    assert_eq!(lives.len(), 1, "{lives:?}");
    lives.remove(0)
}

/// Everything a life left, by number of the request, and what was damaged.
pub(crate) fn remains(life: &Life) -> (BTreeMap<EventId, UsageRecord>, Vec<Damage>) {
    let remains = life.read().expect("the life can be read");
    let batches = remains
        .batches(3)
        .map(|batch| batch.expect("the disk is sound"));
    let records: Vec<UsageRecord> = batches.flatten().collect();
    assert!(records.is_sorted_by(|a, b| a.event_id < b.event_id));
    let open = records.iter().filter(|record| record.estimated).count();
    assert_eq!(
        (remains.open(), remains.settled()),
        (open, records.len() - open)
    );
    let records = records.into_iter().map(|record| (record.event_id, record));
    (records.collect(), remains.damage().to_vec())
}

/// What is left when everything is sound.
pub(crate) fn sound_remains(folder: &Path) -> BTreeMap<EventId, UsageRecord> {
    let (records, damage) = remains(&left(folder));
    assert_eq!(damage, [], "nothing was damaged");
    records
}

pub(crate) fn by_event(
    records: impl IntoIterator<Item = UsageRecord>,
) -> BTreeMap<EventId, UsageRecord> {
    let records = records.into_iter().map(|record| (record.event_id, record));
    records.collect()
}

/// The segments of the life, by rising number.
pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join(LIFE.to_string())).expect("the life has a folder");
    let mut files: Vec<PathBuf> = files
        .map(|file| file.expect("it can be listed").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "segment"));
    files.sort_unstable();
    files
}

/// This test binary again, to run one ignored test that reads `folder` from its input.
pub(crate) fn child(test: &str, shell: &str) -> Command {
    let program = std::env::current_exe().expect("a test knows its program");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell}exec \"$@\""), "sh"])
        .arg(program)
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// The folder that a parent names; none if this was not started by one.
pub(crate) fn named_by_parent() -> Option<PathBuf> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.expect("the input is text");
    let line = line.trim_end();
    (!line.is_empty()).then(|| PathBuf::from(line))
}
