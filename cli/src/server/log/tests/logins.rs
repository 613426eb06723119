//! Who logged in, and who tried to.

use super::*;

#[test]
fn a_login_has_the_line_of_sshd() {
    let user = Some(&b"alice"[..]);
    let accepted = Event::Authenticated {
        peer: peer(user),
        how: How::Publickey {
            key_type: "ssh-ed25519",
            fingerprint: fingerprint(),
        },
    };
    let line =
        format!("Accepted publickey for alice from 192.0.2.1 port 50000 ssh2: ED25519 {KEY}");
    assert_eq!(
        logged(&[connected(), accepted, gone(user, Gone::Closed)]),
        [
            line,
            "Connection closed by user alice 192.0.2.1 port 50000".into()
        ]
    );
}

#[test]
fn a_refused_key_has_the_line_of_sshd() {
    let refused = failed("publickey", Some("ssh-ed25519"), 1);
    let refused = Event::AuthenticationFailed {
        peer: peer(None),
        user: b"alice",
        failed: &refused,
    };
    let line = format!("Failed publickey for alice from 192.0.2.1 port 50000 ssh2: ED25519 {KEY}");
    let end = "Connection closed by authenticating user alice 192.0.2.1 port 50000 [preauth]";
    assert_eq!(
        logged(&[connected(), refused, gone(None, Gone::Closed)]),
        [line, end.into()]
    );
}

#[test]
fn a_key_that_is_too_short_is_told_as_sshd_tells_it() {
    let mut refused = failed("publickey", Some("ssh-rsa"), 1);
    refused.key.as_mut().unwrap().signature = FailedSignature::KeyUnsound;
    let refused = Event::AuthenticationFailed {
        peer: peer(None),
        user: b"alice",
        failed: &refused,
    };
    let line = format!("Failed publickey for alice from 192.0.2.1 port 50000 ssh2: RSA {KEY}");
    let short = "refusing RSA key: Invalid key length";
    assert_eq!(logged(&[refused]), [short, &line]);
}

#[test]
fn every_type_of_key_has_its_name_in_the_line_about_a_login() {
    for (key_type, label) in [
        ("ssh-ed25519", "ED25519"),
        ("ecdsa-sha2-nistp256", "ECDSA"),
        ("ecdsa-sha2-nistp384", "ECDSA"),
        ("ssh-rsa", "RSA"),
    ] {
        let accepted = Event::Authenticated {
            peer: peer(Some(b"alice")),
            how: How::Publickey {
                key_type,
                fingerprint: fingerprint(),
            },
        };
        let line =
            format!("Accepted publickey for alice from 192.0.2.1 port 50000 ssh2: {label} {KEY}");
        assert_eq!(logged(&[accepted]), [line]);
    }
}

#[test]
fn asking_with_none_is_not_worth_a_line_and_a_password_is() {
    let lines = |method: &str, failures: u32| {
        logged(&[Event::AuthenticationFailed {
            peer: peer(None),
            user: b"bob",
            failed: &failed(method, None, failures),
        }])
    };
    assert!(lines("none", 0).is_empty());
    let password = "Failed password for bob from 192.0.2.1 port 50000 ssh2";
    assert_eq!(lines("password", 1), [password]);
    assert_eq!(lines("password", 2), [password]);
    let last =
        "maximum authentication attempts exceeded for bob from 192.0.2.1 port 50000 ssh2 [preauth]";
    assert_eq!(lines("password", 3), [password, last]);
}
