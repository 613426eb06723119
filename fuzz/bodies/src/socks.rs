//! What applications say on a port whose destination they choose themselves.

use adit_forward::socks::{Answer, Greeting, NAME_MAX, Step};

use crate::seeds::texts;

/// The steps of a conversation, how many bytes it took, and what it was told in the end.
fn talk<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Step>, usize, Vec<u8>) {
    let (mut greeting, mut steps, mut taken, mut told) =
        (Greeting::default(), Vec::new(), 0, Vec::new());
    for mut piece in pieces {
        loop {
            let (n, step) = greeting.handle(piece);
            piece = &piece[n..];
            taken += n;
            match step {
                None => break,
                Some(Step::Refused(why)) => {
                    told = greeting.refuse(why);
                    steps.push(Step::Refused(why));
                }
                Some(step) => steps.push(step),
            }
        }
    }
    (steps, taken, told)
}

/// However the bytes are cut, they come to the same. A request is fit to be sent and shown, is put
/// again in SOCKS 5 to the same effect, and nothing is taken of what is behind it.
pub(crate) fn request(data: &[u8]) {
    let expected = talk(std::iter::once(data));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(talk(data.chunks(size)), expected, "in pieces of {size}");
    }
    let (steps, taken, told) = expected;
    assert!(taken <= data.len() && told.len() <= 1024);
    let over = |step: &Step| !matches!(step, Step::Reply(_));
    assert!(steps.iter().rev().skip(1).all(|step| !over(step)));
    if !steps.last().is_some_and(over) {
        assert_eq!(taken, data.len(), "it waits for more, and was offered more");
    }
    let Some(Step::Asked(request)) = steps.last() else {
        return;
    };
    let (host, port) = (&request.host, request.port);
    assert!(port != 0 && (1..=NAME_MAX).contains(&host.len()));
    assert!(host.iter().all(|byte| *byte > b' ' && *byte != 0x7f));
    assert!(!request.version.answer(Answer::Connected).is_empty());

    let len = host.len() as u8;
    let again = [
        &[5, 1, 0, 5, 1, 0, 3, len][..],
        host,
        &port.to_be_bytes(),
        data,
    ]
    .concat();
    let (steps, taken, _) = talk(std::iter::once(&again[..]));
    assert_eq!(taken, 8 + host.len() + 2);
    match steps.last() {
        Some(Step::Asked(same)) => {
            // Brackets around brackets are taken off once a time.
            let bare = |host: &[u8]| !host.starts_with(b"[");
            assert!(same.host == *host || !bare(host));
            assert_eq!(same.port, port);
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "CONNECT host.example:443 HTTP/1.1\r\nHost: host.example:443\r\n\r\nahead",
        "CONNECT [2001:db8::1]:22 HTTP/1.0\n\n",
        "CONNECT h:80 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n",
        "GET http://host.example/ HTTP/1.1\r\nHost: host.example\r\n\r\n",
        "SSH-2.0-client\r\n",
    ]);
    seeds.extend(
        [
            &b"\x04\x01\0\x50\xc0\0\x02\x01me\0ahead"[..],
            b"\x04\x01\0\x50\0\0\0\x01\0host.example\0",
            b"\x04\x02\0\x50\xc0\0\x02\x01\0",
            b"\x05\x01\0\x05\x01\0\x03\x0chost.example\x01\xbbahead",
            b"\x05\x02\0\x02\x05\x01\0\x01\xc0\0\x02\x01\0\x50",
            b"\x05\x01\0\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x16",
            b"\x05\x01\0\x05\x03\0\x01\0\0\0\0\0\0",
            b"\x05\x01\x02",
            b"\x16\x03\x01\0\x05",
        ]
        .map(<[u8]>::to_vec),
    );
    seeds
}
