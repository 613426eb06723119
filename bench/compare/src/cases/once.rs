//! What a program needs to start and to be there.

use std::fs;
use std::io;
use std::thread::sleep;

use crate::cases::{SETTLED, Turn, figures};
use crate::lab::free_port;
use crate::peers::{Cipher, Peer, words};
use crate::process::output;
use crate::tunnel::{Server, Tunnel};
use crate::world::World;

pub fn first_byte(turn: &mut Turn<'_>) -> io::Result<()> {
    starts(turn, |peer| peer, "")
}

pub fn of_sshd(turn: &mut Turn<'_>) -> io::Result<()> {
    starts(turn, |_| Peer::OpenSsh, figures::SSHD)
}

fn starts(turn: &mut Turn<'_>, server: fn(Peer) -> Peer, whose: &str) -> io::Result<()> {
    let world = turn.world;
    let cipher = |peer: Peer| peer.nearest(Cipher::Aes128Gcm);
    let start = |turn: &Turn<'_>| Server::start(world, server(turn.peer), cipher(turn.peer));
    turn.in_slices(start, |turn, server| {
        let listen = free_port()?;
        let forwards = [(listen, world.targets.echo)];
        // The load starts it, and so on its own core: what would put it there is a program that has to
        // start as well, which takes most of a millisecond.
        let (host, cipher) = (&world.place.host, cipher(turn.peer));
        let client = turn
            .peer
            .client(world.lab, host, server.port, cipher, &forwards);
        let done = world.load(&format!("first 127.0.0.1:{listen} {}", client.join(" ")))?;
        turn.keep(&figures::first_byte(whose), done.of("ms"));
        turn.keep(&figures::first_byte_cpu(whose), done.of("cpu_ms"));
        Ok(())
    })
}

/// One session, one connection come and gone.
pub fn resident(turn: &mut Turn<'_>) -> io::Result<()> {
    resident_of(turn, turn.world, figures::IDLE)?;
    match turn.lab.of_static() {
        Some(lab) if turn.peer == Peer::Adit => {
            let world = World::new(&lab, turn.world.place.clone(), turn.world.cores)?;
            resident_of(turn, &world, figures::IDLE_STATIC)
        }
        Some(_) | None => Ok(()),
    }
}

fn resident_of(turn: &mut Turn<'_>, world: &World<'_>, figure: &str) -> io::Result<()> {
    let cipher = turn.peer.nearest(Cipher::Aes128Gcm);
    let tunnel = Tunnel::start(world, turn.peer, cipher, &[world.targets.echo])?;
    world.load(&format!("rate {} 0 1", tunnel.client.to(0)))?;
    sleep(SETTLED);
    let ends = figures::ends(figure);
    for (figure, kib) in ends.iter().zip(tunnel.resident()) {
        turn.keep(figure, kib * 1024.0 / 1e6);
    }
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
    let size = fs::metadata(&stripped)?.len();
    turn.keep(figures::SIZE, size as f64 / 1e6);
    Ok(())
}
