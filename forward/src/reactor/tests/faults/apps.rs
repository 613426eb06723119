//! The applications at both ends of a tunnel: what they send, what they must get, and when what
//! they get is wrong.

use std::io::{ErrorKind, Read, Write};

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
}

/// What an application does once it has moved so many bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whim {
    None,
    CloseAt(usize),
    ResetAt(usize),
}

/// One end of a forwarded connection.
#[derive(Debug)]
pub(super) struct App {
    pub(super) stream: Option<Stream>,
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
        let writes_first = dice.one_in(2);
        let mut moved = writes_first && self.write(dice);
        moved = moved || self.read(other, dice) || self.write(dice);
        // One that still has a whim waits for it only while the stream goes on.
        if self.ended.is_some() && (self.finished || self.ended == Some(Ended::Broken)) {
            self.stream = None;
        }
        moved
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
