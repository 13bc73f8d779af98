//! The handle on a running simulator.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};
use tokio_util::sync::CancellationToken;

use crate::{bill::BillLine, record::RecordedRequest, script::Script, server, service::Service};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

/// A simulator that runs until it is dropped.
#[derive(Debug)]
pub struct Sim {
    address: SocketAddr,
    service: Arc<Service>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// Starts a simulator on a free port of 127.0.0.1.
///
/// It has a thread of its own, so a test that blocks does not stop it.
///
/// # Errors
///
/// Fails when no port can be had, or no thread.
pub async fn start(script: Script) -> io::Result<Sim> {
    start_on(0, script).await
}

/// Starts a simulator on `port` of 127.0.0.1; 0 takes a free one.
///
/// # Errors
///
/// Fails when the port is in use, or no thread can be had.
pub async fn start_on(port: u16, script: Script) -> io::Result<Sim> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bound = {
        let _inside = runtime.enter();
        listen(port)
    };
    let (listener, address) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            // Dropping it here would block, which the caller's own runtime forbids.
            runtime.shutdown_background();
            return Err(error);
        }
    };
    let service = Arc::new(Service::new(script));
    let stop = CancellationToken::new();
    let (served, stopped) = (Arc::clone(&service), stop.clone());
    let run = move || {
        let serve = server::run(listener, served);
        runtime.block_on(stopped.run_until_cancelled(serve));
    };
    let thread = thread::Builder::new()
        .name("bedrock-sim".to_owned())
        .spawn(run)?;
    Ok(Sim {
        address,
        service,
        stop,
        thread: Some(thread),
    })
}

impl Sim {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What Bedrock would charge, in the order in which the answers began.
    pub fn bill(&self) -> Vec<BillLine> {
        self.service.bill.lines()
    }

    /// Empties the bill.
    pub fn clear_bill(&self) {
        self.service.bill.clear();
    }

    /// The newest requests, oldest first: at most [`Script::keep_requests`].
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.records.all()
    }

    /// Replaces the script; requests that have begun go on under the old one.
    pub fn set_script(&self, script: Script) {
        self.service.play(script);
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the server was printed by its own thread already.
            drop(thread.join());
        }
    }
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
