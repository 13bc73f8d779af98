//! The stretch of wire between gateways and their database, on which things can go wrong.

use std::{
    collections::HashSet,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime,
    sync::{oneshot, watch},
    task::JoinSet,
};

mod notifications;

use notifications::{Filter, is_plain_question};

/// A wire that passes everything on to wherever the server is now.
///
/// It lives on a thread of its own: what we measure must not wait for what carries it.
#[derive(Debug)]
pub(crate) struct Wire {
    address: String,
    state: watch::Sender<State>,
    listeners: Listeners,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    target: String,
    /// Whether notifications get through to the gateways.
    notifies: bool,
}

/// Our ports to the server on whose connections a gateway has asked for notifications.
type Listeners = Arc<Mutex<HashSet<u16>>>;

/// How a gateway asks for them.
const LISTEN: &[u8] = b"LISTEN ";

impl Wire {
    /// Leads to `target`, as `host:port`.
    pub(crate) fn to(target: &str) -> io::Result<Self> {
        let listener = StdListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address: SocketAddr = listener.local_addr()?;
        let (state, watched) = watch::channel(State {
            target: target.to_owned(),
            notifies: true,
        });
        let listeners = Listeners::default();
        let noted = Arc::clone(&listeners);
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("rig-wire".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, watched, noted) => {}
                        // Also when the wire is dropped, which drops the sender.
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address: address.to_string(),
            state,
            listeners,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where to connect, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Leads new connections elsewhere.
    pub(crate) fn lead_to(&self, target: &str) {
        self.state
            .send_modify(|state| state.target = target.to_owned());
    }

    /// Our ports on the connections that listen for notifications now, as the server sees them.
    pub(crate) fn listeners(&self) -> Vec<u16> {
        let listeners = self.listeners.lock();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.iter().copied().collect()
    }

    /// Whether notifications get through, on connections that are open as on new ones.
    pub(crate) fn let_notifications_through(&self, through: bool) {
        self.state.send_modify(|state| state.notifies = through);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed by itself already.
            drop(thread.join());
        }
    }
}

/// The `host:port` of a database's URL.
pub(crate) fn host_and_port(url: &str) -> &str {
    let after_user = url.rsplit('@').next().unwrap_or_default();
    after_user.split('/').next().unwrap_or_default()
}

async fn serve(listener: StdListener, state: watch::Receiver<State>, listeners: Listeners) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    while let Ok((gateway, _)) = listener.accept().await {
        connections.spawn(pass(gateway, state.clone(), Arc::clone(&listeners)));
        while connections.try_join_next().is_some() {}
    }
}

/// However a connection ends, both sides see it close.
async fn pass(gateway: TcpStream, state: watch::Receiver<State>, listeners: Listeners) {
    let target = state.borrow().target.clone();
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (Ok(()), Ok(()), Ok(from)) = (
        gateway.set_nodelay(true),
        server.set_nodelay(true),
        server.local_addr(),
    ) else {
        return;
    };
    let (from_gateway, to_gateway) = gateway.into_split();
    let (from_server, to_server) = server.into_split();
    let (tell, told) = watch::channel(None);
    let note_listener = || {
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.insert(from.port());
    };
    tokio::select! {
        _ = ask(from_gateway, to_server, tell, note_listener) => {}
        _ = answer(from_server, to_gateway, told, state) => {}
    }
    let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.remove(&from.port());
}

/// Passes on what the gateway says; tells the other direction what its first words are, and
/// whoever wants to know when it asks for notifications.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    tell: watch::Sender<Option<bool>>,
    note_listener: impl Fn(),
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        let said = piece.get(..read).unwrap_or_default();
        if said.is_empty() {
            return Ok(());
        }
        tell.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(is_plain_question(said));
            is_first
        });
        if said.windows(LISTEN.len()).any(|words| words == LISTEN) {
            note_listener();
        }
        to.write_all(said).await?;
    }
}

/// Passes on what the server says, without notifications while they do not get through.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut first_words: watch::Receiver<Option<bool>>,
    state: watch::Receiver<State>,
) -> io::Result<()> {
    let asked = first_words.wait_for(Option::is_some).await;
    let one_byte_first = asked.ok().and_then(|words| *words).unwrap_or(false);
    let mut filter = Filter::new(one_byte_first);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        let said = piece.get(..read).unwrap_or_default();
        if said.is_empty() {
            return Ok(());
        }
        let notifies = state.borrow().notifies;
        to.write_all(&filter.pass(said, notifies)).await?;
    }
}
