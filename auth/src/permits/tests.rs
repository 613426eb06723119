//! Tables: how entries are written and read, and what they permit.

use alloc::string::{String, ToString as _};

use super::*;

#[test]
fn a_place_to_listen_has_a_port_and_perhaps_a_host() {
    for (word, expected) in [
        ("8080", Ok("*:8080")),
        ("*", Ok("*:*")),
        ("*:*", Ok("*:*")),
        ("localhost:8080", Ok("localhost:8080")),
        ("LocalHost:*", Ok("localhost:*")),
        ("[::1]:80", Ok("[::1]:80")),
        ("[0::1]:80", Ok("[::1]:80")),
        ("10.0.0.*:80", Ok("[10.0.0.*]:80")),
        ("[fe80::*]:80", Ok("[fe80::*]:80")),
        ("/run/a.sock", Ok("/run/a.sock")),
        ("/*", Ok("/*")),
        ("", Err(BadPermit::BadPort)),
        ("0", Err(BadPermit::BadPort)),
        ("65536", Err(BadPermit::BadPort)),
        ("http", Err(BadPermit::BadPort)),
        ("localhost", Err(BadPermit::BadPort)),
        ("localhost:0", Err(BadPermit::BadPort)),
        (":80", Err(BadPermit::MissingHost)),
        ("[::1]", Err(BadPermit::MissingPort)),
        ("::1:80", Err(BadPermit::Brackets)),
        ("a b:80", Err(BadPermit::BadHost)),
        ("127.1:80", Err(BadPermit::BadHost)),
        ("/run/*", Err(BadPermit::BadPath)),
        ("any", Err(BadPermit::NotAlone)),
    ] {
        let permit = ListenPermit::parse(word).map(|permit| permit.to_string());
        assert_eq!(permit, expected.map(String::from), "{word:?}");
        if let Ok(text) = permit {
            assert_eq!(ListenPermit::parse(&text), ListenPermit::parse(word));
        }
    }
}

#[test]
fn an_entry_permits_the_address_that_was_asked_for() {
    for (word, host, port, expected) in [
        ("8080", "localhost", 8080, true),
        ("8080", "", 8080, true),
        ("8080", "*", 8080, true),
        ("8080", "0.0.0.0", 8080, true),
        ("8080", "localhost", 8081, false),
        ("8080", "localhost", 0, false),
        ("*", "localhost", 0, true),
        ("localhost:8080", "LOCALHOST", 8080, true),
        ("localhost:8080", "127.0.0.1", 8080, false),
        ("localhost:8080", "", 8080, false),
        ("127.0.0.1:8080", "localhost", 8080, false),
        ("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, true),
        ("[::1]:8080", "0:0::1", 8080, true),
        ("10.0.0.*:80", "10.0.0.7", 80, true),
        ("10.0.0.*:80", "::ffff:10.0.0.7", 80, true),
        ("10.0.0.*:80", "10.0.1.7", 80, false),
        ("10.0.0.?:80", "10.0.0.77", 80, false),
        ("?*:80", "", 80, false),
        ("**:80", "", 80, true),
        ("*.example:80", "a.EXAMPLE", 80, true),
        ("/run/a", "localhost", 80, false),
    ] {
        let host = ListenHost::parse(host.as_bytes()).unwrap();
        let permit = ListenPermit::parse(word).unwrap();
        let answer = permit.permits_tcp(&host, port);
        assert_eq!(answer, expected, "{word} {host} {port}");
    }
}

#[test]
fn a_socket_is_permitted_by_its_whole_path_or_all_of_them_are() {
    let long = alloc::format!("/{}", "a".repeat(SOCKET_PATH_MAX - 1));
    for (word, path, expected) in [
        ("/run/a", "/run/a", true),
        ("/run/a", "/run/A", false),
        ("/run/a", "/run//a", false),
        ("/run/a", "/run/x/../a", false),
        ("/run/a", "/run/a/", false),
        ("/*", "/run/a", true),
        (&long, &long, true),
        ("*:*", "/run/a", false),
    ] {
        let path = path.as_bytes();
        assert_eq!(Permit::parse(word).unwrap().permits_path(path), expected);
        let listen = ListenPermit::parse(word).unwrap();
        assert_eq!(listen.permits_path(path), expected, "{word}");
    }
}

#[test]
fn a_path_has_at_most_107_bytes_and_no_nul_and_begins_at_the_root() {
    let path = |n: usize| [b"/".to_vec(), b"a".repeat(n - 1)].concat();
    assert!(is_socket_path(&path(SOCKET_PATH_MAX - 1)));
    assert!(is_socket_path(&path(SOCKET_PATH_MAX)));
    assert!(!is_socket_path(&path(SOCKET_PATH_MAX + 1)));
    for bad in [&b""[..], b"a", b"./a", b"\0abstract", b"/a\0b", b"/\0"] {
        assert!(!is_socket_path(bad), "{bad:?}");
    }
}
