//! The wire format: whatever decodes is written back, and the same bytes come out.

use std::fmt::Debug;

use adit_proto::msg::*;
use adit_proto::{
    Decode, Encode, Field, Ident, IdentReader, Mpint, NAMES_MAX, NameList, Reader, Rest, Writer,
    is_name,
};

use crate::seeds::{bytes, string, texts};

/// Decodes; what comes of it must survive being written and read again. Wherever the format has one
/// way to say a thing, the bytes are the same too.
fn round_trip<'a, T>(data: &'a [u8])
where
    T: Decode<'a> + Encode + PartialEq + Debug,
{
    if let Ok(value) = T::decode(data) {
        let out = bytes(&value);
        assert_eq!(out.len(), data.len(), "{value:?}");
        // A boolean may have any value but zero (RFC 4251 §5) and is written as 1.
        assert!(
            out.iter()
                .zip(data)
                .all(|(o, d)| o == d || (*o == 1 && *d > 1)),
            "{value:?}"
        );
    }
}

pub(crate) fn message(data: &[u8]) {
    round_trip::<Disconnect<'_>>(data);
    round_trip::<Ignore<'_>>(data);
    round_trip::<Unimplemented>(data);
    round_trip::<Debug_<'_>>(data);
    round_trip::<ServiceRequest<'_>>(data);
    round_trip::<ServiceAccept<'_>>(data);
    round_trip::<ExtInfo<'_>>(data);
    round_trip::<KexInit<'_>>(data);
    round_trip::<NewKeys>(data);
    round_trip::<Ping<'_>>(data);
    round_trip::<Pong<'_>>(data);
    round_trip::<KexEcdhInit<'_>>(data);
    round_trip::<KexEcdhReply<'_>>(data);
    round_trip::<UserauthRequest<'_>>(data);
    round_trip::<PublickeyMethod<'_>>(data);
    round_trip::<UserauthFailure<'_>>(data);
    round_trip::<UserauthSuccess>(data);
    round_trip::<UserauthBanner<'_>>(data);
    round_trip::<UserauthPkOk<'_>>(data);
    round_trip::<GlobalRequest<'_>>(data);
    round_trip::<RequestSuccess<'_>>(data);
    round_trip::<RequestFailure>(data);
    round_trip::<ChannelOpen<'_>>(data);
    round_trip::<ChannelOpenConfirmation<'_>>(data);
    round_trip::<ChannelOpenFailure<'_>>(data);
    round_trip::<ChannelWindowAdjust>(data);
    round_trip::<ChannelData<'_>>(data);
    round_trip::<ChannelExtendedData<'_>>(data);
    round_trip::<ChannelEof>(data);
    round_trip::<ChannelClose>(data);
    round_trip::<ChannelRequest<'_>>(data);
    round_trip::<ChannelSuccess>(data);
    round_trip::<ChannelFailure>(data);
    round_trip::<DirectTcpip<'_>>(data);
    round_trip::<ForwardedTcpip<'_>>(data);
    round_trip::<TcpipForward<'_>>(data);
    round_trip::<TcpipForwardSuccess>(data);
    round_trip::<DirectStreamlocal<'_>>(data);
    round_trip::<ForwardedStreamlocal<'_>>(data);
    round_trip::<StreamlocalForward<'_>>(data);
    if let (Ok(channel), Some(head)) = (ChannelData::decode(data), data.first_chunk()) {
        let len = u32::try_from(channel.data.len()).expect("shorter than u32::MAX");
        let built = ChannelDataHead {
            recipient_channel: channel.recipient_channel,
            data_len: len,
        };
        assert_eq!(&built.to_bytes(), head);
    }
}

use adit_proto::msg::Debug as Debug_;

pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    let list = |text: &'static str| NameList::parse(text.as_bytes()).expect("a list of names");
    let ciphers = list("aes256-gcm@openssh.com,chacha20-poly1305@openssh.com");
    let kex_init = KexInit {
        cookie: [7; 16],
        kex_algorithms: list("curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com"),
        server_host_key_algorithms: list("ssh-ed25519"),
        encryption_algorithms_client_to_server: ciphers,
        encryption_algorithms_server_to_client: ciphers,
        mac_algorithms_client_to_server: list("hmac-sha2-256"),
        mac_algorithms_server_to_client: list("hmac-sha2-256"),
        compression_algorithms_client_to_server: list("none"),
        compression_algorithms_server_to_client: list("none"),
        languages_client_to_server: NameList::EMPTY,
        languages_server_to_client: NameList::EMPTY,
        first_kex_packet_follows: false,
        reserved: 0,
    };
    let direct = bytes(&DirectTcpip {
        host_to_connect: b"localhost",
        port_to_connect: 80,
        originator_ip_address: b"127.0.0.1",
        originator_port: 50_000,
    });
    let signed = [string(b"ssh-ed25519"), string(&[9; 64])].concat();
    let key = [string(b"ssh-ed25519"), string(&[8; 32])].concat();
    let signature = string(&signed);
    let method = bytes(&PublickeyMethod {
        has_signature: true,
        public_key_algorithm_name: b"ssh-ed25519",
        public_key_blob: &key,
        signature: Rest(&signature),
    });
    vec![
        bytes(&kex_init),
        bytes(&Disconnect {
            reason_code: 11,
            description: b"bye",
            language_tag: b"",
        }),
        bytes(&Ignore { data: b"xx" }),
        bytes(&UserauthRequest {
            user_name: b"user",
            service_name: b"ssh-connection",
            method_name: b"publickey",
            method: Rest(&method),
        }),
        bytes(&UserauthFailure {
            authentications_that_can_continue: list("publickey,password"),
            partial_success: false,
        }),
        bytes(&ChannelOpen {
            channel_type: b"direct-tcpip",
            sender_channel: 1,
            initial_window_size: 65_536,
            maximum_packet_size: 32_768,
            data: Rest(&direct),
        }),
        bytes(&ChannelData {
            recipient_channel: 3,
            data: b"data",
        }),
        bytes(&ChannelWindowAdjust {
            recipient_channel: 3,
            bytes_to_add: 1 << 20,
        }),
        bytes(&GlobalRequest {
            request_name: b"keepalive@openssh.com",
            want_reply: true,
            data: Rest(b""),
        }),
        bytes(&ChannelEof {
            recipient_channel: 3,
        }),
        bytes(&ChannelClose {
            recipient_channel: 3,
        }),
        bytes(&Ping { data: b"ping" }),
    ]
}

/// A program of reads, written back as it was read.
pub(crate) fn wire(data: &[u8]) {
    let (program, data) = data.split_at(data.len().min(8));
    let mut reader = Reader::new(data);
    let mut out = vec![0; data.len()];
    let mut writer = Writer::new(&mut out);
    let mut canonical = true;
    for op in program {
        let before = reader.remaining();
        let read = match op % 6 {
            0 => reader.byte().map(|v| writer.byte(v)),
            1 => reader.boolean().map(|v| {
                canonical = false;
                writer.boolean(v);
            }),
            2 => reader.u32().map(|v| writer.u32(v)),
            3 => reader.u64().map(|v| writer.u64(v)),
            4 => reader.string().map(|v| writer.string(v)),
            _ => reader.name_list().map(|v| v.write(&mut writer)),
        };
        if read.is_err() {
            assert!(reader.remaining() <= before);
            return;
        }
        let consumed = data.len() - reader.remaining();
        assert_eq!(writer.written(), Some(consumed));
    }
    let consumed = data.len() - reader.remaining();
    if canonical {
        assert_eq!(out[..consumed], data[..consumed]);
    }
    assert_eq!(reader.finish().is_ok(), consumed == data.len());
}

pub(crate) fn wire_seeds() -> Vec<Vec<u8>> {
    let mut seed = vec![0, 2, 3, 4, 5, 1, 4, 0];
    seed.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    seed.extend(string(b"text"));
    seed.extend(string(b"name,other"));
    seed.push(1);
    seed.extend(string(b""));
    seed.push(255);
    vec![seed]
}

