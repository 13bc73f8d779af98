//! The server over real sockets: ids, bounds, and the drain.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so and fail"
)]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Request, Response, StatusCode, body::Incoming};
use llmlite_http::{Body, Drained, Handler, Limits, RequestId, Stop, body, reply, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

/// Echoes bodies of up to 1,000 bytes, and holds `/slow` until it is let go.
#[derive(Default)]
struct Echo {
    arrived: Notify,
    go: Notify,
}

impl Handler for Echo {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, _: RequestId) -> Response<Body> {
        if request.uri().path() == "/slow" {
            self.arrived.notify_one();
            self.go.notified().await;
        }
        if request.uri().path() == "/pieces" {
            let (pieces, receiver) = mpsc::channel(1);
            TaskTracker::new().spawn(async move {
                for piece in ["a", "b", "c"] {
                    let sent = pieces.send(Bytes::from_static(piece.as_bytes())).await;
                    assert!(sent.is_ok());
                }
            });
            return reply::events(receiver);
        }
        if request.uri().path() == "/endless" {
            return reply::json(StatusCode::OK, vec![b'x'; 64 << 20]);
        }
        let limit = if request.uri().path() == "/big" {
            1 << 20
        } else {
            1_000
        };
        match body::read(request.into_body(), limit, Duration::from_millis(300)).await {
            Ok(bytes) => reply::json(StatusCode::OK, bytes),
            Err(error) => reply::json(StatusCode::BAD_REQUEST, format!("{error:?}")),
        }
    }
}

struct Server {
    address: std::net::SocketAddr,
    echo: Arc<Echo>,
    stop: Stop,
    task: JoinHandle<Drained>,
}

async fn start(drain: Duration) -> Server {
    start_with(drain, Limits::default()).await
}

async fn start_with(drain: Duration, limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (echo, stop) = (Arc::new(Echo::default()), Stop::new());
    let serving = serve(listener, limits, Arc::clone(&echo), stop.clone(), drain);
    let task = TaskTracker::new().spawn(serving);
    Server {
        address,
        echo,
        stop,
        task,
    }
}

impl Server {
    /// Sends `request` and reads until the server closes the connection.
    async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_request_is_answered_under_an_id_of_its_own() {
    let server = start(Duration::from_secs(5)).await;
    let answers = [
        server.exchange(post("/", "hello")).await,
        server.exchange(post("/", "hello")).await,
    ];
    let id = |answer: &str| {
        let line = answer.lines().find(|l| l.starts_with("x-request-id: req_"));
        line.unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    assert!(answers[0].starts_with("HTTP/1.1 200 OK\r\n") && answers[0].ends_with("\r\n\r\nhello"));
    assert_ne!(id(&answers[0]), id(&answers[1]));
}

#[tokio::test]
async fn a_body_is_read_within_its_bounds_and_no_further() {
    let server = start(Duration::from_secs(5)).await;
    let ok = server.exchange(post("/", &"x".repeat(1_000))).await;
    assert!(ok.starts_with("HTTP/1.1 200"), "{ok}");
    let long = server.exchange(post("/", &"x".repeat(1_001))).await;
    assert!(long.ends_with("TooLarge { limit: 1000 }"), "{long}");
    let chunked = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         300\r\n{0}\r\n300\r\n{0}\r\n0\r\n\r\n",
        "x".repeat(0x300)
    );
    let chunked = server.exchange(&chunked).await;
    assert!(chunked.ends_with("TooLarge { limit: 1000 }"), "{chunked}");
    // Far beyond the limit, the client still gets to send it all, and then to read the answer.
    let big = server.exchange(post("/big", &"x".repeat(3 << 20))).await;
    assert!(big.ends_with("TooLarge { limit: 1048576 }"), "{big}");
    let slow = server
        .exchange("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhal")
        .await;
    assert!(slow.ends_with("TooSlow"), "{slow}");
}

#[tokio::test]
async fn pieces_arrive_in_order_as_an_event_stream() {
    let server = start(Duration::from_secs(5)).await;
    let answer = server.exchange(post("/pieces", "")).await;
    assert!(
        answer.contains("content-type: text/event-stream; charset=utf-8\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn stopping_gently_finishes_what_is_under_way_and_closes_what_is_idle() {
    let server = start(Duration::from_secs(60)).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();

    let exchange = server.exchange(post("/slow", "done"));
    let stopping = async {
        server.echo.arrived.notified().await;
        server.stop.gently();
        server.echo.go.notify_one();
    };
    let (answer, ()) = tokio::join!(exchange, stopping);
    assert!(answer.ends_with("done"), "{answer}");
    assert_eq!(server.task.await.unwrap(), Drained::Clean);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_is_cut_and_counted() {
    let server = start(Duration::from_millis(50)).await;
    let exchange = server.exchange(post("/slow", "never"));
    let stopping = async {
        server.echo.arrived.notified().await;
        server.stop.gently();
    };
    let (answer, ()) = tokio::join!(exchange, stopping);
    assert_eq!(answer, "");
    assert_eq!(server.task.await.unwrap(), Drained::Cut(1));
}

#[tokio::test]
async fn stopping_at_once_waits_for_nothing() {
    let server = start(Duration::from_secs(3600)).await;
    let exchange = server.exchange(post("/slow", "never"));
    let stopping = async {
        server.echo.arrived.notified().await;
        server.stop.at_once();
    };
    let (answer, ()) = tokio::join!(exchange, stopping);
    assert_eq!(answer, "");
    assert_eq!(server.task.await.unwrap(), Drained::Cut(1));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let limits = Limits {
        stall: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = start_with(Duration::from_secs(3600), limits).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket
        .write_all(post("/endless", "").as_bytes())
        .await
        .unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    // The client reads no further, and still the server comes to its end.
    server.stop.gently();
    assert_eq!(server.task.await.unwrap(), Drained::Clean);
}
