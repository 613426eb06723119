//! A network in memory: TCP's rules, and at every point where TCP leaves it open what a seed says.
//!
//! ```text
//!     write ─► [ flying ] ── arrive ──► [ arrived ] ─► read        one direction of a connection
//!               FIN, RST ─┘                └─► an event, when it is let through
//! ```
//!
//! What holds, as on Linux: a read that gives less than was asked for has emptied the socket, a
//! write that takes less has filled it, and an event comes when that changes (edge-triggered,
//! several in one). An RST leaves what has arrived before it to be read; its error is told once, to
//! whichever call comes first, and a read then gives 0. A socket closed with bytes unread, or after
//! [`Stream::set_linger`], sends RST. Everything else is open: how much arrives when, which event comes
//! in which order and how late, whether a call is interrupted.
//!
//! One thread at a time has a network: [`Net::install`] makes it the one that [`connect`] and [`listen`] use.

mod calls;
mod end;
mod here;
mod listener;
mod stream;
mod weather;

use core::fmt;
use core::net::SocketAddr;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dice::Dice;
use end::{Connecting, End, News};
use listener::Listening;

pub use calls::Calls;
pub use here::{connect, connect_path, listen, listen_on_path, path_of};
pub use listener::Listener;
pub use stream::{Closing, Family, Stream};
pub use weather::Weather;

/// Whose a socket is; the world runs one program at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Host {
    /// Applications, at both ends: nothing fails for them.
    Apps,
    /// The program `adit`.
    Client,
    /// The program `aditd`.
    Server,
}

/// What an event says of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// From [`Stream::register`].
    pub token: usize,
    /// A read may give something.
    pub readable: bool,
    /// A write may take something.
    pub writable: bool,
    /// FIN or RST is here.
    pub read_closed: bool,
    /// An error waits to be told.
    pub error: bool,
}

/// What happens to one direction of one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tamper {
    /// One bit of the byte at this place is turned over.
    Flip {
        /// Which byte.
        at: u64,
        /// 0 to 7.
        bit: u32,
    },
    /// FIN instead of the byte at this place and all behind it.
    Fin(u64),
    /// RST, to both, instead.
    Reset(u64),
    /// Nothing any more.
    Silence(u64),
}

/// When a connection that can be made is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Begins {
    AtOnce,
    Later,
}

impl From<bool> for Begins {
    fn from(at_once: bool) -> Self {
        match at_once {
            true => Self::AtOnce,
            false => Self::Later,
        }
    }
}

/// The network. Copies are the same one.
#[derive(Clone)]
pub struct Net(Arc<Mutex<Inner>>);

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

struct Inner {
    dice: Dice,
    weather: Weather,
    running: Host,
    /// The two of a connection are next to each other: 2n and 2n + 1.
    ends: Vec<End>,
    listeners: Vec<Listening>,
    /// Where nothing arrives.
    lost: Vec<SocketAddr>,
    /// Calls that moved or told something.
    progress: u64,
}

