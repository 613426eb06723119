use adit_testkit::dice::Dice;

use super::reply::Answer;
use super::*;

mod limits;
mod replies;

/// What a conversation came to: the steps, and how many bytes were taken.
fn talk<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Step>, usize) {
    let (mut greeting, mut steps, mut taken) = (Greeting::default(), Vec::new(), 0);
    for mut piece in pieces {
        loop {
            let (n, step) = greeting.handle(piece);
            piece = &piece[n..];
            taken += n;
            match step {
                None => break,
                Some(step) => steps.push(step),
            }
        }
    }
    (steps, taken)
}

fn whole(bytes: &[u8]) -> (Vec<Step>, usize) {
    talk([bytes])
}

/// The last step of a conversation.
fn end(bytes: &[u8]) -> Option<Step> {
    whole(bytes).0.pop()
}

fn asked(version: Version, host: &str, port: u16) -> Option<Step> {
    Some(Step::Asked(Request {
        version,
        host: host.as_bytes().into(),
        port,
    }))
}

fn refused(why: Refusal) -> Option<Step> {
    Some(Step::Refused(why))
}

/// A greeting of SOCKS 5 without authentication, and a request with this behind 5.
fn socks5(request: &[u8]) -> Vec<u8> {
    [&[5, 1, 0, 5][..], request].concat()
}

fn socks5_name(name: &[u8], port: u16) -> Vec<u8> {
    let len = u8::try_from(name.len()).unwrap();
    socks5(&[&[1, 0, 3, len][..], name, &port.to_be_bytes()].concat())
}

fn socks4(port: u16, address: [u8; 4], behind: &[u8]) -> Vec<u8> {
    [&[4, 1][..], &port.to_be_bytes(), &address, behind].concat()
}

fn connect(target: &str) -> Vec<u8> {
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").into_bytes()
}