pub(crate) fn ident(data: &[u8]) {
    for (mut reader, is_client) in [
        (IdentReader::client(), true),
        (IdentReader::server(), false),
    ] {
        for (at, byte) in data.iter().enumerate() {
            match reader.push(*byte) {
                Ok(None) => {}
                Ok(Some(ident)) => {
                    let line = ident.as_bytes();
                    assert_eq!(Ident::new(line).as_ref(), Ok(&ident));
                    assert_eq!(*byte, b'\n');
                    assert!(line.len() <= 253 && line.ends_with(ident.software()));
                    let taken = &data[..at];
                    let taken = taken.strip_suffix(b"\r").unwrap_or(taken);
                    assert!(taken.ends_with(line));
                    assert!(is_client || taken == line, "a server skipped something");
                    break;
                }
                Err(_) => break,
            }
            // 64 lines of 1024 bytes and their ends, and one identification.
            assert!(at < 64 * 1026 + 255, "nothing ends this");
        }
    }
}

pub(crate) fn ident_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n",
        "SSH-1.99-Cisco-1.25\n",
        "hello\r\nthere\r\nSSH-2.0-x comment here\r\nrest",
        "SSH-1.5-old\r\n",
    ]);
    seeds.push([b"line\r\n".repeat(64), b"SSH-2.0-x\r\n".to_vec()].concat());
    seeds
}

pub(crate) fn name_list(data: &[u8]) {
    if let Ok(list) = NameList::parse(data) {
        let names: Vec<&[u8]> = list.iter().collect();
        assert!(names.len() <= NAMES_MAX);
        assert!(
            names
                .iter()
                .all(|name| is_name(name) && list.contains(name))
        );
        assert_eq!(names.join(&b","[..]), data);
        assert_eq!(list.as_bytes(), data);
    }
}

pub(crate) fn name_list_seeds() -> Vec<Vec<u8>> {
    let long = vec!["name@example.org"; NAMES_MAX].join(",");
    texts(&["", "none", "a,b,c", &"x".repeat(64), &long])
}

pub(crate) fn mpint(data: &[u8]) {
    let unsigned = Mpint::from_unsigned(data);
    let mut out = vec![0; unsigned.field_len()];
    let mut writer = Writer::new(&mut out);
    unsigned.write(&mut writer);
    assert_eq!(writer.written(), Some(out.len()));
    let mut reader = Reader::new(&out);
    assert_eq!(reader.mpint(), Ok(unsigned));
    assert_eq!(reader.finish(), Ok(()));
    // No shorter form says the same.
    assert!(!matches!(out.get(4..6), Some([0, next]) if next & 0x80 == 0));
    if let Ok(signed) = Mpint::from_wire(data) {
        assert_eq!(signed, unsigned);
    } else {
        assert!(data.first().is_some_and(|first| first & 0x80 != 0));
    }
}

pub(crate) fn mpint_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0],
        vec![0x80],
        vec![0, 0x80],
        vec![0x7f; 33],
        vec![0, 0, 1, 2],
    ]
}

pub(crate) fn ext_info(data: &[u8]) {
    let Ok(info) = ExtInfo::decode(data) else {
        return;
    };
    let Ok(extensions) = info.extensions() else {
        return;
    };
    let mut pairs = Vec::new();
    let mut count = 0;
    for (name, value) in extensions.take(100) {
        pairs.extend(string(name));
        pairs.extend(string(value));
        count += 1;
    }
    assert_eq!(count, info.nr_extensions);
    assert!(count <= EXTENSIONS_MAX);
    assert_eq!(pairs, info.pairs.0);
}

pub(crate) fn ext_info_seeds() -> Vec<Vec<u8>> {
    let pair = [
        string(b"server-sig-algs"),
        string(b"ssh-ed25519,rsa-sha2-256"),
    ]
    .concat();
    let many = pair.repeat(16);
    vec![
        bytes(&ExtInfo {
            nr_extensions: 1,
            pairs: Rest(&pair),
        }),
        bytes(&ExtInfo {
            nr_extensions: 16,
            pairs: Rest(&many),
        }),
        bytes(&ExtInfo {
            nr_extensions: 0,
            pairs: Rest(b""),
        }),
    ]
}
