//! A peer that does anything that it may, in any order, and holds the session to the same: to every
//! window, to the order of messages on a channel, to silence while keys change, to each byte once.

mod hear;
mod line;

use std::cell::Cell;

use adit_connection::Limits;
use adit_crypto::Provider;
use adit_testkit::dice::Dice;
use adit_testkit::scripted::channels::{Channel, Sizes, adjust, confirmation, data, open};
use adit_testkit::scripted::{REKEY_TIME, Role, Script, Scripted, Step, minimal, string};
use adit_testkit::{on_every_provider, seeds, toy};

use line::{Application, End, Line, Stage, TO_APPLICATION, TO_PEER, piece};

const WINDOWS: [u32; 8] = [0, 1, 100, 5000, 100_000, 1 << 20, 1 << 31, u32::MAX];
const PACKETS: [u32; 5] = [32, 33, 1000, 1 << 15, u32::MAX];
/// Little enough to be used up.
const LIMITS: Limits = Limits {
    max_channels: 16,
    window_budget: 300_000,
};
/// Channels at a time.
const LINES: usize = 6;

/// What the victim may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keys {
    Settled,
    /// Its KEXINIT was heard: the exchange alone, until its NEWKEYS.
    Change,
}

/// The peer's, to a channel that the victim asked for.
enum Answer {
    Confirm,
    Refuse,
}

struct World {
    role: Role,
    peer: Scripted,
    /// What is on its way to the victim.
    flight: Vec<u8>,
    lines: Vec<Line>,
    own: u32,
    keys: Keys,
    /// Global requests and PINGs that wait for an answer.
    globals: usize,
    pings: usize,
    /// Bytes that have gone both ways on channels that are over.
    passed: usize,
}

impl World {
    fn new(role: Role, provider: &'static Provider) -> Self {
        let mut script = Script::new(role, provider);
        script.setup.limits = LIMITS;
        // As small as may be: one packet of the largest.
        script.setup.buffers.recv = 0;
        Self {
            role,
            peer: Scripted::at(&script, Step::Login),
            flight: Vec::new(),
            lines: Vec::new(),
            own: 100,
            keys: Keys::Settled,
            globals: 0,
            pings: 0,
            passed: 0,
        }
    }

    fn send(&mut self, message: &[u8]) {
        let frame = self.peer.frame(message);
        let bytes = self.peer.sealed(frame);
        self.flight.extend(bytes);
    }

    /// What is on its way arrives, in pieces of that length.
    fn arrive(&mut self, len: usize) {
        for piece in std::mem::take(&mut self.flight).chunks(len) {
            self.peer.send_raw(piece);
        }
        self.hear();
    }

    /// A client opens a channel, whichever end that is.
    fn open(&mut self, sizes: Sizes) {
        if self.lines.len() == LINES {
            return;
        }
        self.own += 1;
        let mut line = Line::new(self.own, sizes);
        match self.role {
            Role::Server => self.send(&open(self.own, sizes)),
            Role::Client => line.channel = Some(self.peer.ask(self.own)),
        }
        self.lines.push(line);
    }

    /// The peer's answer to a channel of the victim's that it has heard of.
    fn answer(&mut self, at: usize, answer: Answer) {
        let line = &mut self.lines[at];
        if self.role == Role::Server || line.stage != Stage::Asked || line.packet == 0 {
            return;
        }
        let number = line.number();
        let message = match answer {
            Answer::Confirm => {
                line.stage = Stage::Open;
                confirmation(number, line.own, line.theirs)
            }
            Answer::Refuse => {
                line.stage = Stage::Refused;
                minimal(92, number)
            }
        };
        self.send(&message);
    }

    fn send_data(&mut self, at: usize, len: usize) {
        let line = &mut self.lines[at];
        if !line.is_open() || line.said != End::Open {
            return;
        }
        let most = line.window.min(line.packet);
        let len = u32::try_from(len).unwrap().min(most);
        let bytes = piece(TO_APPLICATION, line.sent, len as usize);
        line.sent += bytes.len();
        line.window -= len;
        let number = line.number();
        self.send(&data(number, &bytes));
    }

    fn send_adjust(&mut self, at: usize, n: u32) {
        let line = &mut self.lines[at];
        if !line.is_open() {
            return;
        }
        let n = n.min(u32::MAX - line.theirs.initial_window_size);
        line.theirs.initial_window_size += n;
        let number = line.number();
        self.send(&adjust(number, n));
    }

    fn send_end(&mut self, at: usize, end: End) {
        let line = &mut self.lines[at];
        if !line.is_open() || line.said >= end {
            return;
        }
        line.said = end;
        if end == End::Close {
            // RFC 4254 §5.4 wants answers on channels that are there.
            line.requests = 0;
        }
        let number = if end == End::Eof { 96 } else { 97 };
        let message = minimal(number, line.number());
        self.send(&message);
    }

    fn send_request(&mut self, at: usize) {
        let line = &mut self.lines[at];
        if !line.is_open() || line.hears == End::Close {
            return;
        }
        line.requests += 1;
        let number = line.number().to_be_bytes();
        self.send(&[&[98][..], &number, &string(b"x"), &[1]].concat());
    }

