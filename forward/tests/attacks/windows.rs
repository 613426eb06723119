//! Windows and packet sizes (RFC 4254 §5.2) at their ends: 0, 1, exactly full, one over, 2^32 - 1.

use adit_crypto::Provider;
use adit_testkit::on_every_provider;
use adit_testkit::scripted::channels::{Channel, Sizes, adjust, confirmation, data, open};
use adit_testkit::scripted::{Outcome, Role, Script, Scripted, Step, minimal};

const QUIET: Outcome = Outcome::Said(Vec::new());
const REFUSED: Outcome = Outcome::Refused(2);

/// Most that adit sends in one message, and takes.
const MESSAGE_MAX: usize = 32 << 10;

fn sizes(initial_window_size: u32, maximum_packet_size: u32) -> Sizes {
    Sizes {
        initial_window_size,
        maximum_packet_size,
    }
}

fn with_channel(role: Role, provider: &'static Provider, sizes: Sizes) -> (Scripted, Channel) {
    let mut peer = Scripted::at(&Script::new(role, provider), Step::Login);
    // In a slot that was another's, whose windows were small.
    let gone = peer.open_channel(1, self::sizes(1, 32));
    peer.send(&minimal(97, gone.number()));
    peer.victim.release(gone.id);
    let channel = peer.open_channel(7, sizes);
    assert_eq!(channel.id.index(), gone.id.index());
    peer.forget();
    (peer, channel)
}

/// Bytes of which no two that are near to each other are the same.
fn stream(len: usize) -> Vec<u8> {
    let rows = (0..=u8::MAX).cycle();
    let bytes = rows.flat_map(|row| (0..251).map(move |at| at ^ row));
    bytes.take(len).collect()
}

/// The victim's application has this to send.
fn write(peer: &mut Scripted, channel: Channel, bytes: &[u8]) {
    peer.local(channel).socket.to_read.extend(bytes);
    peer.run();
}

fn a_window_is_filled_to_its_last_byte_and_not_beyond(provider: &'static Provider) {
    const MAX: u32 = u32::MAX;
    let good: [(u32, &[u32]); 9] = [
        (0, &[0]),
        (0, &[1]),
        (0, &[MAX]),
        (0, &[MAX, 0]),
        (1, &[MAX - 1]),
        (1 << 31, &[(1 << 31) - 1]),
        (MAX - 1, &[1, 0]),
        (MAX, &[0, 0, 0]),
        (5, &[MAX - 6, 1]),
    ];
    for role in Role::BOTH {
        for (window, adjusts) in good {
            let (mut peer, channel) = with_channel(role, provider, sizes(window, 100));
            let mut left = window;
            for n in adjusts {
                assert_eq!(peer.answer_to(&adjust(channel.number(), *n)), QUIET);
                left += n;
            }
            // One more than there is room for, and then what makes room.
            if let Some(over) = (MAX - left).checked_add(1) {
                let (mut other, channel) = with_channel(role, provider, sizes(left, 100));
                assert_eq!(other.answer_to(&adjust(channel.number(), over)), REFUSED);
            }
            let n = left.min(70);
            let sent = stream(n as usize);
            write(&mut peer, channel, &sent);
            assert_eq!(peer.data_heard(channel).concat(), sent);
            let room = MAX - left + n;
            assert_eq!(peer.answer_to(&adjust(channel.number(), room)), QUIET);
            assert_eq!(peer.answer_to(&adjust(channel.number(), 1)), REFUSED);
        }
        for window in [1, 1 << 31, MAX] {
            let (mut peer, channel) = with_channel(role, provider, sizes(window, 100));
            assert_eq!(peer.answer_to(&adjust(channel.number(), MAX)), REFUSED);
        }
    }
}

fn what_is_sent_is_the_window_in_messages_that_the_peer_takes(provider: &'static Provider) {
    let stream = stream(100_000);
    for role in Role::BOTH {
        for window in [0, 1, 31, 32, 33, 100, 32_768, 32_769, 70_000] {
            for packet in [32, 33, 1000, 32_767, 32_768, 32_769, u32::MAX] {
                let (mut peer, channel) = with_channel(role, provider, sizes(window, packet));
                write(&mut peer, channel, &stream);
                let mut end = window as usize;
                let heard = peer.data_heard(channel);
                assert_eq!(heard.concat(), stream[..end], "{window} {packet}");
                let most = MESSAGE_MAX.min(packet as usize);
                let lens: Vec<_> = heard.iter().map(Vec::len).collect();
                let mut whole = lens.iter().rev().skip(1);
                assert!(whole.all(|len| *len == most), "{packet} {lens:?}");
                assert!(lens.iter().all(|len| (1..=most).contains(len)));
                for n in [0, 1, 0, 31, 100] {
                    peer.forget();
                    peer.send(&adjust(channel.number(), n));
                    let heard = peer.data_heard(channel).concat();
                    assert_eq!(heard, stream[end..][..n as usize], "{window} {packet}");
                    end += n as usize;
                }
            }
        }
    }
}

