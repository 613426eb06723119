//! What the session says, and whether it may.

use adit_proto::Decode;
use adit_proto::msg::{
    ChannelData, ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, ChannelWindowAdjust,
};
use adit_testkit::scripted::Role;
use adit_testkit::scripted::channels::Channel;

use super::line::{End, Line, Stage};
use super::{Keys, LIMITS, World};

impl World {
    /// Everything that the victim has said.
    pub(super) fn hear(&mut self) {
        let alive = self.peer.victim.is_alive();
        assert!(alive, "{:?}", self.peer.victim.log.last());
        for message in std::mem::take(&mut self.peer.heard) {
            self.hear_one(&message);
        }
        let mut promised = 0;
        for line in &mut self.lines {
            let left = line.check_taken(&mut self.peer, &self.flight);
            promised += line.window as usize + left;
        }
        assert!(promised <= LIMITS.window_budget as usize, "{promised}");
        let (over, lines) = self.lines.drain(..).partition(Line::is_over);
        self.lines = lines;
        for line in over {
            self.end_line(line);
        }
    }

    /// What had arrived is taken, however late that is, and the application goes.
    fn end_line(&mut self, mut line: Line) {
        self.passed += line.heard.min(line.sent);
        let Some(Channel { id, .. }) = line.channel else {
            return;
        };
        if let Some(local) = self.peer.victim.locals.get_mut(&id) {
            local.socket.room = None;
            self.peer.run();
            line.check_taken(&mut self.peer, &self.flight);
            self.peer.victim.release(id);
        }
    }

    fn hear_one(&mut self, message: &[u8]) {
        match (self.keys, message[0]) {
            (Keys::Settled, 20) => self.keys = Keys::Change,
            (Keys::Change, 21) => self.keys = Keys::Settled,
            (Keys::Change, number) => assert!([30, 31].contains(&number), "{number}"),
            (Keys::Settled, 30 | 31) => {}
            (Keys::Settled, 81 | 82) => self.globals -= 1,
            (Keys::Settled, 193) => self.pings -= 1,
            // A sign of life that it asks for.
            (Keys::Settled, 192) => {}
            (Keys::Settled, 90) => self.hear_open(message),
            (Keys::Settled, 91..=100) => self.hear_channel(message),
            (Keys::Settled, number) => panic!("{number}"),
        }
    }

    fn hear_open(&mut self, message: &[u8]) {
        assert_eq!(self.role, Role::Client);
        let open = ChannelOpen::decode(message).unwrap();
        let number = open.sender_channel;
        let mut lines = self.lines.iter_mut();
        let line = lines.find(|line| line.stage == Stage::Asked && line.number() == number);
        let line = line.expect("a number that is nobody else's");
        (line.window, line.packet) = (open.initial_window_size, open.maximum_packet_size);
    }

    fn hear_channel(&mut self, message: &[u8]) {
        let own = u32::from_be_bytes(*message[1..].first_chunk().unwrap());
        let line = self.lines.iter_mut().find(|line| line.own == own);
        let line = line.unwrap_or_else(|| panic!("{message:?} is about no channel"));
        match message[0] {
            91 => {
                let confirmed = ChannelOpenConfirmation::decode(message).unwrap();
                assert_eq!((self.role, line.stage), (Role::Server, Stage::Asked));
                let (window, packet) =
                    (confirmed.initial_window_size, confirmed.maximum_packet_size);
                let mut ids = self.peer.victim.locals.keys();
                let id = ids.find(|id| id.number() == confirmed.sender_channel);
                line.channel = id.map(|id| Channel {
                    id: *id,
                    own,
                    window,
                    packet,
                });
                (line.window, line.packet, line.stage) = (window, packet, Stage::Open);
            }
            92 => {
                ChannelOpenFailure::decode(message).unwrap();
                assert_eq!((self.role, line.stage), (Role::Server, Stage::Asked));
                line.stage = Stage::Refused;
            }
            93 => {
                let more = ChannelWindowAdjust::decode(message).unwrap().bytes_to_add;
                assert!(line.hears < End::Close && more > 0);
                line.window = line.window.checked_add(more).expect("a window");
            }
            94 => line.hear_data(ChannelData::decode(message).unwrap().data),
            96 => line.hear_end(End::Eof),
            97 => line.hear_end(End::Close),
            100 => {
                assert!(line.hears < End::Close || line.said == End::Close);
                line.requests = line.requests.saturating_sub(1);
            }
            number => panic!("{number}"),
        }
    }
}
