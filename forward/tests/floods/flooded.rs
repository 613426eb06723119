//! A session under a flood, turned as the event loop turns it, and what that costs.

use core::time::Duration;
use std::io::{self, ErrorKind, Write};
use std::time::Instant;

use adit_connection::{Limits, OpenKind};
use adit_crypto::Provider;
use adit_forward::Error;
use adit_forward::relay::{self, Locals, Pull};
use adit_proto::reason::OpenFailure;
use adit_testkit::scripted::{Role, Script, Scripted, Step, string};

use crate::app::{App, Takes};
use crate::gauge::Memory;
use crate::kinds::Kind;

/// What a flood came to so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Bytes that the session has read, and has sent.
    pub(crate) read: usize,
    pub(crate) sent: usize,
    /// Messages that it has sent.
    pub(crate) said: usize,
    pub(crate) allocations: usize,
    pub(crate) time: Duration,
}

/// See the module.
pub(crate) struct Flooded {
    pub(crate) peer: Scripted,
    pub(crate) app: App,
    pub(crate) reads: Takes,
    pub(crate) counts: Counts,
    /// The session's numbers of channels that it has confirmed.
    pub(crate) channels: Vec<u32>,
    /// What is on its way to the session.
    backlog: Vec<u8>,
    wire: Wire,
}

/// What is on its way from the session.
struct Wire {
    bytes: Vec<u8>,
    reads: Takes,
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes.capacity() - self.bytes.len();
        if self.reads == Takes::Nothing || room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The limits that the programs have.
pub(crate) const fn limits(role: Role) -> Limits {
    match role {
        Role::Client => Limits::CLIENT,
        Role::Server => Limits::SERVER,
    }
}

impl Flooded {
    /// Logged in, with one channel open.
    pub(crate) fn open(role: Role, provider: &'static Provider) -> Self {
        Self::open_with(role, provider, limits(role))
    }

    /// The same, with other limits.
    pub(crate) fn open_with(role: Role, provider: &'static Provider, limits: Limits) -> Self {
        let mut script = Script::new(role, provider);
        script.setup.limits = limits;
        let mut this = Self::at(&script, Step::Login);
        this.peer.open();
        this.peer.forget();
        this
    }

    pub(crate) fn at(script: &Script, step: Step) -> Self {
        let channels = script.setup.limits.max_channels as usize;
        Self {
            peer: Scripted::at(script, step),
            app: App::new(channels),
            reads: Takes::All,
            counts: Counts::default(),
            channels: Vec::with_capacity(channels),
            backlog: Vec::with_capacity(1 << 20),
            wire: Wire {
                bytes: Vec::with_capacity(1 << 20),
                reads: Takes::All,
            },
        }
    }

    /// Seals a message behind others.
    pub(crate) fn seal(&mut self, payload: &[u8], batch: &mut Vec<u8>) {
        let frame = self.peer.frame(payload);
        batch.extend(self.peer.sealed(frame));
    }

    /// The peer sends this. The session does all it can, fill by fill.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.backlog.extend_from_slice(bytes);
        self.wire.reads = self.reads;
        loop {
            let mut at = 0;
            let (memory, before) = (Memory::new(), Instant::now());
            let mut result = Ok(true);
            while matches!(result, Ok(true)) {
                result = self.turn(&mut at);
            }
            self.counts.time += before.elapsed();
            self.counts.allocations += memory.allocations();
            self.counts.read += at;
            self.backlog.drain(..at);
            let is_full = self.wire.bytes.len() == self.wire.bytes.capacity();
            self.hear();
            if result.is_err() || !is_full {
                return result.map(|_| ());
            }
        }
    }

    /// The peer hears what has come, and learns the numbers of channels that it gets.
    fn hear(&mut self) {
        self.counts.sent += self.wire.bytes.len();
        let before = self.peer.heard.len();
        // In pieces: the peer moves what it has not opened yet.
        for piece in self.wire.bytes.chunks(4096) {
            self.peer.hear(piece);
        }
        self.wire.bytes.clear();
        let new = self.peer.heard.iter().skip(before);
        self.counts.said += new.len();
        let confirmed = new.filter(|message| message[0] == 91);
        self.channels
            .extend(confirmed.map(|message| number_at(message, 5)));
    }