fn a_packet_size_that_carries_next_to_nothing_is_refused(provider: &'static Provider) {
    for packet in [0, 1, 31] {
        for window in [0, 1, u32::MAX] {
            let script = Script::new(Role::Server, provider);
            let mut peer = Scripted::at(&script, Step::Login);
            let seen = peer.answer_to(&open(7, sizes(window, packet)));
            assert_eq!(seen, Outcome::Said(vec![92]));
            assert_eq!(peer.opens(), 0);

            let script = Script::new(Role::Client, provider);
            let mut peer = Scripted::at(&script, Step::Login);
            let channel = peer.ask(7);
            let message = confirmation(channel.number(), 7, sizes(window, packet));
            assert_eq!(peer.answer_to(&message), REFUSED);
        }
    }
}

/// Sends so many bytes in as few messages as possible.
fn send(peer: &mut Scripted, channel: Channel, len: u32) -> Outcome {
    peer.forget();
    for piece in stream(len as usize).chunks(channel.packet as usize) {
        peer.send(&data(channel.number(), piece));
    }
    peer.outcome()
}

/// How much the victim has granted since.
fn granted(peer: &Scripted) -> u32 {
    let adjusts = peer.heard.iter().filter(|m| m[0] == 93);
    adjusts
        .map(|m| u32::from_be_bytes(*m.last_chunk().unwrap()))
        .sum()
}

fn the_peer_sends_its_window_and_not_one_byte_more(provider: &'static Provider) {
    for role in Role::BOTH {
        let (mut peer, channel) = with_channel(role, provider, Sizes::USUAL);
        assert!(channel.window > channel.packet);
        // Nobody takes it, so nothing is granted again.
        peer.local(channel).socket.room = Some(0);
        let number = channel.number();
        assert_eq!(send(&mut peer, channel, channel.window - 1), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"")), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"x")), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"")), QUIET);
        // What was taken is granted, and perhaps more.
        peer.local(channel).socket.room = None;
        peer.run();
        let more = granted(&peer);
        assert!(more >= channel.window);
        let written = std::mem::take(&mut peer.local(channel).socket.written);
        let sent = [stream(channel.window as usize - 1), b"x".to_vec()].concat();
        assert!(written == sent);
        peer.local(channel).socket.room = Some(0);
        assert_eq!(send(&mut peer, channel, more), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"")), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"x")), REFUSED);
        assert_eq!(peer.opens(), if role == Role::Server { 2 } else { 0 });
    }
}

fn one_message_has_no_more_than_was_said(provider: &'static Provider) {
    for role in Role::BOTH {
        let longest = stream(MESSAGE_MAX + 1);
        let (mut peer, channel) = with_channel(role, provider, Sizes::USUAL);
        assert_eq!(channel.packet as usize, MESSAGE_MAX);
        peer.send(&data(channel.number(), &longest[1..]));
        assert!(peer.victim.is_alive());
        assert_eq!(peer.local(channel).socket.written, longest[1..]);
        assert_eq!(peer.answer_to(&data(channel.number(), &longest)), REFUSED);
        // A length that the message has not, near the end of all numbers.
        for len in [1, 5, u32::MAX - 8, u32::MAX] {
            let (mut peer, channel) = with_channel(role, provider, Sizes::USUAL);
            let mut message = data(channel.number(), b"data");
            message[5..9].copy_from_slice(&len.to_be_bytes());
            assert_eq!(peer.answer_to(&message), REFUSED);
        }
    }
}

/// Its window stays what it was, though nobody is there to use it.
fn a_channel_that_we_have_closed_has_its_window_still(provider: &'static Provider) {
    for role in Role::BOTH {
        let (mut peer, channel) = with_channel(role, provider, Sizes::USUAL);
        let held = channel.window / 2;
        peer.local(channel).socket.room = Some(0);
        assert_eq!(send(&mut peer, channel, held), QUIET);
        peer.victim.release(channel.id);
        peer.run();
        let limits = Script::new(role, provider).setup.limits;
        assert_eq!(peer.victim.session.channels().left(), limits.window_budget);
        assert_eq!(send(&mut peer, channel, channel.window - held), QUIET);
        let number = channel.number();
        assert_eq!(peer.answer_to(&data(number, b"")), QUIET);
        assert_eq!(peer.answer_to(&data(number, b"x")), REFUSED);
    }
}

on_every_provider! {
    a_window_is_filled_to_its_last_byte_and_not_beyond
    what_is_sent_is_the_window_in_messages_that_the_peer_takes
    a_packet_size_that_carries_next_to_nothing_is_refused
    the_peer_sends_its_window_and_not_one_byte_more
    one_message_has_no_more_than_was_said
    a_channel_that_we_have_closed_has_its_window_still
}
