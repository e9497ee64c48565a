//! A line to a node that drops when a test wants it to.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long the line looks for a caller before it looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(5);

/// What the line lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Open,
    /// Nothing: callers are hung up on.
    Away,
    /// So many bytes to the node on each connection, then the connection breaks.
    CutTowardsNode(usize),
    /// So many bytes from the node on each connection, then the connection breaks.
    CutFromNode(usize),
    /// Everything to the node, and nothing back, while the connection stays.
    Deaf,
}

struct Shared {
    state: Mutex<State>,
    node: Mutex<SocketAddr>,
    connections: Mutex<Vec<TcpStream>>,
    done: AtomicBool,
}

/// A line between callers and a node. Dropping it breaks all connections.
pub struct Line {
    shared: Arc<Shared>,
    url: String,
    listening: Option<thread::JoinHandle<()>>,
}

impl Line {
    /// An open line to a node at `http://ADDRESS`.
    pub fn to(node_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener.set_nonblocking(true).expect("a listener can poll");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Open),
            node: Mutex::new(address_of(node_url)),
            connections: Mutex::default(),
            done: AtomicBool::new(false),
        });
        let listening = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.listen(&listener)
        });
        Self {
            shared,
            url: format!("http://{address}"),
            listening: Some(listening),
        }
    }

    /// Where callers find it; the same for ever.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it is so; connections there were, break.
    pub fn set(&self, state: State) {
        *lock(&self.shared.state) = state;
        self.shared.hang_up();
    }

    /// The node has another address now.
    pub fn lead_to(&self, node_url: &str) {
        *lock(&self.shared.node) = address_of(node_url);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Release);
        self.shared.hang_up();
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn address_of(node_url: &str) -> SocketAddr {
    let address = node_url.strip_prefix("http://").unwrap_or(node_url);
    address.parse().expect("a node prints its address")
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while !self.done.load(Ordering::Acquire) {
            match listener.accept() {
                Ok((caller, _)) => self.connect(caller),
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    fn connect(&self, caller: TcpStream) {
        let state = *lock(&self.state);
        let (towards, from) = match state {
            State::Away => return,
            State::Open => (usize::MAX, usize::MAX),
            State::CutTowardsNode(bytes) => (bytes, usize::MAX),
            State::CutFromNode(bytes) => (usize::MAX, bytes),
            State::Deaf => (usize::MAX, 0),
        };
        let node = *lock(&self.node);
        // A node that is gone hangs up.
        let Ok(node) = TcpStream::connect(node) else {
            return;
        };
        for stream in [&caller, &node] {
            stream.set_nonblocking(false).expect("a stream can wait");
            // A cut at each byte must be one at each byte of the sender.
            stream.set_nodelay(true).expect("a stream can be prompt");
            lock(&self.connections).push(stream.try_clone().expect("a stream can be cloned"));
        }
        let twins = (
            caller.try_clone().expect("a stream can be cloned"),
            node.try_clone().expect("a stream can be cloned"),
        );
        let holds = state == State::Deaf;
        thread::spawn(move || pass(caller, node, towards, false));
        thread::spawn(move || pass(twins.1, twins.0, from, holds));
    }

    fn hang_up(&self) {
        for stream in lock(&self.connections).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on so many bytes, then breaks the connection, or swallows the rest.
fn pass(mut source: TcpStream, mut sink: TcpStream, mut left: usize, holds: bool) {
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        let passed = count.min(left);
        left -= passed;
        if sink.write_all(&buffer[..passed]).is_err() {
            break;
        }
        if left == 0 && !holds {
            break;
        }
    }
    for stream in [source, sink] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
