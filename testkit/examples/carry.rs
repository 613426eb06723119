//! Two sessions in memory at work, for `.ci/instructions` to count what that costs: `carry KIND`.
//!
//! Ciphers, sockets and the wire are not what is counted. Their calls are named here, so that the
//! counter can leave them out: the functions of [`outside`], and the toy's `seal` and `open`. It
//! counts from the entry of [`counted`] to its end.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a measurement, not a library"
)]

use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use adit_connection::ChannelId;
use adit_crypto::Provider;
use adit_forward::relay::{self, Locals, Outlet, Pull};
use adit_forward::session::{Event, Session};
use adit_forward::{Error, Spill};
use adit_testkit::kinds;
use adit_testkit::pair::{Pair, Setup};
use adit_testkit::toy;

/// Moved by `bulk` in each direction.
const BULK: usize = 64 << 20;
/// Channels of `small`, each of which sends one byte in each turn.
const CHANNELS: u32 = 1000;
/// Turns of `small`, and those before that are not counted.
const TURNS: usize = 10;
/// Connections of `connections`, one after the other.
const CONNECTIONS: usize = 2000;
/// The way holds what both buffers hold.
const WIRE: usize = 2 << 20;

/// What stands for the kernel.
mod outside {
    /// An application's socket is read.
    #[inline(never)]
    pub(super) fn read(space: &mut [u8], left: &mut usize, most: usize) -> std::io::Result<usize> {
        let n = space.len().min(most).min(*left);
        if n == 0 {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        *left -= n;
        Ok(n)
    }

    /// A socket takes what it is given.
    #[inline(never)]
    pub(super) fn write(wire: &mut Vec<u8>, bytes: &[u8]) {
        assert!(wire.len() + bytes.len() <= wire.capacity(), "a full wire");
        wire.extend_from_slice(bytes);
    }

    /// An application takes what it is given.
    #[inline(never)]
    pub(super) fn take(taken: &mut usize, slices: &[std::io::IoSlice<'_>]) -> usize {
        let n = slices.iter().map(|slice| slice.len()).sum();
        *taken += n;
        n
    }

    /// The peer's socket is read.
    #[inline(never)]
    pub(super) fn arrive(wire: &[u8], space: &mut [u8]) -> usize {
        let n = space.len().min(wire.len());
        let (to, from) = (space.get_mut(..n), wire.get(..n));
        to.zip(from).map_or(0, |(to, from)| {
            to.copy_from_slice(from);
            n
        })
    }
}

/// An application that sends.
struct App {
    left: usize,
    most: usize,
}

impl Read for App {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        outside::read(space, &mut self.left, self.most)
    }
}

/// The way to the peer.
struct Wire(Vec<u8>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        outside::write(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices
            .iter()
            .for_each(|slice| outside::write(&mut self.0, slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Applications that take everything.
#[derive(Default)]
struct Takers {
    taken: Taken,
    spill: Spill,
    writable: bool,
    /// A channel that the peer opened, or that it confirmed.
    open: Option<ChannelId>,
    /// Channels that are over.
    closed: usize,
}

#[derive(Default)]
struct Taken(usize);

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(outside::take(&mut self.0, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Locals for Takers {
    type Sink = Taken;

    fn outlet(&mut self, _: ChannelId) -> Option<Outlet<'_, Taken>> {
        self.writable = true;
        Some(Outlet {
            sink: &mut self.taken,
            spill: &mut self.spill,
            writable: &mut self.writable,
        })
    }

    fn took(&mut self, _: ChannelId, _: usize) {}

    fn failed(&mut self, _: &mut Session, id: ChannelId, error: io::Error) {
        panic!("{id:?} takes everything: {error}");
    }

    fn event(&mut self, session: &mut Session, event: Event) -> Result<(), Error> {
        match event {
            Event::OpenAsked { id, .. } => session.accept(id),
            Event::OpenConfirmed(id) => self.open = Some(id),
            Event::Eof(id) => session.finish_sending(id),
            Event::Closed(id) => {
                session.release(id);
                self.closed += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

/// One end.
struct End {
    session: Session,
    wire: Wire,
    takers: Takers,
    now: Duration,
}

impl End {
    fn new(session: Session, now: Duration) -> Self {
        Self {
            session,
            wire: Wire(Vec::with_capacity(WIRE)),
            takers: Takers::default(),
            now,
        }
    }

    /// Whatever has arrived, fill by fill, and what is due after each.
    fn receive(&mut self, wire: &mut Wire) {
        let mut at = 0;
        while let Some(bytes) = wire.0.get(at..).filter(|bytes| !bytes.is_empty()) {
            let space = self.session.recv_space().expect("space to read to");
            let n = outside::arrive(bytes, space);
            at += n;
            self.session.recv_filled(n, self.now);
            relay::push(&mut self.session, self.now, &mut self.takers).expect("sound packets");
            self.send_due();
        }
        wire.0.clear();
    }

    fn send_due(&mut self) {
        while self.session.send_due(self.now).expect("room").is_some() {}
    }

    /// Seals what an application has, up to a full send buffer.
    fn pull(&mut self, id: ChannelId, app: &mut App) -> usize {
        let mut packets = 0;
        while let Pull::Moved { .. } = relay::pull(&mut self.session, id, app).expect("sound keys")
        {
            packets += 1;
        }
        packets
    }

    fn flush(&mut self) {
        relay::flush(&mut self.session, &mut self.wire).expect("a wire that takes everything");
    }
}

/// Both ends, and the channels that there are.
struct World {
    client: End,
    server: End,
    channels: Vec<(ChannelId, ChannelId)>,
}

impl World {
    fn new(channels: u32) -> Self {
        let provider: &'static Provider = Box::leak(Box::new(Provider {
            random: toy::random(1),
            ..toy::PROVIDER
        }));
        let mut setup = Setup::new(provider);
        setup.cipher = Some("aes128-gcm@openssh.com");
        setup.limits.max_channels = channels.max(setup.limits.max_channels);
        setup.limits.window_budget = 64 << 20;
        let mut pair = Pair::connected(&setup);
        for _ in 0..channels {
            pair.open();
            pair.run();
        }
        let sorted = |end: &adit_testkit::pair::End| {
            let mut ids: Vec<_> = end.locals.keys().copied().collect();
            ids.sort_by_key(|id| id.number());
            ids
        };
        // Opened one by one, so that both ends count alike.
        let channels = sorted(&pair.client).into_iter().zip(sorted(&pair.server));
        Self {
            channels: channels.collect(),
            client: End::new(pair.client.session, pair.now),
            server: End::new(pair.server.session, pair.now),
        }
    }

    /// What was sealed goes out and is read.
    fn exchange(&mut self) {
        self.client.flush();
        self.server.receive(&mut self.client.wire);
        self.server.flush();
        self.client.receive(&mut self.server.wire);
    }

    /// Each end seals what its applications have for each channel.
    fn turn(&mut self, apps: &mut [App; 2], refill: usize) -> usize {
        let mut packets = 0;
        let [near, far] = apps;
        for (client, server) in &self.channels {
            (near.left, far.left) = (near.left + refill, far.left + refill);
            packets += self.client.pull(*client, near);
            packets += self.server.pull(*server, far);
        }
        self.exchange();
        packets
    }

    /// One connection: opened, confirmed, one byte, both ends, gone.
    fn connection(&mut self) {
        let [direct_tcpip, ..] = kinds::CHANNELS;
        let id = self.client.session.open(direct_tcpip).expect("a channel");
        self.client.send_due();
        self.exchange();
        assert_eq!(self.client.takers.open.take(), Some(id), "confirmed");
        self.client.pull(id, &mut App { left: 1, most: 1 });
        self.client.session.finish_sending(id);
        self.client.send_due();
        self.exchange();
        self.exchange();
    }
}

/// The work that is counted. Says what it counted in, and how many there were.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> usize) -> usize {
    // Not its last call, or it would be over before the work is.
    black_box(work())
}

fn bulk() -> usize {
    let mut world = World::new(1);
    let mut carry = |bytes| {
        let mut apps = [(); 2].map(|()| App {
            left: bytes,
            most: relay::QUANTUM,
        });
        let mut packets = 0;
        while apps.iter().any(|app| app.left > 0) {
            packets += world.turn(&mut apps, 0);
        }
        packets
    };
    // The window grows.
    carry(BULK / 8);
    counted(&mut || carry(BULK))
}

fn small() -> usize {
    let mut world = World::new(CHANNELS);
    let mut apps = [(); 2].map(|()| App { left: 0, most: 1 });
    let mut carry = || (0..TURNS).map(|_| world.turn(&mut apps, 1)).sum();
    carry();
    counted(&mut carry)
}

fn connections() -> usize {
    let mut world = World::new(0);
    let mut carry = || {
        let before = world.client.takers.closed;
        (0..CONNECTIONS).for_each(|_| world.connection());
        assert_eq!(world.client.takers.closed - before, CONNECTIONS, "all over");
        CONNECTIONS
    };
    carry();
    counted(&mut carry)
}

fn main() -> ExitCode {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let n = match kind.as_str() {
        "bulk" => bulk(),
        "small" => small(),
        "connections" => connections(),
        _ => return ExitCode::FAILURE,
    };
    println!("{n}");
    ExitCode::SUCCESS
}