    /// Something that the victim's application does.
    fn apply(&mut self, at: usize, what: usize, n: usize) {
        let line = &mut self.lines[at];
        let Some(Channel { id, .. }) = line.channel else {
            return;
        };
        let Some(local) = self.peer.victim.locals.get_mut(&id) else {
            return;
        };
        let socket = &mut local.socket;
        match what {
            0..=2 if line.application == Application::Writes => {
                socket.to_read.extend(piece(TO_PEER, line.written, n));
                line.written += n;
            }
            3 if line.application == Application::Writes => {
                socket.read_closed = true;
                line.application = Application::HasEnded;
            }
            4 => socket.room = Some(n),
            5 | 6 => socket.room = None,
            7 => socket.at_most = Some(n.max(1)),
            8 => socket.at_most = None,
            9 => {
                self.peer.victim.release(id);
                line.application = Application::Gone;
                // Of one that was given up before it was asked for, nothing is ever heard.
                if line.stage == Stage::Asked && line.packet == 0 {
                    line.stage = Stage::Refused;
                }
            }
            10 => {
                socket.broken = Some(std::io::ErrorKind::ConnectionReset);
                line.application = Application::Gone;
            }
            _ => {}
        }
        self.peer.run();
    }

    /// Keys change, whoever has begun.
    fn rekey(&mut self) {
        self.arrive(usize::MAX);
        self.peer.rekey();
        self.hear();
        assert_eq!(self.keys, Keys::Settled);
    }

    fn step(&mut self, dice: &mut Dice) {
        let sizes = Sizes {
            initial_window_size: dice.pick(&WINDOWS),
            maximum_packet_size: dice.pick(&PACKETS),
        };
        let what = dice.below(40);
        let n = dice.pick(&[0, 1, 31, 500, 3000, 40_000]);
        match what {
            0 | 1 => self.open(sizes),
            2 if self.keys == Keys::Settled => self.peer.wait(REKEY_TIME),
            2..=4 if self.keys == Keys::Change || dice.one_in(4) => self.rekey(),
            5 => {
                self.send(&[&[80][..], &string(b"x"), &[1]].concat());
                self.globals += 1;
            }
            6 => {
                self.send(&minimal(192, 0));
                self.pings += 1;
            }
            _ if self.lines.is_empty() => self.open(sizes),
            _ => {
                let at = dice.below(self.lines.len());
                match what {
                    7..=9 => self.answer(
                        at,
                        if dice.one_in(4) {
                            Answer::Refuse
                        } else {
                            Answer::Confirm
                        },
                    ),
                    10..=15 => self.send_data(at, n),
                    16..=19 => self.send_adjust(at, sizes.initial_window_size),
                    20 => self.send_end(at, End::Eof),
                    21 => self.send_end(at, End::Close),
                    22 => self.send_request(at),
                    _ => self.apply(at, dice.below(40), n),
                }
            }
        }
        self.hear();
        let pieces = [0, 0, 500, 5000, usize::MAX];
        match dice.pick(&pieces) {
            0 => {}
            len => self.arrive(len),
        }
    }

    /// Everybody goes, and nothing is left.
    fn end(mut self) -> usize {
        self.arrive(usize::MAX);
        if self.keys == Keys::Change {
            self.rekey();
        }
        for at in 0..self.lines.len() {
            self.answer(at, Answer::Confirm);
            self.apply_to_own(at);
        }
        self.arrive(usize::MAX);
        assert_eq!(self.globals, 0);
        let own: Vec<_> = self.lines.iter().map(|line| line.own).collect();
        for own in own {
            let at = self.lines.iter().position(|line| line.own == own);
            self.send_end(at.unwrap(), End::Close);
            self.arrive(usize::MAX);
        }
        // Every CLOSE has been answered.
        assert!(self.lines.is_empty(), "{:?}", self.lines);
        let channels = self.peer.victim.session.channels();
        assert!(channels.is_empty());
        assert_eq!(channels.left(), LIMITS.window_budget);
        self.passed
    }

    /// The application takes what there is for it.
    fn apply_to_own(&mut self, at: usize) {
        for what in [5, 8] {
            self.apply(at, what, 0);
        }
    }
}

/// How many bytes have passed.
fn walk(role: Role, seed: u64, provider: &'static Provider) -> usize {
    let mut dice = Dice::new(seed);
    let mut world = World::new(role, provider);
    for _ in 0..400 {
        world.step(&mut dice);
    }
    world.end()
}

fn whatever_a_peer_may_do_adit_does_what_it_may(provider: &'static Provider) {
    let (short, long) = if provider.name == toy::PROVIDER.name {
        (20, 3000)
    } else {
        (4, 300)
    };
    let passed = Cell::new(0);
    seeds::each(short, long, |seed| {
        let both = Role::BOTH.map(|role| walk(role, seed, provider));
        passed.set(passed.get() + both.iter().sum::<usize>());
    });
    assert!(passed.get() > 0);
}

on_every_provider! { whatever_a_peer_may_do_adit_does_what_it_may }
