//! Clients that ask without end: so many at a time on each gateway.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Fleet,
    client::{Client, Outcome},
    people::Key,
};

/// How often a client looks whether its gateway is back.
const GATEWAY_AWAY: Duration = Duration::from_millis(50);

/// What one request is to be.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) key: Arc<Key>,
    pub(crate) streamed: bool,
    /// Words of the answer.
    pub(crate) words: u32,
    /// Time between two events of a stream, or before a whole answer, in milliseconds.
    pub(crate) pace: u32,
    pub(crate) max_tokens: u32,
}

/// Who asks what, and how eagerly.
pub(crate) trait Plan: Send + Sync + 'static {
    /// The next request of some client.
    fn next(&self, random: &mut StdRng) -> Ask;

    /// How long a client waits after it had this outcome.
    fn pause(&self, outcome: &Outcome, random: &mut StdRng) -> Duration;

    /// Is told what came of every request.
    fn note(&self, _ask: &Ask, _gateway: usize, _begun: Instant, _outcome: &Outcome) {}
}

/// Load that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<()>,
    go_on: watch::Sender<bool>,
    tally: Arc<Tally>,
}

/// How many requests came to what.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, u64>>);

impl Load {
    /// Lets so many clients ask each gateway.
    pub(crate) fn start(fleet: &Fleet, streams: usize, plan: &Arc<impl Plan>, seed: u64) -> Self {
        let tally = Arc::new(Tally::default());
        let go_on = watch::Sender::new(true);
        let mut clients = JoinSet::new();
        for gateway in 0..fleet.size() {
            for stream in 0..streams {
                let number = (gateway * streams + stream) as u64;
                let asker = Asker {
                    fleet: fleet.clone(),
                    gateway,
                    plan: Arc::clone(plan),
                    tally: Arc::clone(&tally),
                    random: StdRng::seed_from_u64(seed.wrapping_mul(1_000_003) ^ number),
                };
                clients.spawn(asker.run(go_on.subscribe()));
            }
        }
        Self {
            clients,
            go_on,
            tally,
        }
    }

    /// What has come of the requests so far.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.tally.counts()
    }

    /// Lets every client finish what it is at, and says what came of all requests.
    pub(crate) async fn stop(mut self) -> BTreeMap<String, u64> {
        self.go_on.send_replace(false);
        while self.clients.join_next().await.is_some() {}
        self.tally.counts()
    }
}

impl Tally {
    fn add(&self, outcome: &Outcome) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(outcome.to_string()).or_default() += 1;
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

struct Asker<P> {
    fleet: Fleet,
    gateway: usize,
    plan: Arc<P>,
    tally: Arc<Tally>,
    random: StdRng,
}

impl<P: Plan> Asker<P> {
    async fn run(mut self, mut go_on: watch::Receiver<bool>) {
        let mut client = Client::default();
        // All at once would be a burst that no real load begins with.
        sleep(Duration::from_millis(self.random.random_range(0..500))).await;
        while *go_on.borrow() {
            let Some(address) = self.fleet.address(self.gateway) else {
                sleep(GATEWAY_AWAY).await;
                continue;
            };
            let ask = self.plan.next(&mut self.random);
            let begun = Instant::now();
            let outcome = client.chat(address, &ask.key.plaintext, ask.body()).await;
            self.tally.add(&outcome);
            self.plan.note(&ask, self.gateway, begun, &outcome);
            let pause = self.plan.pause(&outcome, &mut self.random);
            if !pause.is_zero() {
                tokio::select! {
                    () = sleep(pause) => {}
                    // Whether it is to go on is looked at above.
                    _ = go_on.changed() => {}
                }
            }
        }
    }
}

impl Ask {
    /// A body whose text says who is to be billed, how long the answer is and how slow.
    pub(crate) fn body(&self) -> Bytes {
        let pace = match (self.streamed, self.pace) {
            (_, 0) => String::new(),
            (true, pace) => format!("[[sim:fault drip {pace}]]"),
            (false, pace) => format!("[[sim:fault slow-first-token {pace}]]"),
        };
        let tag = self.key.tag();
        let text = format!("[bill:{tag}] [[sim:long {}]] {pace}", self.words);
        let body = json!({
            "model": MODEL,
            "stream": self.streamed,
            "max_tokens": self.max_tokens,
            "messages": [{"role": "user", "content": text}],
        });
        Bytes::from(body.to_string())
    }
}

/// What everybody asks for.
const MODEL: &str = "claude-sonnet-4-5";
