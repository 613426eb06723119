//! One channel as the peer keeps account of it (RFC 4254 §5): what either end may still say.

use adit_testkit::scripted::Scripted;
use adit_testkit::scripted::channels::{Channel, Sizes};

/// Byte `at` of what goes one way. Neighbours differ, and so do the two ways.
pub(super) fn byte(way: u8, at: usize) -> u8 {
    let [low, high, ..] = at.to_le_bytes();
    low.wrapping_mul(37) ^ high.wrapping_mul(101) ^ way
}

/// A piece of that.
pub(super) fn piece(way: u8, at: usize, len: usize) -> Vec<u8> {
    (at..at + len).map(|at| byte(way, at)).collect()
}

pub(super) const TO_PEER: u8 = 0;
pub(super) const TO_APPLICATION: u8 = 0x5a;

/// Whether the two ends know of each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// One of them waits for the other's word.
    Asked,
    Open,
    /// It never came to be.
    Refused,
}

/// What the victim's application does with its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Application {
    Writes,
    /// It writes no more.
    HasEnded,
    /// It is gone, or its connection broke.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) own: u32,
    pub(super) channel: Option<Channel>,
    pub(super) stage: Stage,
    pub(super) application: Application,
    /// What the peer may send, and at most in one message.
    pub(super) window: u32,
    pub(super) packet: u32,
    /// What the victim may send.
    pub(super) theirs: Sizes,
    /// Bytes that the peer has sent, that it has heard, and that the application has written.
    pub(super) sent: usize,
    pub(super) heard: usize,
    pub(super) written: usize,
    /// Of what the peer has sent, what the application has taken.
    taken: usize,
    /// What the peer has said, and heard, last of all.
    pub(super) said: End,
    pub(super) hears: End,
    /// Requests that wait for an answer.
    pub(super) requests: usize,
}

/// How far one direction has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum End {
    Open,
    Eof,
    Close,
}

impl Line {
    pub(super) const fn new(own: u32, theirs: Sizes) -> Self {
        Self {
            own,
            channel: None,
            stage: Stage::Asked,
            application: Application::Writes,
            window: 0,
            packet: 0,
            theirs,
            sent: 0,
            heard: 0,
            written: 0,
            taken: 0,
            said: End::Open,
            hears: End::Open,
            requests: 0,
        }
    }

    /// Whether the peer may say something about it.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.said < End::Close
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Refused || (self.said == End::Close && self.hears == End::Close)
    }

    pub(super) fn number(&self) -> u32 {
        self.channel.unwrap().number()
    }

    /// Data of the victim.
    pub(super) fn hear_data(&mut self, data: &[u8]) {
        assert_eq!((self.stage, self.hears), (Stage::Open, End::Open));
        let len = u32::try_from(data.len()).unwrap();
        assert!(len > 0 && len <= self.theirs.maximum_packet_size.min(32 << 10));
        let left = self.theirs.initial_window_size.checked_sub(len);
        self.theirs.initial_window_size = left.expect("a window");
        assert_eq!(data, piece(TO_PEER, self.heard, data.len()));
        self.heard += data.len();
        assert!(self.heard <= self.written);
    }

    /// EOF or CLOSE of the victim.
    pub(super) fn hear_end(&mut self, end: End) {
        assert!(self.stage == Stage::Open && self.hears < end);
        let is_whole = self.application == Application::HasEnded && self.heard == self.written;
        if end == End::Eof {
            // Whatever was written has been heard before.
            assert!(is_whole || self.application == Application::Gone);
            assert!(self.heard == self.written || self.application == Application::Gone);
        } else {
            // Nobody closes what is still in use.
            let both = self.said >= End::Eof && self.hears == End::Eof;
            assert!(both || self.said == End::Close || self.application == Application::Gone);
        }
        self.hears = end;
    }

    /// What the application has taken is what the peer has sent, so far as it goes, and all of it
    /// where nothing is `underway`. How much it has not taken.
    pub(super) fn check_taken(&mut self, peer: &mut Scripted, underway: &[u8]) -> usize {
        let Some(channel) = self.channel else {
            return 0;
        };
        let Some(local) = peer.victim.locals.get_mut(&channel.id) else {
            return 0;
        };
        let new = std::mem::take(&mut local.socket.written);
        assert_eq!(new, piece(TO_APPLICATION, self.taken, new.len()));
        self.taken += new.len();
        assert!(self.taken <= self.sent);
        let takes_all = local.socket.room.is_none() && self.application != Application::Gone;
        if takes_all && underway.is_empty() {
            assert_eq!(self.taken, self.sent);
        }
        self.sent - self.taken
    }
}
