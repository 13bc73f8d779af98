//! Keys that change while their requests are under way.

use std::{sync::Arc, time::Duration};

use llmlite_core::{
    changes::Change,
    ids::{KeyId, LimitId, TeamId},
    keys::{KeyGrant, VirtualKey},
    limits::{Ceiling, Fit, Limit, Measure, Rules, Scope, Subject},
    money::Nanodollars,
    ports::StoreError,
    usage::Ending,
};
use llmlite_testkit::{Step, Turn, build};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use crate::gateway::{Gateway, hello, message, read_until, say, start, streamed};

const LIMIT: LimitId = LimitId(7);

fn revoked(grant: &mut KeyGrant) {
    grant.revoked_at = Some(build::at(1));
}

fn revoked_at_once(grant: &mut KeyGrant) {
    revoked(grant);
    grant.cut_streams = true;
}

impl Gateway {
    /// From now on the key grants something else.
    fn regrant(&self, change: impl FnOnce(&mut KeyGrant)) {
        let key = VirtualKey::parse(&self.key).unwrap();
        let mut grant = build::a_grant();
        change(&mut grant);
        self.store.grant(key.hash(&build::pepper()), grant);
    }
}

async fn rest_of(socket: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    String::from_utf8(rest).unwrap()
}

/// What a request is answered whose key is changed when half of its body has come.
async fn changed_in_the_middle(change: fn(&mut KeyGrant)) -> (Gateway, String) {
    let gateway = start([message()]).await;
    let body = hello(false).to_string();
    let (first, second) = body.split_at(10);
    let headers = gateway.bearer();
    let mut socket = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-length: {}\r\n{headers}\r\n{first}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    while gateway.store.lookups() == 0 {
        tokio::task::yield_now().await;
    }
    gateway.quota.set(LIMIT, Ceiling::At(0));
    gateway.regrant(change);
    socket.write_all(second.as_bytes()).await.unwrap();
    let answer = rest_of(&mut socket).await;
    (gateway, answer)
}

#[tokio::test]
async fn a_request_goes_by_what_its_key_grants_when_its_body_has_come() {
    fn limited(grant: &mut KeyGrant) {
        let limit = Limit {
            id: LIMIT,
            scope: Scope {
                subject: Subject::Key(KeyId(1)),
                model: None,
            },
            measure: Measure::RequestsPerMinute,
            ceiling: Ceiling::At(0),
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        };
        grant.rules = Arc::new(Rules::new(vec![limit]));
    }
    let check = async |change: fn(&mut KeyGrant), status: &str, header: Option<&str>| {
        let (gateway, answer) = changed_in_the_middle(change).await;
        assert!(answer.starts_with(status), "{answer}");
        assert!(header.is_none_or(|name| answer.contains(name)), "{answer}");
        let called = gateway.backend.calls().len();
        assert_eq!(called, usize::from(status.contains("200")), "{answer}");
        assert_eq!(gateway.finish().await.0.len(), called);
    };
    let requests = "x-ratelimit-limit-requests: 0";
    check(|_| {}, "HTTP/1.1 200", None).await;
    check(revoked, "HTTP/1.1 401", Some("invalid_api_key")).await;
    check(
        |grant| grant.expires_at = Some(build::at(1)),
        "HTTP/1.1 401",
        None,
    )
    .await;
    check(
        |grant| grant.models = build::only(&["claude-3-opus"]),
        "HTTP/1.1 404",
        Some("model_not_found"),
    )
    .await;
    check(limited, "HTTP/1.1 429", Some(requests)).await;
}

/// A gateway with a stream that has begun, and waits for the gate.
async fn under_way(path: &str) -> (Gateway, TcpStream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let turn = streamed([say("hi "), Step::Wait(gate.clone()), say("there")]);
    let gateway = start([turn]).await;
    let mut request = hello(true);
    if path == "/v1/completions" {
        request = json!({ "model": "claude-sonnet-4-5", "stream": true, "prompt": "hello" });
    }
    let body = request.to_string();
    let mut socket = gateway.open("POST", path, &gateway.bearer(), &body).await;
    read_until(&mut socket, "hi ").await;
    (gateway, socket, gate)
}

