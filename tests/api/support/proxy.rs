//! A proxy in front of a database: it forwards, cuts connections, refuses them, or stalls.
//!
//! It has its own thread, because a starting service blocks its thread while it waits for the database.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as BlockingListener};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;

/// A proxy that ends with this value, and its connections with it.
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Refuse,
    Stall,
}

#[derive(Clone, Copy)]
struct State {
    mode: Mode,
    /// The number of times that all connections were cut.
    cuts: u64,
}

impl Proxy {
    /// Listens on a free port for `server`, a host and a port.
    pub fn before(server: &str) -> Self {
        let listener = BlockingListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State { mode: Mode::Pass, cuts: 0 });
        let server = server.to_owned();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(serve(listener, server, seen));
        });
        Self { address, state }
    }

    /// Where it listens: a host and a port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Closes every connection. New connections are accepted.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Closes every connection, and every new one.
    pub fn refuse(&self) {
        self.state.send_modify(|state| *state = State { mode: Mode::Refuse, cuts: state.cuts + 1 });
    }

    /// Keeps and accepts connections but forwards nothing.
    pub fn stall(&self) {
        self.state.send_modify(|state| state.mode = Mode::Stall);
    }

    /// Forwards again, including the data held back.
    pub fn pass(&self) {
        self.state.send_modify(|state| state.mode = Mode::Pass);
    }
}

async fn serve(listener: BlockingListener, server: String, seen: watch::Receiver<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut end = seen.clone();
    loop {
        let client = tokio::select! {
            client = listener.accept() => client.unwrap().0,
            // Fails when the proxy is dropped, which ends the loop.
            _ = end.wait_for(|_| false) => return,
        };
        let now = *seen.borrow();
        if now.mode != Mode::Refuse {
            tokio::spawn(forward(client, server.clone(), now.cuts, seen.clone()));
        }
    }
}

async fn forward(mut client: TcpStream, server: String, cuts: u64, seen: watch::Receiver<State>) {
    let mut cut = seen.clone();
    let forwarding = async {
        let Ok(mut server) = TcpStream::connect(server).await else { return };
        client.set_nodelay(true).and(server.set_nodelay(true)).unwrap();
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            () = pump(from_client, to_server, seen.clone()) => (),
            () = pump(from_server, to_client, seen.clone()) => (),
        }
    };
    tokio::select! {
        () = forwarding => (),
        _ = cut.wait_for(|state| state.cuts != cuts) => (),
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut seen: watch::Receiver<State>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if seen.wait_for(|state| state.mode != Mode::Stall).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}
