//! The channel table: what a message costs among few and among very many channels.

use std::hint::black_box;
use std::time::Duration;

use adit_connection::{Accepts, ChannelId, Channels, Event, Limits};
use adit_proto::msg::{ChannelClose, ChannelData, ChannelOpen, DIRECT_TCPIP, DirectTcpip};
use adit_proto::{Encode, Rest, Writer};

use crate::{say, seconds_each};

const COUNTS: [usize; 3] = [1, 1000, 10_000];
const NOW: Duration = Duration::from_secs(1);
/// More than is sent in the time.
const PEER_WINDOW: u32 = u32::MAX;
const DATA: usize = 1024;

pub fn measure() {
    for count in COUNTS {
        let mut channels = Channels::new(Limits::SERVER, Accepts::Direct);
        let ids: Vec<ChannelId> = (0..count).map(|_| open(&mut channels)).collect();
        let data = vec![0; DATA];
        let messages: Vec<Vec<u8>> = ids
            .iter()
            .map(|id| {
                encoded(&ChannelData {
                    recipient_channel: id.number(),
                    data: &data,
                })
            })
            .collect();
        let mut turns = ids.iter().zip(&messages).cycle();
        let seconds = seconds_each(|| {
            let (_, message) = turns.next().expect("a cycle has no end");
            let Ok(Event::Data { id, range }) = channels.handle(message, NOW) else {
                unreachable!("data arrives")
            };
            channels.delivered(id, range.len(), NOW);
            while channels.has_message() {
                black_box(channels.poll_message(NOW));
            }
        });
        say(
            &format!("data of 1 KiB handled and delivered, of {count} channels"),
            seconds,
        );
        let mut turns = ids.iter().cycle();
        let seconds = seconds_each(|| {
            let id = *turns.next().expect("a cycle has no end");
            black_box(channels.grant(id));
            channels.sent(id, 1);
        });
        say(&format!("grant and sent, of {count} channels"), seconds);
        let seconds = seconds_each(|| {
            let id = open(&mut channels);
            let close = ChannelClose {
                recipient_channel: id.number(),
            };
            assert_eq!(
                channels.handle(&encoded(&close), NOW),
                Ok(Event::Closed(id))
            );
            channels.release(id);
            while channels.has_message() {
                black_box(channels.poll_message(NOW));
            }
        });
        say(
            &format!("opened and closed, beside {count} channels"),
            seconds,
        );
    }
}

/// One that the peer asks for and gets.
fn open(channels: &mut Channels) -> ChannelId {
    let destination = DirectTcpip {
        host_to_connect: b"127.0.0.1",
        port_to_connect: 80,
        originator_ip_address: b"127.0.0.1",
        originator_port: 40_000,
    };
    let message = ChannelOpen {
        channel_type: DIRECT_TCPIP,
        sender_channel: 7,
        initial_window_size: PEER_WINDOW,
        maximum_packet_size: 1 << 15,
        data: Rest(&encoded(&destination)),
    };
    let Ok(Event::OpenAsked { id, .. }) = channels.handle(&encoded(&message), NOW) else {
        unreachable!("a channel is asked for")
    };
    channels.accept(id);
    while channels.has_message() {
        black_box(channels.poll_message(NOW));
    }
    id
}

fn encoded(message: &impl Encode) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    message.encode(&mut Writer::new(&mut out));
    out
}
