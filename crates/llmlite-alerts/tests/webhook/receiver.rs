//! A receiver of webhooks on loopback, which shares no code with the sender.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

/// `whsec_` and 24 bytes, 0 to 23.
pub(crate) const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// What the receiver does about one request.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    Status(u16),
    HangUp,
    /// Says that it has it, and then talks until nobody listens.
    Endless,
}

/// One request, as it was received.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) timestamp: u64,
    pub(crate) is_signed: bool,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    fresh: mpsc::UnboundedReceiver<Got>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Answers requests with these, one each; a further one finds nobody.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/s3cret?a=b", listener.local_addr().unwrap());
        let replies: Vec<Reply> = replies.into_iter().collect();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (sender, fresh) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let list = Arc::clone(&got);
        tasks.spawn(async move {
            for reply in replies {
                let (socket, _) = listener.accept().await.unwrap();
                let mut socket = BufReader::new(socket);
                let request = read(&mut socket).await;
                list.lock().unwrap().push(request.clone());
                answer(&mut socket, reply).await;
                // Whoever waits for requests may have gone.
                sender.send(request).ok();
            }
        });
        Self {
            url,
            got,
            fresh,
            _tasks: tasks,
        }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) async fn next(&mut self) -> Got {
        self.fresh.recv().await.unwrap()
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Got {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    assert_eq!(lines[0], "POST /hooks/s3cret?a=b HTTP/1.1");
    let headers: BTreeMap<String, &str> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    assert_eq!(headers["content-type"], "application/json");
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    socket.read_exact(&mut body).await.unwrap();
    let signed = [
        headers["webhook-id"].as_bytes(),
        headers["webhook-timestamp"].as_bytes(),
        &body,
    ]
    .join(&b'.');
    let key: Vec<u8> = (0..24).collect();
    let expected = format!("v1,{}", BASE64_STANDARD.encode(hmac_sha256(&key, &signed)));
    Got {
        id: headers["webhook-id"].to_owned(),
        timestamp: headers["webhook-timestamp"].parse().unwrap(),
        is_signed: headers["webhook-signature"] == expected,
        body,
    }
}

/// HMAC as RFC 2104 spells it out, for keys shorter than a block.
fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

async fn answer(socket: &mut BufReader<TcpStream>, reply: Reply) {
    match reply {
        Reply::HangUp => {}
        Reply::Status(status) => {
            let answer = format!(
                "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:9/\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        Reply::Endless => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
            socket.write_all(head.as_bytes()).await.unwrap();
            let page = [b'x'; 4_096];
            while socket.write_all(&page).await.is_ok() {}
        }
    }
}
