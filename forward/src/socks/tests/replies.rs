//! What is replied, and in which words.

use super::*;

/// The code that each version gives.
fn codes(answer: Answer<'_>) -> (u8, u8, String) {
    let socks4 = Version::Socks4.answer(answer);
    assert_eq!((socks4.len(), socks4[0]), (8, 0));
    assert_eq!(Version::Socks4a.answer(answer), socks4);
    let socks5 = Version::Socks5.answer(answer);
    assert_eq!(
        (socks5[0], &socks5[2..]),
        (5, &[0, 1, 0, 0, 0, 0, 0, 0][..])
    );
    let connect = String::from_utf8(Version::Connect.answer(answer)).unwrap();
    let status = connect.split(' ').nth(1).unwrap().to_owned();
    (socks4[1], socks5[1], status)
}

#[test]
fn each_outcome_has_its_code() {
    for (reason_code, description, socks5, status) in [
        (1, "open failed", 2, "403"),
        (2, "Connection refused", 5, "502"),
        (2, "connect failed: Connection refused (111)", 5, "502"),
        (2, "No route to host", 4, "502"),
        (2, "Host is down", 4, "502"),
        (2, "Connection timed out", 4, "504"),
        (2, "connection timed out", 4, "504"),
        (2, "Network is unreachable", 3, "502"),
        (2, "Name or service not known", 1, "502"),
        (2, "", 1, "502"),
        (3, "unknown channel type", 7, "502"),
        (4, "", 1, "503"),
        (0, "", 1, "502"),
        (77, "Connection refused", 5, "502"),
    ] {
        let description = description.as_bytes();
        let answer = Answer::Failed {
            reason_code,
            description,
        };
        assert_eq!(codes(answer), (91, socks5, status.to_owned()), "{answer:?}");
    }
    assert_eq!(codes(Answer::Connected), (90, 0, "200".to_owned()));
    let connected = Version::Connect.answer(Answer::Connected);
    assert!(connected.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_server_can_put_nothing_but_plain_words_into_a_page() {
    let description = [&b"\r\n\r\n<b>\x1b[31m\xff"[..], &[b'x'; 1000]].concat();
    let page = Version::Connect.answer(Answer::Failed {
        reason_code: 2,
        description: &description,
    });
    let page = String::from_utf8(page).unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    let len = head.split("Content-Length: ").nth(1).unwrap();
    let len: usize = len.split('\r').next().unwrap().parse().unwrap();
    assert_eq!(body.len(), len);
    assert!(body.contains(": ????<b>?[31m?xxx"), "{body}");
    assert_eq!(
        body.matches('x').count() - "proxy".matches('x').count(),
        200 - 13
    );
    assert!(head.contains("text/plain"));
}

#[test]
fn each_refusal_is_told_in_the_words_of_its_protocol() {
    let told = |bytes: &[u8], why| {
        let mut greeting = Greeting::default();
        let mut rest = bytes;
        while let (n, Some(_)) = greeting.handle(rest) {
            rest = &rest[n..];
        }
        greeting.refuse(why)
    };
    let socks5 = |code: u8| vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    let begun = [5, 1, 0];
    assert_eq!(told(&[], Refusal::TooSlow), b"");
    assert_eq!(told(&[0], Refusal::NotProxy), b"");
    assert_eq!(told(&[22], Refusal::Tls), b"");
    assert_eq!(told(&[5], Refusal::TooSlow), [5, 0xff]);
    assert_eq!(told(&[5, 2, 0], Refusal::Crowded), [5, 0xff]);
    for (why, code) in [
        (Refusal::TooSlow, 1),
        (Refusal::Crowded, 1),
        (Refusal::BadHost, 1),
        (Refusal::NotPermitted, 2),
        (Refusal::Command(2), 7),
        (Refusal::Command(3), 7),
        (Refusal::AddressType, 8),
    ] {
        assert_eq!(told(&begun, why), socks5(code), "{why}");
        assert_eq!(told(&[4, 1], why), [0, 91, 0, 0, 0, 0, 0, 0], "{why}");
    }
    for (why, line) in [
        (Refusal::Method, "405 Method Not Allowed\r\nAllow: CONNECT"),
        (Refusal::Malformed, "400 Bad Request"),
        (Refusal::BadHost, "400 Bad Request"),
        (Refusal::NotPermitted, "403 Forbidden"),
        (Refusal::TooSlow, "408 Request Timeout"),
        (Refusal::TooLong, "431 Request Header Fields Too Large"),
        (Refusal::Crowded, "503 Service Unavailable"),
    ] {
        let page = String::from_utf8(told(b"GET ", why)).unwrap();
        assert!(page.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{page}");
        assert!(page.contains("This is a SOCKS and CONNECT proxy of adit"));
        assert!(page.contains(&why.to_string()));
    }
}
