//! What carrying data costs: no allocation, one read for each packet at the sender, one write for
//! many packets, one write to the local side for each fill of the receive buffer, and no copy: what a
//! socket is read to is what is sealed and sent, and what a socket is given lies where it arrived.
//! Counted, by an allocator and by sockets that count and compare addresses.

use core::ops::Range;
use std::io::{self, IoSlice, Read, Write};

use adit_connection::ChannelId;
use adit_crypto::Provider;
use adit_forward::relay::{self, Locals, Outlet, Pull};
use adit_forward::session::{Event, Session};
use adit_forward::{Error, Spill};
use adit_testkit::on_every_provider;
use adit_testkit::pair::{Pair, Setup};
use adit_transport::Buffers;

use crate::gauge::{Memory, alone};

/// Where bytes lie.
fn place(bytes: &[u8]) -> Range<usize> {
    let at = bytes.as_ptr().addr();
    at..at + bytes.len()
}

fn is_within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// An application that always has more to send.
struct Endless {
    reads: usize,
    /// Where it was read to since this was last looked at.
    read_to: Vec<Range<usize>>,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        self.read_to.push(place(out));
        out.fill(0x5a);
        Ok(out.len())
    }
}

/// A path between the peers that holds what one flush gives it.
struct Wire {
    bytes: Vec<u8>,
    writes: usize,
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        assert!(self.bytes.len() + bytes.len() <= self.bytes.capacity());
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes += 1;
        for slice in slices {
            assert!(self.bytes.len() + slice.len() <= self.bytes.capacity());
            self.bytes.extend_from_slice(slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A destination that takes everything, from the receive buffer alone.
#[derive(Default)]
struct Sink {
    writes: usize,
    bytes: usize,
    buffer: Range<usize>,
}

impl Sink {
    /// The end of the receive buffer, which has all that it may have once it was filled.
    fn knows(&mut self, space: &[u8]) {
        let end = place(space).end;
        self.buffer = end - Buffers::default().recv..end;
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes += 1;
        for slice in slices {
            assert!(is_within(&place(slice), &self.buffer), "a copy");
        }
        let n = slices.iter().map(|slice| slice.len()).sum();
        self.bytes += n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct OneSink {
    sink: Sink,
    spill: Spill,
    writable: bool,
}

impl Locals for OneSink {
    type Sink = Sink;

    fn outlet(&mut self, _: ChannelId) -> Option<Outlet<'_, Sink>> {
        self.writable = true;
        Some(Outlet {
            sink: &mut self.sink,
            spill: &mut self.spill,
            writable: &mut self.writable,
        })
    }

    fn took(&mut self, _: ChannelId, _: usize) {}

    fn failed(&mut self, _: &mut Session, _: ChannelId, error: io::Error) {
        panic!("the sink takes everything: {error}");
    }

    fn event(&mut self, _: &mut Session, _: Event) -> Result<(), Error> {
        Ok(())
    }
}

fn carrying_data_copies_and_allocates_nothing_and_calls_the_system_as_little_as_possible(
    provider: &'static Provider,
) {
    let _alone = alone();
    for cipher in provider.ciphers {
        carry(provider, cipher.name(), cipher.mac());
    }
}

on_every_provider! {
    carrying_data_copies_and_allocates_nothing_and_calls_the_system_as_little_as_possible
}

fn carry(provider: &'static Provider, cipher: &'static str, mac: Option<&'static str>) {
    let mut setup = Setup::new(provider);
    setup.cipher = Some(cipher);
    setup.mac = mac;
    setup.limits.window_budget = 32 << 20;
    let mut pair = Pair::connected(&setup);
    let id = pair.open();
    pair.run();
    let (client, server, now) = (&mut pair.client.session, &mut pair.server.session, pair.now);
    let mut source = Endless {
        reads: 0,
        read_to: Vec::with_capacity(64),
    };
    let wire = || Wire {
        bytes: Vec::with_capacity(1 << 20),
        writes: 0,
    };
    let (mut there, mut back) = (wire(), wire());
    let (mut locals, mut nobody) = (OneSink::default(), OneSink::default());
    let (mut packets, mut fills, mut turns) = (0, 0, 0);
    let mut turn = |warm_up: bool| {
        while let Pull::Moved { .. } = relay::pull(client, id, &mut source).unwrap() {
            packets += usize::from(!warm_up);
        }
        let pending = client.send_pending().map(place);
        for read_to in source.read_to.drain(..) {
            let sent = pending.iter().any(|part| is_within(&read_to, part));
            // What is still growing moves what it has.
            assert!(sent || warm_up, "a copy");
        }
        relay::flush(client, &mut there).unwrap();
        turns += 1;
        fills += receive(server, &mut there, &mut locals, now);
        assert!(server.send_due(now).unwrap().is_none());
        relay::flush(server, &mut back).unwrap();
        receive(client, &mut back, &mut nobody, now);
        assert!(client.send_due(now).unwrap().is_none());
    };
    // The window grows, and what is taken once and kept is taken.
    for _ in 0..40 {
        turn(true);
    }
    // On a busy machine the runner's thread may still allocate, once, for the test before.
    let rounds = [(); 3].map(|()| {
        let memory = Memory::new();
        for _ in 0..40 {
            turn(false);
        }
        memory.allocations()
    });
    let name = format!("{} {cipher} {mac:?}", provider.name);
    assert!(rounds.contains(&0), "{name}: {rounds:?}");
    assert!(packets >= 200, "{name}: {packets} packets");
    assert!(
        there.writes <= turns,
        "{name}: {} writes, {turns} flushes",
        there.writes
    );
    assert!(
        locals.sink.writes <= fills,
        "{name}: {} writes, {fills} fills",
        locals.sink.writes
    );
    assert!(locals.spill.is_empty());
    assert_eq!(
        locals.sink.bytes,
        source.reads * relay::QUANTUM,
        "{name}: one read a packet"
    );
}

/// All that is on the wire, fill by fill. How many fills it took.
fn receive(
    session: &mut Session,
    wire: &mut Wire,
    locals: &mut OneSink,
    now: core::time::Duration,
) -> usize {
    let (mut at, mut fills) = (0, 0);
    while at < wire.bytes.len() {
        let space = session.recv_space().unwrap();
        locals.sink.knows(space);
        let n = space.len().min(wire.bytes.len() - at);
        space
            .get_mut(..n)
            .unwrap()
            .copy_from_slice(wire.bytes.get(at..at + n).unwrap());
        session.recv_filled(n, now);
        relay::push(session, now, locals).unwrap();
        (at, fills) = (at + n, fills + 1);
    }
    wire.bytes.clear();
    fills
}
