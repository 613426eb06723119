//! One golden message of each type: round trip, every truncation, one byte too many.

use std::vec::Vec;

use super::*;
use crate::{Decode, Encode, Malformed, Message, NameList, Rest, Writer};

fn bytes(message: &impl Encode) -> Vec<u8> {
    let mut out = std::vec![0; message.encoded_len()];
    let mut writer = Writer::new(&mut out);
    message.encode(&mut writer);
    assert_eq!(writer.written(), Some(out.len()), "encoded_len is exact");
    out
}

/// `open_ended`: the last field takes what is left, so more bytes are still a message.
macro_rules! holds {
    ($($type:ident $open_ended:literal $value:expr;)*) => {$({
        let value = $value;
        let wire = bytes(&value);
        assert_eq!($type::decode(&wire), Ok(value));
        for len in 0..wire.len() {
            match $type::decode(&wire[..len]) {
                Err(_) => {}
                Ok(shorter) => assert!($open_ended && bytes(&shorter) == wire[..len]),
            }
        }
        let mut long = wire.clone();
        long.push(0);
        if !$open_ended {
            assert_eq!($type::decode(&long), Err(Malformed::TrailingBytes));
        }
    })*};
}

macro_rules! numbered {
    ($($type:ident)*) => {$({
        for number in (0..=255).filter(|n| *n != $type::NUMBER) {
            let mut wire = std::vec![0; 64];
            wire[0] = number;
            assert_eq!($type::decode(&wire), Err(Malformed::WrongNumber), stringify!($type));
        }
    })*};
}

#[test]
fn every_message_comes_back_and_nothing_else_does() {
    let names = NameList::parse(b"one,two").unwrap();
    holds! {
        Disconnect false Disconnect { reason_code: 2, description: b"why", language_tag: b"" };
        Ignore false Ignore { data: b"x" };
        Unimplemented false Unimplemented { packet_sequence_number: 9 };
        Debug false Debug { always_display: true, message: b"m", language_tag: b"en" };
        ServiceRequest false ServiceRequest { service_name: b"ssh-userauth" };
        ServiceAccept false ServiceAccept { service_name: b"ssh-userauth" };
        ExtInfo true ExtInfo { nr_extensions: 1, pairs: Rest(b"\0\0\0\x01a\0\0\0\x01b") };
        KexInit false KexInit {
            cookie: [7; 16],
            kex_algorithms: names,
            server_host_key_algorithms: names,
            encryption_algorithms_client_to_server: names,
            encryption_algorithms_server_to_client: NameList::EMPTY,
            mac_algorithms_client_to_server: names,
            mac_algorithms_server_to_client: NameList::EMPTY,
            compression_algorithms_client_to_server: names,
            compression_algorithms_server_to_client: names,
            languages_client_to_server: NameList::EMPTY,
            languages_server_to_client: names,
            first_kex_packet_follows: true,
            reserved: 1,
        };
        NewKeys false NewKeys {};
        Ping false Ping { data: b"x" };
        Pong false Pong { data: b"x" };
        KexEcdhInit false KexEcdhInit { q_c: &[1; 32] };
        KexEcdhReply false KexEcdhReply { k_s: b"k", q_s: b"q", signature: b"s" };
        UserauthRequest true UserauthRequest {
            user_name: b"me", service_name: b"ssh-connection", method_name: b"none", method: Rest(b""),
        };
        PublickeyMethod true PublickeyMethod {
            has_signature: true, public_key_algorithm_name: b"a", public_key_blob: b"b",
            signature: Rest(b"\0\0\0\0"),
        };
        PublickeyHostboundMethod true PublickeyHostboundMethod {
            has_signature: false, public_key_algorithm_name: b"a", public_key_blob: b"b",
            server_host_key: b"h", signature: Rest(b""),
        };
        PasswordMethod false PasswordMethod { is_change: false, plaintext_password: b"p" };
        KeyboardInteractiveMethod false KeyboardInteractiveMethod {
            language_tag: b"", submethods: b"pam",
        };
        UserauthFailure false UserauthFailure {
            authentications_that_can_continue: names, partial_success: false,
        };
        UserauthSuccess false UserauthSuccess {};
        UserauthBanner false UserauthBanner { message: b"hi", language_tag: b"" };
        UserauthPkOk false UserauthPkOk { public_key_algorithm_name: b"a", public_key_blob: b"b" };
        UserauthPasswdChangereq false UserauthPasswdChangereq { prompt: b"p", language_tag: b"" };
        UserauthInfoRequest true UserauthInfoRequest {
            name: b"n", instruction: b"i", language_tag: b"", num_prompts: 1,
            prompts: Rest(b"\0\0\0\x01p\0"),
        };
        GlobalRequest true GlobalRequest { request_name: b"r", want_reply: true, data: Rest(b"1") };
        RequestSuccess true RequestSuccess { data: Rest(b"\0\0\0\x16") };
        RequestFailure false RequestFailure {};
        ChannelOpen true ChannelOpen {
            channel_type: b"t", sender_channel: 1, initial_window_size: 2, maximum_packet_size: 3,
            data: Rest(b"d"),
        };
        ChannelOpenConfirmation true ChannelOpenConfirmation {
            recipient_channel: 1, sender_channel: 2, initial_window_size: 3, maximum_packet_size: 4,
            data: Rest(b""),
        };
        ChannelOpenFailure false ChannelOpenFailure {
            recipient_channel: 1, reason_code: 2, description: b"no", language_tag: b"",
        };
        ChannelWindowAdjust false ChannelWindowAdjust { recipient_channel: 1, bytes_to_add: u32::MAX };
        ChannelData false ChannelData { recipient_channel: 1, data: b"data" };
        ChannelExtendedData false ChannelExtendedData {
            recipient_channel: 1, data_type_code: 1, data: b"data",
        };
        ChannelEof false ChannelEof { recipient_channel: 1 };
        ChannelClose false ChannelClose { recipient_channel: 1 };
        ChannelRequest true ChannelRequest {
            recipient_channel: 1, request_type: b"shell", want_reply: true, data: Rest(b""),
        };
        ChannelSuccess false ChannelSuccess { recipient_channel: 1 };
        ChannelFailure false ChannelFailure { recipient_channel: 1 };
        DirectTcpip false DirectTcpip {
            host_to_connect: b"h", port_to_connect: 22, originator_ip_address: b"::1",
            originator_port: 65535,
        };
        ForwardedTcpip false ForwardedTcpip {
            connected_address: b"", connected_port: 22, originator_ip_address: b"::1",
            originator_port: 65535,
        };
        TcpipForward false TcpipForward { address_to_bind: b"localhost", port_number_to_bind: 0 };
        TcpipForwardSuccess false TcpipForwardSuccess { port_that_was_bound: 40_000 };
        DirectStreamlocal false DirectStreamlocal {
            socket_path: b"/run/s", reserved: b"", reserved_port: 0,
        };
        ForwardedStreamlocal false ForwardedStreamlocal { socket_path: b"/run/s", reserved: b"" };
        StreamlocalForward false StreamlocalForward { socket_path: b"/run/s" };
    }
}

