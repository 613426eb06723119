//! Writing and reading the messages that a busy session has most of.

use std::hint::black_box;

use adit_proto::msg::{
    ChannelData, ChannelDataHead, ChannelOpen, ChannelWindowAdjust, DIRECT_TCPIP, DirectTcpip,
};
use adit_proto::{Decode, Encode, Rest, Writer};

use crate::{say, seconds_each};

/// The most that one message carries.
const DATA: usize = 32 * 1024;

pub fn measure() {
    let data = vec![7; DATA];
    // Its length is written where its data already are: the data themselves are not copied.
    let head = ChannelDataHead {
        recipient_channel: 7,
        data_len: DATA as u32,
    };
    say(
        "encode the head of CHANNEL_DATA",
        seconds_each(|| {
            black_box(black_box(head).to_bytes());
        }),
    );
    both_ways(
        "CHANNEL_DATA of 32 KiB",
        &ChannelData {
            recipient_channel: 7,
            data: &data,
        },
    );
    both_ways(
        "CHANNEL_DATA of 1 byte",
        &ChannelData {
            recipient_channel: 7,
            data: b"!",
        },
    );
    let adjust = ChannelWindowAdjust {
        recipient_channel: 7,
        bytes_to_add: 1 << 20,
    };
    both_ways("CHANNEL_WINDOW_ADJUST", &adjust);
    let destination = DirectTcpip {
        host_to_connect: b"db.example",
        port_to_connect: 5432,
        originator_ip_address: b"127.0.0.1",
        originator_port: 40_000,
    };
    let destination = encoded(&destination);
    both_ways(
        "CHANNEL_OPEN",
        &ChannelOpen {
            channel_type: DIRECT_TCPIP,
            sender_channel: 7,
            initial_window_size: 1 << 16,
            maximum_packet_size: 1 << 15,
            data: Rest(&destination),
        },
    );
}

fn both_ways<T: Encode + Same>(what: &str, message: &T) {
    let bytes = encoded(message);
    let mut out = vec![0; bytes.len()];
    say(
        &format!("encode {what}"),
        seconds_each(|| {
            black_box(message).encode(&mut Writer::new(black_box(&mut out)));
        }),
    );
    say(
        &format!("decode {what}"),
        seconds_each(|| T::read(black_box(&bytes))),
    );
}

fn encoded(message: &impl Encode) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    message.encode(&mut Writer::new(&mut out));
    out
}

/// Reads a message of the same kind, whatever it borrows from.
trait Same {
    fn read(bytes: &[u8]);
}

macro_rules! same {
    ($($message:ty),*) => {
        $(impl Same for $message {
            fn read(bytes: &[u8]) {
                black_box(<$message>::decode(bytes).is_ok());
            }
        })*
    };
}

same!(ChannelData<'_>, ChannelWindowAdjust, ChannelOpen<'_>);
