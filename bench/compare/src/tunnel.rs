//! A client and a server with a tunnel between them.

use std::io;
use std::path::Path;

use crate::lab::{free_port, free_ports};
use crate::peers::{Cipher, Forward, Peer, words};
use crate::process::Process;
use crate::world::{End, World};

/// A server that listens.
pub struct Server {
    pub process: Process,
    pub port: u16,
    peer: Peer,
}

impl Server {
    pub fn start(world: &World<'_>, peer: Peer, cipher: Cipher) -> io::Result<Self> {
        Self::start_with(world, peer, cipher, "")
    }

    /// With more options, in its own words.
    pub fn start_with(
        world: &World<'_>,
        peer: Peer,
        cipher: Cipher,
        more: &str,
    ) -> io::Result<Self> {
        let port = free_port()?;
        let mut argv = peer.server(world.lab, &world.place.host, port, cipher);
        argv.extend(words(more));
        let log = world.lab.path(&format!("{peer}.server.log"));
        let mut process = Process::start(&world.placed(End::Server, argv), Path::new(&log))?;
        process
            .wait_listening(port)
            .map_err(|error| said(&error, &log))?;
        Ok(Self {
            process,
            port,
            peer,
        })
    }

    /// What starts a client of it, wherever it is started.
    pub fn client_argv(
        &self,
        world: &World<'_>,
        client: Peer,
        cipher: Cipher,
        forwards: &[Forward],
    ) -> Vec<String> {
        client.client(world.lab, &world.place.host, self.port, cipher, forwards)
    }
}

/// A client whose forwards stand.
pub struct Client {
    pub process: Process,
    listen: Vec<u16>,
}

impl Client {
    /// With a forward to each of the targets.
    pub fn start(
        world: &World<'_>,
        server: &Server,
        cipher: Cipher,
        targets: &[u16],
    ) -> io::Result<Self> {
        let listen = free_ports(targets.len())?;
        let forwards: Vec<Forward> = listen
            .iter()
            .copied()
            .zip(targets.iter().copied())
            .collect();
        let argv = server.client_argv(world, server.peer, cipher, &forwards);
        let argv = world.placed(End::Client, argv);
        let log = world.lab.path(&format!("{}.client.log", server.peer));
        let mut process = Process::start(&argv, Path::new(&log))?;
        for port in &listen {
            process
                .wait_listening(*port)
                .map_err(|error| said(&error, &log))?;
        }
        Ok(Self { process, listen })
    }

    /// The address of its forward to the target with that number.
    pub fn to(&self, target: usize) -> String {
        let port = self.listen.get(target).copied().unwrap_or_default();
        format!("127.0.0.1:{port}")
    }
}

fn said(error: &io::Error, log: &str) -> io::Error {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    io::Error::other(format!("{error}\n{text}"))
}

/// Both, of one kind, with what they use.
pub struct Tunnel {
    pub client: Client,
    pub server: Server,
}

impl Tunnel {
    pub fn start(
        world: &World<'_>,
        peer: Peer,
        cipher: Cipher,
        targets: &[u16],
    ) -> io::Result<Self> {
        let server = Server::start(world, peer, cipher)?;
        let client = Client::start(world, &server, cipher, targets)?;
        Ok(Self { client, server })
    }

    /// CPU seconds of the client and of the server.
    pub fn cpu(&self) -> [f64; 2] {
        [self.client.process.cpu(), self.server.process.cpu()]
    }

    /// Resident KiB of the client and of the server.
    pub fn resident(&self) -> [f64; 2] {
        [
            self.client.process.resident(),
            self.server.process.resident(),
        ]
    }

    /// Of both, since then.
    pub fn cpu_since(&self, before: [f64; 2]) -> [f64; 2] {
        since(self.cpu(), before)
    }
}

/// By how much each has grown.
pub fn since([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a - c, b - d]
}
