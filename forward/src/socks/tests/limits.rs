//! How long each part of a request may be.

use super::*;

#[test]
fn a_user_has_at_most_255_bytes() {
    for (len, fits) in [
        (USER_MAX - 1, true),
        (USER_MAX, true),
        (USER_MAX + 1, false),
    ] {
        let user = [&vec![b'u'; len][..], b"\0"].concat();
        let expected = if fits {
            asked(Version::Socks4, "192.0.2.1", 80)
        } else {
            refused(Refusal::TooLong)
        };
        assert_eq!(end(&socks4(80, [192, 0, 2, 1], &user)), expected, "{len}");
    }
}

#[test]
fn a_name_has_at_most_255_bytes() {
    for (len, fits) in [
        (NAME_MAX - 1, true),
        (NAME_MAX, true),
        (NAME_MAX + 1, false),
    ] {
        let name = "n".repeat(len);
        let expected = |version| match fits {
            true => asked(version, &name, 80),
            false => refused(Refusal::BadHost),
        };
        let behind = format!("\0{name}\0");
        let bytes = socks4(80, [0, 0, 0, 1], behind.as_bytes());
        assert_eq!(end(&bytes), expected(Version::Socks4a), "{len}");
        let bytes = connect(&format!("{name}:80"));
        assert_eq!(end(&bytes), expected(Version::Connect), "{len}");
        if fits {
            let bytes = socks5_name(name.as_bytes(), 80);
            assert_eq!(end(&bytes), expected(Version::Socks5), "{len}");
        }
    }
}

#[test]
fn a_method_has_at_most_32_letters() {
    for (len, expected) in [
        (METHOD_MAX - 1, Refusal::Method),
        (METHOD_MAX, Refusal::Method),
        (METHOD_MAX + 1, Refusal::NotProxy),
    ] {
        let bytes = format!("{} / HTTP/1.1\r\n", "M".repeat(len));
        assert_eq!(end(bytes.as_bytes()), refused(expected), "{len}");
    }
}

#[test]
fn a_target_has_at_most_263_bytes() {
    for (len, expected) in [
        (TARGET_MAX - 1, Refusal::BadHost),
        (TARGET_MAX, Refusal::BadHost),
        (TARGET_MAX + 1, Refusal::TooLong),
    ] {
        let bytes = connect(&format!("{}:80", "t".repeat(len - 3)));
        assert_eq!(end(&bytes), refused(expected), "{len}");
    }
}

#[test]
fn a_head_has_at_most_64_kib() {
    const LINE: &str = "CONNECT h:80 HTTP/1.1\r\n";
    for (len, fits) in [
        (HEAD_MAX - 1, true),
        (HEAD_MAX, true),
        (HEAD_MAX + 1, false),
    ] {
        let field = "f".repeat(len - LINE.len() - 4);
        let bytes = format!("{LINE}{field}\r\n\r\n");
        assert_eq!(bytes.len(), len);
        let expected = match fits {
            true => asked(Version::Connect, "h", 80),
            false => refused(Refusal::TooLong),
        };
        assert_eq!(end(bytes.as_bytes()), expected, "{len}");
    }
    // Nothing of it is kept.
    let mut greeting = Greeting::default();
    greeting.handle(LINE.as_bytes());
    greeting.handle(&vec![b'f'; HEAD_MAX / 2]);
    let State::Connect(connect) = &greeting.0 else {
        panic!("it is HTTP");
    };
    assert!(connect.held() <= TARGET_MAX);
}
