//! The applications at both ends of a tunnel: what they send, what they must get, and when what
//! they get is wrong.

use core::net::SocketAddrV4;
use std::io::{self, ErrorKind, Read, Write};

use adit_testkit::dice::Dice;
use adit_testkit::net::Closing;
use adit_testkit::net::Stream;

use super::Manners;

/// How a stream ended for who reads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    /// With FIN.
    Cleanly,
    /// With an error.
    Broken,
    /// Before there was a connection.
    Unanswered,
}

/// What an application does once it has moved so many bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whim {
    None,
    CloseAt(usize),
    ResetAt(usize),
}

/// What comes before the stream itself: a request for a connection, and what is said to it.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    to_say: Vec<u8>,
    to_hear: usize,
    heard: Vec<u8>,
}

/// SOCKS4: version, CONNECT, port, address, and an empty user.
pub(super) fn socks4(to: SocketAddrV4) -> Greeting {
    let (port, ip) = (to.port().to_be_bytes(), to.ip().octets());
    Greeting {
        to_say: [&[4, 1][..], &port, &ip, &[0]].concat(),
        to_hear: 8,
        heard: Vec::new(),
    }
}

impl Greeting {
    /// The answer was that there is no connection.
    fn is_refused(&self) -> bool {
        self.heard.len() == self.to_hear && self.heard.get(1) == Some(&91)
    }

    fn is_over(&self) -> bool {
        self.to_say.is_empty() && self.heard.len() == self.to_hear
    }

    /// Says or hears some of it. `None`: it is over, or broke off.
    fn step(&mut self, stream: &mut Stream, dice: &mut Dice) -> Option<io::Result<usize>> {
        if !self.to_say.is_empty() {
            let n = dice.between(1, self.to_say.len());
            let said = stream.write(self.to_say.get(..n)?);
            self.to_say.drain(..*said.as_ref().unwrap_or(&0));
            return Some(said);
        }
        if self.is_over() {
            return None;
        }
        let mut space = vec![0; self.to_hear - self.heard.len()];
        let heard = stream.read(&mut space);
        let n = *heard.as_ref().unwrap_or(&0);
        self.heard.extend(space.get(..n)?);
        Some(heard)
    }
}

/// One end of a forwarded connection.
#[derive(Debug)]
pub(super) struct App {
    pub(super) stream: Option<Stream>,
    greeting: Greeting,
    number: usize,
    way: usize,
    to_send: usize,
    pub(super) sent: usize,
    pub(super) got: usize,
    pub(super) ended: Option<Ended>,
    /// It has sent FIN behind all that it had.
    pub(super) finished: bool,
    /// Its own doing: reset, or closed before the end.
    pub(super) abrupt: bool,
    /// It was closed, which may be a clean end or not.
    closed: bool,
    whim: Whim,
}

/// The byte that belongs at this place.
fn byte(number: usize, way: usize, at: usize) -> u8 {
    let x = (at as u64 / 251) ^ (at as u64).wrapping_mul(0x9e37_79b9);
    (x ^ (x >> 13) ^ (number as u64 * 57) ^ (way as u64 * 101)).to_le_bytes()[0]
}

impl App {
    pub(super) fn new(
        number: usize,
        way: usize,
        bytes: usize,
        manners: Manners,
        dice: &mut Dice,
    ) -> Self {
        let to_send = dice.between(0, bytes);
        let at = dice.between(0, bytes * 2);
        let whim = match (manners, dice.below(4)) {
            (Manners::Mixed, 0) => Whim::CloseAt(at),
            (Manners::Mixed, 1) => Whim::ResetAt(at),
            (Manners::Mixed | Manners::Orderly, _) => Whim::None,
        };
        Self {
            stream: None,
            greeting: Greeting::default(),
            number,
            way,
            to_send,
            sent: 0,
            got: 0,
            ended: None,
            finished: false,
            abrupt: false,
            closed: false,
            whim,
        }
    }

    /// It asks for its connection first.
    pub(super) fn greeting(self, greeting: Greeting) -> Self {
        Self { greeting, ..self }
    }

    /// Nothing is left for it to do.
    pub(super) fn is_over(&self) -> bool {
        self.stream.is_none() && (self.ended.is_some() || self.abrupt)
    }

    /// Does something, if it can. What it reads is compared with what `other` sent.
    pub(super) fn step(&mut self, other: &Self, dice: &mut Dice) -> bool {
        if self.stream.is_none() {
            return false;
        }
        match self.whim {
            Whim::CloseAt(at) if self.sent + self.got >= at => {
                self.abrupt = true;
                self.closed = true;
                self.stream = None;
                return true;
            }
            Whim::ResetAt(at) if self.sent + self.got >= at => {
                self.abrupt = true;
                self.stream.take().unwrap().set_linger(Closing::Reset);
                return true;
            }
            Whim::None | Whim::CloseAt(_) | Whim::ResetAt(_) => {}
        }
        if !self.greeting.is_over() {
            return self.greet(dice);
        }
        let writes_first = dice.one_in(2);
        let mut moved = writes_first && self.write(dice);
        moved = moved || self.read(other, dice) || self.write(dice);
        // One that still has a whim waits for it only while the stream goes on.
        if self.ended.is_some() && (self.finished || self.ended == Some(Ended::Broken)) {
            self.stream = None;
        }
        moved
    }

    fn greet(&mut self, dice: &mut Dice) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let ended = match self.greeting.step(stream, dice) {
            Some(Err(e)) if e.kind() == ErrorKind::WouldBlock => return false,
            Some(Err(_)) => Some(Ended::Broken),
            // No answer at all is no connection that ended in order.
            Some(Ok(0)) => Some(Ended::Unanswered),
            Some(Ok(_)) if self.greeting.is_refused() => Some(Ended::Unanswered),
            Some(Ok(_)) | None => None,
        };
        if ended.is_some() {
            self.ended = ended;
            self.stream = None;
        }
        true
    }

    fn write(&mut self, dice: &mut Dice) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        if self.finished || self.ended == Some(Ended::Broken) {
            return false;
        }
        let left = self.to_send - self.sent;
        if left == 0 {
            // An application that is gone on the other side makes this fail, which is no matter.
            let _ = stream.shutdown();
            self.finished = true;
            return true;
        }
        let n = left.min(dice.pick(&[1, 50, 3000, 20_000]));
        let bytes: Vec<u8> = (self.sent..self.sent + n)
            .map(|at| byte(self.number, self.way, at))
            .collect();
        match stream.write(&bytes) {
            Ok(n) => self.sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => self.ended = Some(Ended::Broken),
        }
        true
    }

    fn read(&mut self, other: &Self, dice: &mut Dice) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        if self.ended.is_some() || dice.one_in(3) {
            return false; // it has other things to do
        }
        let mut space = vec![0; dice.pick(&[1, 100, 40_000])];
        match stream.read(&mut space) {
            Ok(0) => {
                assert!(
                    (other.finished || other.closed) && self.got == other.sent,
                    "connection {}: a clean end after {} of {} bytes\n{self:?}\n{other:?}",
                    self.number,
                    self.got,
                    other.sent
                );
                self.ended = Some(Ended::Cleanly);
            }
            Ok(n) => {
                for (i, got) in space.iter().take(n).enumerate() {
                    let at = self.got + i;
                    assert!(at < other.sent, "connection {}: too much", self.number);
                    let expected = byte(self.number, other.way, at);
                    assert!(
                        *got == expected,
                        "connection {}: byte {at} is {got}, not {expected}",
                        self.number
                    );
                }
                self.got += n;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => self.ended = Some(Ended::Broken),
        }
        true
    }
}