#[test]
fn no_message_decodes_under_another_number() {
    numbered! {
        Disconnect Ignore Unimplemented Debug ServiceRequest ServiceAccept ExtInfo KexInit NewKeys
        Ping Pong KexEcdhInit KexEcdhReply UserauthRequest UserauthFailure UserauthSuccess
        UserauthBanner UserauthPkOk UserauthPasswdChangereq UserauthInfoRequest GlobalRequest RequestSuccess RequestFailure ChannelOpen
        TcpipForwardSuccess
        ChannelOpenConfirmation ChannelOpenFailure ChannelWindowAdjust ChannelData
        ChannelExtendedData ChannelEof ChannelClose ChannelRequest ChannelSuccess ChannelFailure
    }
}

#[test]
fn the_head_of_channel_data_is_the_front_of_the_message() {
    let message = bytes(&ChannelData {
        recipient_channel: 0x0102_0304,
        data: b"data",
    });
    let head = ChannelDataHead {
        recipient_channel: 0x0102_0304,
        data_len: 4,
    };
    assert_eq!(head.to_bytes(), message[..ChannelDataHead::LEN]);
}

#[test]
fn extensions_are_all_there_or_an_error() {
    let pairs = |n: usize| b"\0\0\0\x01a\0\0\0\x02bc".repeat(n);
    let read = |nr_extensions, bytes: &[u8]| {
        let info = ExtInfo {
            nr_extensions,
            pairs: Rest(bytes),
        };
        info.extensions().map(Iterator::count)
    };
    assert_eq!(read(0, b""), Ok(0));
    assert_eq!(read(15, &pairs(15)), Ok(15));
    assert_eq!(read(EXTENSIONS_MAX, &pairs(16)), Ok(16));
    assert_eq!(
        read(EXTENSIONS_MAX + 1, &pairs(17)),
        Err(Malformed::TooMany)
    );
    assert_eq!(read(u32::MAX, &pairs(1)), Err(Malformed::TooMany));
    assert_eq!(read(2, &pairs(1)), Err(Malformed::TooShort));
    assert_eq!(read(1, &pairs(2)), Err(Malformed::TrailingBytes));
}

#[test]
fn prompts_are_all_there_or_an_error() {
    let texts = |n: u32| b"\0\0\0\x02p:\x01".repeat(usize::try_from(n).unwrap());
    let read = |num_prompts, bytes: &[u8]| {
        let request = UserauthInfoRequest {
            name: b"",
            instruction: b"",
            language_tag: b"",
            num_prompts,
            prompts: Rest(bytes),
        };
        request.prompts().map(|prompts| {
            let prompts: Vec<_> = prompts.collect();
            assert!(prompts.iter().all(|p| *p == (&b"p:"[..], true)));
            prompts.len()
        })
    };
    assert_eq!(read(0, b""), Ok(0));
    assert_eq!(read(PROMPTS_MAX - 1, &texts(PROMPTS_MAX - 1)), Ok(63));
    assert_eq!(read(PROMPTS_MAX, &texts(PROMPTS_MAX)), Ok(64));
    let above = PROMPTS_MAX + 1;
    assert_eq!(read(above, &texts(above)), Err(Malformed::TooMany));
    assert_eq!(read(u32::MAX, &texts(1)), Err(Malformed::TooMany));
    assert_eq!(read(2, &texts(1)), Err(Malformed::TooShort));
    assert_eq!(read(1, &texts(2)), Err(Malformed::TrailingBytes));
    assert_eq!(read(0, &texts(1)), Err(Malformed::TrailingBytes));
    // The byte that says whether to echo is part of each.
    assert_eq!(read(1, b"\0\0\0\x02p:"), Err(Malformed::TooShort));
}
