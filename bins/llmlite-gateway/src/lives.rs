//! Lives of the gateway: this one's beginning and end, and what earlier ones left on this disk.

use std::{error::Error, fs, io, path::Path, sync::Arc, time::Duration};

use llmlite_core::{
    ids::InstanceId,
    ports::{StoreError, instances::Instances, ledger::Ledger, orphans::Orphans},
    usage::UsageRecord,
};
use llmlite_journal::{Config, Journal, Life, left_behind};
use llmlite_store::Store;
use tokio::{task::spawn_blocking, time::sleep, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Rows in one statement.
const BATCH: usize = 500;
/// The pauses between two attempts at the database.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long ending a life may take.
const CLOSING: Duration = Duration::from_secs(1);

/// Begins a life: a number of its own, and a journal under it.
pub(crate) async fn begin(
    store: &Store,
    config: Config,
) -> Result<(InstanceId, Arc<Journal>), Box<dyn Error>> {
    let folder = config.folder.display().to_string();
    loop {
        let instance = store.begin(&host()).await?;
        let config = config.clone();
        match spawn_blocking(move || Journal::create(&config, instance)).await? {
            Ok(journal) => {
                info!(%instance, folder, "a life has begun");
                return Ok((instance, Arc::new(journal)));
            }
            // The database was restored, and counts lives anew that have left something here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                warn!(%instance, folder, "a journal of that number is there; taking another");
                store.close(instance).await?;
            }
            Err(error) => {
                return Err(format!("the journal in {folder} cannot be begun: {error}").into());
            }
        }
    }
}

/// Ends the life, all of whose usage is in the ledger. Where that does not work out, its journal
/// stays, for the next life to end it.
pub(crate) async fn end(store: &Store, instance: InstanceId, journal: Arc<Journal>) {
    match timeout(CLOSING, store.close(instance)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return warn!(%instance, %error, "the life could not be ended"),
        Err(_) => return warn!(%instance, "there was no time left to end the life"),
    }
    let Some(journal) = Arc::into_inner(journal) else {
        return warn!(%instance, "the journal is still in use; the next life removes it");
    };
    match spawn_blocking(move || journal.remove()).await {
        Ok(Ok(())) => info!(%instance, "the life has ended"),
        Ok(Err(error)) => warn!(%instance, %error, "the journal could not be removed"),
        Err(error) => warn!(%instance, %error, "the journal could not be removed"),
    }
}

/// Hands to the ledger what earlier lives wrote down in `folder`, and ends them.
///
/// Only then does their money count no more as taken: what they began and did not end is charged
/// at its worst case.
pub(crate) async fn settle(store: Store, folder: Box<Path>, over: CancellationToken) {
    let found = spawn_blocking(move || left_behind(&folder)).await;
    let lives = match found {
        Ok(Ok(lives)) => lives,
        Ok(Err(error)) => return error!(%error, "journals of earlier lives cannot be looked for"),
        Err(error) => return error!(%error, "journals of earlier lives cannot be looked for"),
    };
    for life in lives {
        let instance = life.instance();
        let settled = tokio::select! {
            settled = settle_one(&store, life) => settled,
            () = over.cancelled() => return,
        };
        if let Err(error) = settled {
            error!(%instance, %error, "what an earlier life left cannot be dealt with");
        }
    }
}

async fn settle_one(store: &Store, life: Life) -> io::Result<()> {
    let instance = life.instance();
    let (life, remains) = spawn_blocking(move || {
        let remains = life.read();
        (life, remains)
    })
    .await?;
    let remains = remains?;
    let mut refused = 0;
    for batch in remains.batches(BATCH) {
        refused += flush(store, instance, &batch?).await;
    }
    let (settled, open) = (remains.settled(), remains.open());
    if !remains.is_whole() {
        // What the journal has lost, the list of requests under way may still have.
        let charged = insist(|| store.charge_intents(instance)).await;
        refused += usize::try_from(charged.refused).unwrap_or(usize::MAX);
    }
    if refused > 0 || !remains.is_whole() {
        // Some of what it began no budget was charged with: its money stays taken.
        let aside = spawn_blocking(move || life.set_aside()).await??;
        error!(
            %instance, settled, open, refused, gap = remains.has_gap(),
            damage = ?remains.damage(), kept = %aside.display(),
            "an earlier life's usage is not all in the ledger: its leases stay until an operator ends them"
        );
        return Ok(());
    }
    insist(|| store.close(instance)).await;
    spawn_blocking(move || life.remove()).await??;
    info!(%instance, settled, open, "an earlier life has been settled and ended");
    Ok(())
}

/// Writes the batch down, however long the database is away, and returns how many rows it refuses
/// for good. Those are whole in the log, and in the journal.
async fn flush(store: &Store, instance: InstanceId, batch: &[UsageRecord]) -> usize {
    let written = insist(|| async {
        match store.flush(instance, batch).await {
            Err(StoreError::InvalidData(cause)) => Ok(Err(StoreError::InvalidData(cause))),
            other => other.map(Ok),
        }
    });
    let Err(refusal) = written.await else {
        return 0;
    };
    if let [record] = batch {
        let record = serde_json::to_string(record).unwrap_or_default();
        error!(error = %refusal, cause = ?refusal, record, "a usage record could not be written");
        return 1;
    }
    let mut refused = 0;
    for record in batch {
        refused += Box::pin(flush(store, instance, std::slice::from_ref(record))).await;
    }
    refused
}

/// Asks until there is an answer.
async fn insist<T, F>(ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                warn!(%error, cause = ?error, "an earlier life's usage waits for the database");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Where this process is, for an operator.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}