    /// The peer sends one message.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        self.seal(payload, &mut bytes);
        self.feed(&bytes)
    }

    /// The peer's part of a whole exchange, whoever began it.
    pub(crate) fn exchange(&mut self) -> Result<(), Error> {
        let kexinit = self.peer.kexinit_payload();
        self.exchange_from(&kexinit)
    }

    /// The same, from a KEXINIT that the peer knows to be its own.
    pub(crate) fn exchange_from(&mut self, kexinit: &[u8]) -> Result<(), Error> {
        self.send(kexinit)?;
        self.exchange_on()
    }

    /// The rest of one, behind the peer's KEXINIT.
    pub(crate) fn exchange_on(&mut self) -> Result<(), Error> {
        let share = self.peer.share_payload();
        self.send(&share)?;
        let mut newkeys = Vec::new();
        self.seal(&[21], &mut newkeys);
        self.peer.use_new_keys();
        self.feed(&newkeys)
    }

    /// So much each way that the session's buffers are as large as they get.
    pub(crate) fn fill_buffers(&mut self) {
        let payload = Kind::Ping(500).payload(self.peer.channel);
        for _ in 0..10 {
            let mut batch = Vec::new();
            for _ in 0..250 {
                self.seal(&payload, &mut batch);
            }
            self.feed(&batch).unwrap();
            self.peer.forget();
        }
    }

    /// What the session has not read yet.
    pub(crate) fn unread(&self) -> usize {
        self.backlog.len()
    }

    /// As the event loop's turn of a peer. Whether anything moved.
    fn turn(&mut self, at: &mut usize) -> Result<bool, Error> {
        let (session, now) = (&mut self.peer.victim.session, self.peer.now);
        let before = (*at, self.wire.bytes.len(), self.app.events, self.app.taken);
        relay::flush(session, &mut self.wire).unwrap();
        let left = &self.backlog[*at..];
        if !left.is_empty()
            && let Some(space) = session.recv_space()
        {
            let n = left.len().min(space.len());
            space[..n].copy_from_slice(&left[..n]);
            session.recv_filled(n, now);
            *at += n;
        }
        self.app.drain(session, now);
        relay::push(session, now, &mut self.app)?;
        while let Some(event) = session.send_due(now)? {
            self.app.event(session, event)?;
        }
        relay::flush(session, &mut self.wire).unwrap();
        let after = (*at, self.wire.bytes.len(), self.app.events, self.app.taken);
        Ok(before != after || session.can_go_on())
    }

    /// A client's session opens a channel, and the peer confirms it.
    pub(crate) fn open_one(&mut self) {
        let session = &mut self.peer.victim.session;
        let kind = OpenKind::DirectTcpip {
            host: b"localhost",
            port: 80,
            originator: b"127.0.0.1",
            originator_port: 4000,
        };
        let id = session.open(kind).unwrap().number();
        self.feed(&[]).unwrap();
        let numbers = [id, 7, 1 << 20, 1 << 15].map(u32::to_be_bytes).concat();
        self.send(&[&[91][..], &numbers].concat()).unwrap();
    }

    /// Applications that always have more to send, each with its turn until nothing moves. How many
    /// bytes that was.
    pub(crate) fn pull(&mut self) -> usize {
        let session = &mut self.peer.victim.session;
        let before = self.wire.bytes.len();
        self.wire.reads = self.reads;
        loop {
            let mut moved = false;
            for id in &self.app.open {
                let pulled = relay::pull(session, *id, &mut io::repeat(7));
                moved |= matches!(pulled.unwrap(), Pull::Moved { .. });
            }
            relay::flush(session, &mut self.wire).unwrap();
            if !moved {
                break;
            }
        }
        let sent = self.wire.bytes.len() - before;
        self.hear();
        sent
    }

    /// The clock goes on, and the session does what is due.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<(), Error> {
        self.peer.now += time;
        let now = self.peer.now;
        self.peer.victim.session.handle_timeout(now)?;
        self.feed(&[])
    }

    /// The peer reads no more than so many bytes.
    pub(crate) fn sip(&mut self, n: usize) {
        let session = &mut self.peer.victim.session;
        let [first, _] = session.send_pending();
        let n = n.min(first.len());
        self.wire.bytes.extend_from_slice(&first[..n]);
        session.send_consumed(n);
        self.hear();
    }

    /// The channels that wait are refused.
    pub(crate) fn decide(&mut self) {
        for id in core::mem::take(&mut self.app.waiting) {
            let session = &mut self.peer.victim.session;
            session.refuse(id, OpenFailure::ConnectFailed, "refused");
        }
    }

    /// The session answers, and its channel carries bytes.
    pub(crate) fn still_works(&mut self) {
        (self.reads, self.app.takes) = (Takes::All, Takes::All);
        self.feed(&[]).unwrap();
        assert_eq!(self.unread(), 0, "everything was read");
        self.peer.forget();
        let taken = self.app.taken;
        let mut batch = Vec::new();
        let ping = [&[192][..], &string(b"are you there?")].concat();
        self.seal(&ping, &mut batch);
        let channel = self.peer.channel.to_be_bytes();
        let data = [&[94][..], &channel, &string(b"data")].concat();
        self.seal(&data, &mut batch);
        self.feed(&batch).unwrap();
        let pong = [&[193][..], &string(b"are you there?")].concat();
        assert!(self.peer.heard.contains(&pong), "{:?}", self.peer.heard);
        assert_eq!(self.app.taken, taken + 4);
    }
}

/// `uint32` in a message.
pub(crate) fn number_at(message: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(*message[at..].first_chunk().unwrap())
}