#[tokio::test]
async fn streams_of_a_key_that_is_revoked_at_once_end_in_an_error_and_are_charged_to_their_limit() {
    for path in ["/v1/chat/completions", "/v1/completions"] {
        for change in [Change::Key(KeyId(1)), Change::Anything] {
            let (gateway, mut socket, _gate) = under_way(path).await;
            gateway.regrant(revoked_at_once);
            gateway.changes.changed(&[change]);
            let rest = rest_of(&mut socket).await;
            assert!(rest.contains(r#""code":"invalid_api_key""#), "{rest}");
            assert!(rest.contains("was revoked while"), "{rest}");
            assert!(!rest.contains("[DONE]"), "{rest}");
            let (usage, ended) = gateway.finish().await;
            assert_eq!(usage.len(), 1);
            assert_eq!(
                (usage[0].ending, usage[0].estimated),
                (Ending::Shutdown, true)
            );
            assert!(usage[0].tokens.output >= 4_096, "{:?}", usage[0].tokens);
            assert_eq!((ended.cut, ended.unwritten), (0, 0));
        }
    }
}

#[tokio::test]
async fn streams_go_on_when_their_key_is_revoked_in_the_usual_way_or_not_at_all() {
    let nothing: fn(&mut KeyGrant) = |_| {};
    for (change, looked_at) in [
        (nothing, Change::Key(KeyId(1))),
        (revoked, Change::Key(KeyId(1))),
        // A change of others, and one that is no revocation.
        (revoked_at_once, Change::Team(TeamId(9))),
        (revoked_at_once, Change::Models),
    ] {
        let (gateway, mut socket, gate) = under_way("/v1/chat/completions").await;
        gateway.regrant(change);
        let before = gateway.store.lookups();
        gateway.changes.changed(&[looked_at]);
        if looked_at == Change::Key(KeyId(1)) {
            while gateway.store.lookups() == before {
                tokio::task::yield_now().await;
            }
        }
        gate.add_permits(1);
        let rest = rest_of(&mut socket).await;
        assert!(rest.contains("[DONE]"), "{looked_at:?}: {rest}");
        let (usage, _) = gateway.finish().await;
        assert_eq!(
            (usage[0].ending, usage[0].estimated),
            (Ending::Complete, false)
        );
    }
}

#[tokio::test]
async fn a_whole_answer_is_cut_as_well() {
    for stream in [false, true] {
        let gateway = start([Turn::Silence]).await;
        let mut socket = gateway.open_chat(&hello(stream)).await;
        while gateway.backend.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        gateway.regrant(revoked_at_once);
        gateway.changes.changed(&[Change::Key(KeyId(1))]);
        let answer = rest_of(&mut socket).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(answer.contains("x-should-retry: false"), "{answer}");
        let (usage, _) = gateway.finish().await;
        assert_eq!((usage[0].tokens.output, usage[0].estimated), (8192, true));
    }
}

#[tokio::test]
async fn a_key_is_looked_up_until_the_database_says_what_it_grants() {
    let (gateway, mut socket, _gate) = under_way("/v1/chat/completions").await;
    gateway.regrant(revoked_at_once);
    gateway
        .store
        .fail_next(StoreError::Unavailable("away".into()));
    gateway.changes.changed(&[Change::Key(KeyId(1))]);
    let rest = rest_of(&mut socket).await;
    assert!(rest.contains("was revoked while"), "{rest}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_hold_the_cut_up() {
    let long = "x".repeat(64 * 1024);
    let never = Arc::new(Semaphore::new(0));
    let steps = std::iter::repeat_with(|| say(&long)).take(400);
    let steps = steps.chain([Step::Wait(never)]);
    let gateway = start([streamed(steps)]).await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    read_until(&mut socket, "xxx").await;
    gateway.regrant(revoked_at_once);
    gateway.changes.changed(&[Change::Key(KeyId(1))]);
    let cut = tokio::time::timeout(Duration::from_secs(5), gateway.first_usage()).await;
    assert_eq!(cut.unwrap().ending, Ending::Shutdown);
}