/// Conversations of every kind, and what each comes to.
fn conversations() -> Vec<(Vec<u8>, Option<Step>)> {
    use Version::{Connect, Socks4, Socks4a, Socks5};
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let ip6 = |port: [u8; 2]| socks5(&[&[1, 0, 4][..], &v6, &port].concat());
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (
            socks4(80, [192, 0, 2, 1], b"\0"),
            asked(Socks4, "192.0.2.1", 80),
        ),
        (
            socks4(80, [192, 0, 2, 1], b"me\0"),
            asked(Socks4, "192.0.2.1", 80),
        ),
        (
            socks4(80, [0, 0, 0, 0], b"\0"),
            asked(Socks4, "0.0.0.0", 80),
        ),
        (
            socks4(80, [0, 0, 1, 0], b"\0"),
            asked(Socks4, "0.0.1.0", 80),
        ),
        (
            socks4(443, [0, 0, 0, 1], b"\0a.example\0"),
            asked(Socks4a, "a.example", 443),
        ),
        (
            socks4(443, [0, 0, 0, 255], b"me\0::1\0"),
            asked(Socks4a, "::1", 443),
        ),
        (socks4(0, [192, 0, 2, 1], b"\0"), refused(Refusal::BadPort)),
        (socks4(80, [0, 0, 0, 1], b"\0\0"), refused(Refusal::BadHost)),
        (
            socks4(80, [0, 0, 0, 1], b"\0a b\0"),
            refused(Refusal::BadHost),
        ),
        (vec![4, 2], refused(Refusal::Command(2))),
        (vec![4, 9], refused(Refusal::Command(9))),
        (
            socks5_name(b"b.example", 65535),
            asked(Socks5, "b.example", 65535),
        ),
        (socks5_name(b"192.0.2.7", 1), asked(Socks5, "192.0.2.7", 1)),
        (
            socks5_name(b"[2001:db8::1]", 1),
            asked(Socks5, "2001:db8::1", 1),
        ),
        (socks5_name(b"[name]", 1), asked(Socks5, "[name]", 1)),
        (socks5_name(b"b.example", 0), refused(Refusal::BadPort)),
        (socks5_name(b"b\0d", 1), refused(Refusal::BadHost)),
        (socks5_name(b"b\x7fd", 1), refused(Refusal::BadHost)),
        (socks5_name(b"b d", 1), refused(Refusal::BadHost)),
        (socks5_name(b"b\nd", 1), refused(Refusal::BadHost)),
        (socks5(&[1, 0, 3, 0]), refused(Refusal::BadHost)),
        (
            socks5(&[1, 0, 1, 192, 0, 2, 1, 0, 80]),
            asked(Socks5, "192.0.2.1", 80),
        ),
        (ip6([1, 187]), asked(Socks5, "2001:db8::1", 443)),
        (ip6([0, 0]), refused(Refusal::BadPort)),
        (
            vec![5, 3, 1, 2, 0, 5, 1, 0, 1, 1, 2, 3, 4, 0, 80],
            asked(Socks5, "1.2.3.4", 80),
        ),
        (
            vec![5, 2, 0, 2, 5, 1, 0, 1, 1, 2, 3, 4, 0, 80],
            asked(Socks5, "1.2.3.4", 80),
        ),
        (socks5(&[2]), refused(Refusal::Command(2))),
        (socks5(&[3]), refused(Refusal::Command(3))),
        (socks5(&[0]), refused(Refusal::Command(0))),
        (socks5(&[1, 1]), refused(Refusal::Malformed)),
        (socks5(&[1, 0, 2]), refused(Refusal::AddressType)),
        (vec![5, 1, 0, 4], refused(Refusal::Malformed)),
        (vec![5, 0], refused(Refusal::NoMethod)),
        (vec![5, 1, 2], refused(Refusal::NoMethod)),
        (vec![5, 2, 2, 1], refused(Refusal::NoMethod)),
        (connect("c.example:443"), asked(Connect, "c.example", 443)),
        (
            connect("[2001:db8::1]:22"),
            asked(Connect, "2001:db8::1", 22),
        ),
        (connect("192.0.2.1:00080"), asked(Connect, "192.0.2.1", 80)),
        (text("CONNECT h:1 HTTP/1.0\n\n"), asked(Connect, "h", 1)),
        (
            text("CONNECT h:1 HTTP/1.1\r\nA: b\r\n\rc: d\r\nProxy-Authorization: \0\r\n\r\n"),
            asked(Connect, "h", 1),
        ),
        (connect("h:0"), refused(Refusal::BadPort)),
        (connect("h:65536"), refused(Refusal::BadPort)),
        (connect("h:+1"), refused(Refusal::BadPort)),
        (connect("h:"), refused(Refusal::BadPort)),
        (connect("h"), refused(Refusal::BadPort)),
        (connect(""), refused(Refusal::BadPort)),
        (connect(":80"), refused(Refusal::BadHost)),
        (connect("::1:80"), refused(Refusal::BadHost)),
        (connect("[h]:80"), refused(Refusal::BadHost)),
        (connect("[::1:80"), refused(Refusal::BadHost)),
        (connect("[fe80::1%25lo]:80"), refused(Refusal::BadHost)),
        (connect("me@h:80"), refused(Refusal::BadHost)),
        (connect("http://h:80"), refused(Refusal::BadHost)),
        (
            text("CONNECT h\x07:80 HTTP/1.1\r\n\r\n"),
            refused(Refusal::BadHost),
        ),
        (text("CONNECT h:80\r\n"), refused(Refusal::Malformed)),
        (
            text("CONNECT h:80 HTTP/2.0\r\n"),
            refused(Refusal::Malformed),
        ),
        (
            text("CONNECT h:80 HTTP/1.x\r\n"),
            refused(Refusal::Malformed),
        ),
        (
            text("CONNECT h:80 HTTP/1.1 \r\n"),
            refused(Refusal::Malformed),
        ),
        (
            text("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            refused(Refusal::Method),
        ),
        (
            text("GET http://h/ HTTP/1.1\r\n\r\n"),
            refused(Refusal::Method),
        ),
        (text("connect h:80 HTTP/1.1\r\n"), refused(Refusal::Method)),
        (
            text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            refused(Refusal::Method),
        ),
        (text("SSH-2.0-x\r\n"), refused(Refusal::NotProxy)),
        (text("EHLO\r\n"), refused(Refusal::NotProxy)),
        (text("\r\n"), refused(Refusal::NotProxy)),
        (vec![0], refused(Refusal::NotProxy)),
        (vec![0xff], refused(Refusal::NotProxy)),
        (vec![22, 3, 1], refused(Refusal::Tls)),
    ]
}