impl Net {
    /// No sockets yet.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            dice: Dice::new(seed),
            weather,
            running: Host::Apps,
            ends: Vec::new(),
            listeners: Vec::new(),
            lost: Vec::new(),
            progress: 0,
        })))
    }

    /// From now on.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Who makes the calls from now on.
    pub fn run_as(&self, host: Host) {
        self.lock().running = host;
    }

    /// Calls that moved or told something, so far.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.lock().progress
    }

    /// Listens.
    #[must_use]
    pub fn listen(&self, address: SocketAddr) -> Listener {
        let mut inner = self.lock();
        let host = inner.running;
        inner.listeners.push(Listening::new(host, address));
        let at = inner.listeners.len() - 1;
        drop(inner);
        Listener::new(self.clone(), at, address)
    }

    /// From now on whoever connects to there hears nothing, not even that nobody is there.
    pub fn lose(&self, address: SocketAddr) {
        self.lock().lost.push(address);
    }

    /// Begins to connect, as the system call would.
    ///
    /// # Errors
    /// Nobody listens there, or chance has it so.
    pub fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        let at_once = {
            let mut inner = self.lock();
            let at_once = inner.weather.at_once;
            inner.dice.one_in(at_once)
        };
        self.begin(address, at_once.into())
    }

    fn connect_path(&self, path: &Path) -> io::Result<Stream> {
        let address = here::address_of(path).ok_or(ErrorKind::NotFound)?;
        let is_full = {
            let mut inner = self.lock();
            let (host, full) = (inner.running, inner.weather.full);
            host != Host::Apps && inner.dice.one_in(full)
        };
        if is_full {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.begin(address, Begins::AtOnce).map(Stream::on_path)
    }

    fn begin(&self, address: SocketAddr, begins: Begins) -> io::Result<Stream> {
        let mut inner = self.lock();
        let (host, weather) = (inner.running, inner.weather);
        let calm = host == Host::Apps;
        let listener = inner.listeners.iter().position(|l| l.is_at(address));
        let theirs = listener.map_or(Host::Apps, |at| inner.listening(at).host());
        let refused = !calm && theirs == Host::Apps && inner.dice.one_in(weather.refused);
        let lost = inner.lost.contains(&address);
        let at_once = !lost && (calm || begins == Begins::AtOnce);
        if at_once && (refused || listener.is_none()) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let id = inner.ends.len();
        let room = match (host, theirs) {
            (Host::Apps, _) | (_, Host::Apps) => weather.room,
            _ => weather.link_room,
        };
        inner.ends.push(End::new(host, room));
        inner.ends.push(End::new(theirs, room));
        match listener.filter(|_| !refused) {
            _ if lost => inner.end(id).connecting = Connecting::Lost,
            Some(at) if at_once => inner.queue(at, id + 1),
            listener => inner.end(id).connecting = Connecting::Begun(listener),
        }
        drop(inner);
        Ok(Stream::new(self.clone(), id))
    }

    /// The same, from an address of one's own choice.
    ///
    /// # Errors
    /// As [`Net::connect`].
    pub fn connect_from(&self, from: SocketAddr, to: SocketAddr) -> io::Result<Stream> {
        let stream = self.connect(to)?;
        self.lock().end(stream.id() ^ 1).from = Some(from);
        Ok(stream)
    }

    /// Harms what is on its way to this end. Ends have numbers: who connects, and who is connected
    /// to, in the order of connections.
    pub fn tamper(&self, reader: usize, tamper: Tamper) {
        self.lock().end(reader).tamper = Some(tamper);
    }

    /// Whether that has happened.
    #[must_use]
    pub fn is_harmed(&self) -> bool {
        self.lock().ends.iter().any(|end| end.is_harmed)
    }

    /// The system finds out that connections have fallen silent (SO_KEEPALIVE). Whether any had.
    pub fn time_out(&self) -> bool {
        let mut inner = self.lock();
        let silent = (0..inner.ends.len()).filter(|id| inner.end_ref(*id).is_silenced());
        let silent: Vec<usize> = silent.collect();
        for id in &silent {
            inner.end(*id).time_out();
        }
        !silent.is_empty()
    }

    /// Lets something that is on its way arrive. `false`: nothing is.
    pub fn arrive(&self) -> bool {
        let mut inner = self.lock();
        let ready: Vec<usize> = (0..inner.ends.len())
            .filter(|id| inner.end_ref(*id).is_expecting())
            .collect();
        if ready.is_empty() {
            return false;
        }
        let id = inner.dice.pick(&ready);
        inner.arrive(id);
        true
    }

    /// Events for a host, in any order; not all that there are.
    #[must_use]
    pub fn events(&self, host: Host) -> Vec<Told> {
        let mut inner = self.lock();
        let weather = inner.weather;
        let mut told = Vec::new();
        for id in 0..inner.ends.len() {
            let spurious = inner.dice.one_in(weather.spurious);
            let news = match inner.dice.one_in(weather.late) {
                true => News::Later,
                false => News::Now,
            };
            let chance = inner.dice.next();
            let room_there = inner.end_ref(id ^ 1).free();
            let end = inner.end(id);
            if end.host != host || end.is_closed {
                continue;
            }
            if let Some(event) = end.take_event(room_there, news, spurious.then_some(chance)) {
                told.push(event);
            }
        }
        for listening in inner.listeners.iter_mut().filter(|l| l.host() == host) {
            told.extend(listening.take_event());
        }
        inner.dice.shuffle(&mut told);
        told
    }

    /// Whether an event waits for somebody of this host.
    #[must_use]
    pub fn has_events(&self, host: Host) -> bool {
        let inner = self.lock();
        let mut ends = inner.ends.iter();
        ends.any(|end| end.host == host && end.has_event())
            || inner
                .listeners
                .iter()
                .any(|l| l.host() == host && l.has_event())
    }

    /// Sockets of a host that are not closed.
    #[must_use]
    pub fn open_sockets(&self, host: Host) -> usize {
        let inner = self.lock();
        let open = |end: &&End| end.host == host && end.is_taken && !end.is_closed;
        inner.ends.iter().filter(open).count()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn end(&mut self, id: usize) -> &mut End {
        self.ends.get_mut(id).expect("an end")
    }

    fn end_ref(&self, id: usize) -> &End {
        self.ends.get(id).expect("an end")
    }

    fn listening(&self, at: usize) -> &Listening {
        self.listeners.get(at).expect("a listener")
    }

    fn queue(&mut self, at: usize, id: usize) {
        self.listeners.get_mut(at).expect("a listener").queue(id);
    }

    /// Whether this call is interrupted: one of the programs', never an application's.
    fn is_interrupted(&mut self, id: usize) -> bool {
        let one_in = self.weather.interrupted;
        self.end_ref(id).host != Host::Apps && self.dice.one_in(one_in)
    }

    /// What is on its way to this end gets nearer.
    fn arrive(&mut self, id: usize) {
        self.progress += 1;
        if let Connecting::Begun(listener) = self.end_ref(id).connecting {
            let end = self.end(id);
            match listener {
                Some(at) => {
                    end.connecting = Connecting::Done;
                    end.wake();
                    self.queue(at, id ^ 1);
                }
                None => end.refuse(),
            }
            return;
        }
        let piece = self.weather.piece.max(1);
        let most = self.end_ref(id).flying.len();
        let n = match self.dice.below(4) {
            0 => 1,
            1 => self.dice.between(1, most.max(1)),
            _ => most,
        };
        let end = self.end(id);
        let broken = end.take_in(n.min(piece));
        if broken {
            self.end(id ^ 1).is_reset_coming = true;
        }
    }
}

/// Bytes on their way, or here.
type Bytes = VecDeque<u8>;
