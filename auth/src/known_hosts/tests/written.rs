//! What is written to a file of known hosts.

use adit_crypto::Provider;
use adit_testkit::on_every_provider;

use super::*;

fn a_line_that_was_written_is_found_again(provider: &'static Provider) {
    for (host, port) in [
        ("host", 22),
        ("Host.Example.com", 2222),
        ("::1", 22),
        ("fe80::1%e0", 1),
    ] {
        let host = HostName::new(host.as_bytes(), port);
        let blob = ed25519_blob(1);
        let plain = line(provider, &host, &blob, Form::Plain).unwrap();
        let hashed = line(provider, &host, &blob, Form::Hashed(provider.random)).unwrap();
        let again = line(provider, &host, &blob, Form::Hashed(provider.random)).unwrap();
        let name = str::from_utf8(host.as_bytes()).unwrap();
        assert_eq!(plain, format!("{name} {}\n", key(1)));
        assert!(!hashed.contains(name) && hashed != again);
        for content in [&plain, &hashed] {
            assert_eq!(verdict(&[content], &host, 1), known(0, 1), "{content}");
            assert_eq!(verdict(&[content], &host, 2), changed(0, 1, "ED25519"));
            let other = HostName::new(b"other", 22);
            assert_eq!(verdict(&[content], &other, 1), Verdict::Unknown);
        }
    }
}

#[test]
fn a_name_that_means_something_else_is_never_written() {
    for host in [
        "", "*", "a*b", "a?", "!a", "@revoked", "#a", "a,b", "a b", "a\tb", "a\nb", "[a]", "a|b",
        "\"a\"", "a'", "a\\b", "\u{e4}", "a\0",
    ] {
        for name in [
            HostName::new(host.as_bytes(), 22),
            HostName::new(host.as_bytes(), 2222),
        ] {
            for form in [Form::Plain, Form::Hashed(RING.random)] {
                let written = line(&RING, &name, &ed25519_blob(1), form);
                assert_eq!(written, Err(CannotWrite::BadName), "{host:?}");
            }
        }
    }
    let host = HostName::new(b"host", 22);
    assert_eq!(
        line(&RING, &host, b"", Form::Plain),
        Err(CannotWrite::BadKey)
    );
}

#[test]
fn without_randomness_nothing_is_hashed() {
    struct Empty;
    impl SecureRandom for Empty {
        fn fill(&self, _: &mut [u8]) -> Result<(), Unspecified> {
            Err(Unspecified)
        }
    }
    let host = HostName::new(b"host", 22);
    let written = line(&RING, &host, &ed25519_blob(1), Form::Hashed(&Empty));
    assert_eq!(written, Err(CannotWrite::NoRandomness));
}

#[test]
fn a_line_is_never_glued_to_one_without_an_end() {
    assert_eq!(repair(b""), "");
    assert_eq!(repair(b"a\n"), "");
    assert_eq!(repair(b"a\r\n"), "");
    assert_eq!(repair(b"a"), "\n");
    assert_eq!(repair(b"a\r"), "\n");
    let (host, first) = (HostName::new(b"host", 22), format!("other {}", key(2)));
    let new = line(&RING, &host, &ed25519_blob(1), Form::Plain).unwrap();
    let content = String::from_utf8(with_line(first.as_bytes(), &new)).unwrap();
    assert_eq!(content, format!("{first}\n{new}"));
    assert_eq!(verdict(&[&content], &host, 1), known(0, 2));
    assert_eq!(
        verdict(&[&content], &HostName::new(b"other", 22), 2),
        known(0, 1)
    );
}

// Lines are looked for with both real providers.
on_every_provider! { real: a_line_that_was_written_is_found_again }