#[test]
fn each_conversation_comes_to_what_the_table_says() {
    for (bytes, expected) in conversations() {
        assert_eq!(
            end(&bytes),
            expected,
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn however_it_is_cut_a_conversation_comes_to_the_same_and_takes_no_byte_more() {
    for (bytes, _) in conversations() {
        let ahead = [&bytes[..], b"\0\x05what follows \r\n\r\n"].concat();
        let expected = whole(&ahead);
        assert!(expected.1 <= bytes.len());
        for first in 0..=ahead.len() {
            for second in first..=ahead.len() {
                let pieces = [&ahead[..first], &ahead[first..second], &ahead[second..]];
                assert_eq!(talk(pieces), expected, "{first} {second}");
            }
        }
        assert_eq!(talk(ahead.chunks(1)), expected);
    }
}

#[test]
fn every_truncation_waits_for_more() {
    for (bytes, _) in conversations() {
        let (steps, taken) = whole(&bytes);
        for len in 0..taken {
            let (before, all) = whole(&bytes[..len]);
            assert_eq!(all, len);
            assert!(before.len() < steps.len() && steps.starts_with(&before));
            assert!(before.iter().all(|step| matches!(step, Step::Reply(_))));
        }
    }
}

#[test]
fn any_bytes_come_to_the_same_in_any_pieces() {
    let seeds = conversations();
    let mut dice = Dice::new(7);
    for _ in 0..3000 {
        let (seed, _) = &seeds[dice.below(seeds.len())];
        let mut bytes = seed.clone();
        for _ in 0..dice.between(1, 4) {
            let (at, with) = (dice.below(bytes.len()), dice.below(256));
            match dice.below(3) {
                0 => bytes[at] = u8::try_from(with).unwrap(),
                1 => bytes.insert(at, u8::try_from(with).unwrap()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let expected = whole(&bytes);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(dice.between(1, rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        assert_eq!(talk(pieces), expected);
        if let Some(Step::Asked(request)) = expected.0.last() {
            assert!(request.port != 0 && (1..=NAME_MAX).contains(&request.host.len()));
            assert!(request.host.iter().all(|b| *b > b' ' && *b != 0x7f));
        }
    }
}

#[test]
fn only_no_authentication_is_answered_and_nothing_follows_a_refusal() {
    assert_eq!(whole(&[5, 1, 0]), (vec![Step::Reply(&[5, 0])], 3));
    assert_eq!(whole(&[5, 2, 2, 0, 5]).0, [Step::Reply(&[5, 0])]);
    let mut greeting = Greeting::default();
    let (n, step) = greeting.handle(&[5, 1, 2, 5, 1, 0]);
    assert_eq!((n, step), (3, refused(Refusal::NoMethod)));
    assert_eq!(greeting.refuse(Refusal::NoMethod), [5, 0xff]);
    assert_eq!(greeting.handle(&[5, 1, 0]), (0, None));
}

#[test]
fn nothing_said_is_told_from_something() {
    let mut greeting = Greeting::default();
    assert!(greeting.is_silent());
    assert_eq!(greeting.version(), None);
    greeting.handle(&[4]);
    assert!(!greeting.is_silent());
    assert_eq!(greeting.version(), Some(Version::Socks4));
}
