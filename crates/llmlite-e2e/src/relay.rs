//! A stretch of wire between the gateway and its database that a test can cut.

use std::{
    net,
    thread::{self, JoinHandle},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime,
    sync::{oneshot, watch},
    task::JoinSet,
};

/// It passes everything on until it is cut.
///
/// It lives on a thread of its own, so that all its connections are closed when it is dropped: the
/// test's runtime stands still by then, and a database would wait for whoever has not said hello.
#[derive(Debug)]
pub struct Relay {
    address: String,
    whole: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Leads to `target`, as `host:port`.
    pub(crate) fn to(target: &str) -> Self {
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (whole, state) = watch::channel(true);
        let (stop, stopped) = oneshot::channel();
        let target = target.to_owned();
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(async {
                tokio::select! {
                    () = listen(listener, target, state) => {}
                    // Also when the relay is dropped, which drops the sender.
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            whole,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where to connect, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Closes every connection, and each new one at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it has failed, the test has too, and in better words.
            drop(thread.join());
        }
    }
}

async fn listen(listener: net::TcpListener, target: String, state: watch::Receiver<bool>) {
    listener
        .set_nonblocking(true)
        .expect("a socket can be told not to block");
    let listener = TcpListener::from_std(listener).expect("a runtime takes a listening socket");
    let mut connections = JoinSet::new();
    while let Ok((from, _)) = listener.accept().await {
        connections.spawn(pass(from, target.clone(), state.clone()));
    }
}

async fn pass(mut from: TcpStream, target: String, mut state: watch::Receiver<bool>) {
    if !*state.borrow_and_update() {
        return;
    }
    let Ok(mut to) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        // However it ends, both sides see their connection close.
        _ = copy_bidirectional(&mut from, &mut to) => {}
        _ = state.wait_for(|whole| !whole) => {}
    }
}
