//! What a program needs to start and to be there.

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::Duration;

use crate::cases::Turn;
use crate::lab::free_port;
use crate::peers::{Cipher, Peer, words};
use crate::process::output;
use crate::tunnel::{Server, Tunnel};

const STARTS: usize = 5;
const SETTLED: Duration = Duration::from_millis(300);

pub fn first_byte(turn: &mut Turn<'_>) -> io::Result<()> {
    starts(turn, turn.peer, "first byte")
}

pub fn first_byte_of_sshd(turn: &mut Turn<'_>) -> io::Result<()> {
    starts(turn, Peer::OpenSsh, "first byte from sshd")
}

fn starts(turn: &mut Turn<'_>, server: Peer, figure: &str) -> io::Result<()> {
    let (world, cipher) = (turn.world, turn.peer.nearest(Cipher::Aes128Gcm));
    let server = Server::start(world, server, cipher)?;
    for _ in 0..STARTS {
        let listen = free_port()?;
        let forwards = [(listen, world.targets.echo)];
        let argv = server
            .client_argv(world, turn.peer, cipher, &forwards)
            .join(" ");
        let done = world.load(&format!("first 127.0.0.1:{listen} {argv}"))?;
        turn.keep(&format!("{figure}, ms"), done.of("ms"));
        turn.keep(&format!("{figure}, client's CPU ms"), done.of("cpu_ms"));
    }
    Ok(())
}

/// One session, one connection come and gone.
pub fn resident(turn: &mut Turn<'_>) -> io::Result<()> {
    let (world, cipher) = (turn.world, turn.peer.nearest(Cipher::Aes128Gcm));
    let tunnel = Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])?;
    world.load(&format!("rate {} 1 1", tunnel.client.to(0)))?;
    sleep(SETTLED);
    let [client, server] = tunnel.resident();
    turn.keep("idle RSS MiB, client", client / 1024.0);
    turn.keep("idle RSS MiB, server", server / 1024.0);
    Ok(())
}

/// As installed, without symbols.
pub fn size(turn: &mut Turn<'_>) -> io::Result<()> {
    let lab = turn.lab;
    let client = match turn.peer {
        Peer::Adit => &lab.adit,
        Peer::OpenSsh => &lab.ssh,
        Peer::Russh => &lab.russh,
        Peer::Dropbear => &lab.dbclient,
        Peer::Plain => return Ok(()),
    };
    let stripped = lab.path("stripped");
    output(&words(&format!("strip -o {stripped} {client}")))?;
    turn.keep(
        "stripped client, MB",
        fs::metadata(&stripped)?.len() as f64 / 1e6,
    );
    Ok(())
}
