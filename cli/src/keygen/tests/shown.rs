//! What is printed of keys that there are.

use super::*;

#[test]
fn a_public_half_is_printed_from_a_private_key() {
    let mut case = Case::answering(&["secret", "wrong"]);
    case.run(&["-q", "-f", "@/plain", "-N", "", "-C", "c"]);
    case.run(&["-q", "-f", "@/locked", "-N", "secret", "-a", "1"]);
    let outcome = case.run(&["-y", "-f", "@/plain"]);
    assert_eq!(outcome.said, case.line("plain.pub"));
    let outcome = case.run(&["-y", "-f", "@/locked"]);
    assert_eq!(outcome.asked, ["Enter passphrase: "]);
    assert_eq!(outcome.said, case.line("locked.pub"));
    let wrong = "Load key \"@/locked\": incorrect passphrase supplied to decrypt private key";
    let outcome = case.run(&["-y", "-f", "@/locked"]);
    assert_eq!(
        (outcome.ending, &outcome.failed[..]),
        (Ending::Failed, wrong)
    );
    let outcome = case.run(&["-y", "-f", "@/locked", "-P", "secret"]);
    assert_eq!(outcome.said, case.line("locked.pub"));
    let outcome = case.run(&["-y", "-f", "@/locked", "-P", ""]);
    assert_eq!(
        (outcome.ending, &outcome.failed[..]),
        (Ending::Failed, wrong)
    );
}

#[test]
fn what_is_no_private_key_is_said_in_one_line() {
    let mut case = Case::new();
    fs::write(case.path("text"), "hello\n").unwrap();
    fs::write(case.path("huge"), vec![b'x'; 70_000]).unwrap();
    for name in ["text", "huge"] {
        fs::set_permissions(case.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let fifo = case.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, line) in [
        ("none", "@/none: No such file or directory"),
        (
            "text",
            "Load key \"@/text\": invalid format (not a private key)",
        ),
        ("huge", "@/huge: File too large"),
        ("fifo", "@/fifo: Not a regular file"),
        (".", "@/.: Not a regular file"),
    ] {
        let outcome = case.run(&["-y", "-f", &format!("@/{name}")]);
        assert_eq!(outcome.ending, Ending::Failed);
        assert_eq!(outcome.failed, line);
    }
    for letter in ["-y", "-l"] {
        let outcome = case.run(&[letter, "-f", "/dev/zero"]);
        assert_eq!(outcome.ending, Ending::Failed);
        assert!(outcome.failed.ends_with("/dev/zero: Not a regular file"));
    }
    case.run(&["-q", "-f", "@/open", "-N", ""]);
    fs::set_permissions(case.path("open"), fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = case.run(&["-y", "-f", "@/open"]);
    assert!(outcome.failed.contains("UNPROTECTED PRIVATE KEY FILE"));
    assert!(
        outcome
            .failed
            .ends_with("Load key \"@/open\": bad permissions")
    );
}

#[test]
fn fingerprints_are_shown_of_whatever_holds_keys() {
    let mut case = Case::new();
    case.run(&["-q", "-f", "@/a", "-N", "", "-C", "mine"]);
    case.run(&["-q", "-f", "@/b", "-N", "secret", "-a", "1", "-C", "locked"]);
    let shown = |case: &Case, name: &str, comment: &str| {
        let line = case.line(&format!("{name}.pub"));
        let key = PublicKey::parse_file(line.as_bytes()).unwrap();
        let fingerprint = Fingerprint::of(PROVIDER, &key.blob);
        format!("256 {fingerprint} {comment} (ED25519)\n")
    };
    let (a, b) = (shown(&case, "a", "mine"), shown(&case, "b", "locked"));
    for (name, expected) in [("a", &a), ("a.pub", &a), ("b", &b), ("b.pub", &b)] {
        let outcome = case.run(&["-l", "-f", &format!("@/{name}")]);
        assert_eq!((outcome.ending, &outcome.said), (Ending::Done, expected));
        assert_eq!(outcome.asked, [""; 0]);
    }
    // The comment of a locked key is in its public half, if that is there.
    fs::copy(case.path("b"), case.path("alone")).unwrap();
    let outcome = case.run(&["-l", "-f", "@/alone"]);
    assert_eq!(outcome.said, shown(&case, "b", "no comment"));
    fs::copy(case.path("a.pub"), case.path("alone.pub")).unwrap();
    let outcome = case.run(&["-l", "-f", "@/alone"]);
    assert_eq!(outcome.said, shown(&case, "b", "no comment"));

    let key = |name: &str| {
        let line = case.line(&format!("{name}.pub"));
        let key = PublicKey::parse_file(line.as_bytes()).unwrap();
        public_key::to_line(&key.blob, "").unwrap()
    };
    let (bare_a, bare_b) = (key("a"), key("b"));
    let known = format!(
        "# a comment\n\n[h]:22,b {bare_a}@revoked *.x {bare_b}garbage\r\n\
         no-pty,command=\"a \\\" b\" {bare_a}\t{bare_b}"
    );
    fs::write(case.path("known"), known).unwrap();
    let outcome = case.run(&["-l", "-f", "@/known"]);
    let expected = [
        shown(&case, "a", "[h]:22,b"),
        shown(&case, "b", "*.x"),
        // What is not printable is escaped, and the backslash of the options is, too.
        shown(&case, "a", "no-pty,command=\"a \\\\\" b\""),
        shown(&case, "b", "no comment"),
    ];
    assert_eq!(outcome.said, expected.concat());
}

#[test]
fn what_holds_no_key_has_no_fingerprint() {
    let mut case = Case::new();
    fs::write(case.path("text"), "hello\nssh-ed25519 AAAA\n").unwrap();
    fs::write(case.path("empty"), "").unwrap();
    for (name, line) in [
        ("none", "adit-keygen: @/none: No such file or directory"),
        ("text", "@/text is not a public key file."),
        ("empty", "@/empty is not a public key file."),
        (".", "adit-keygen: @/.: Not a regular file"),
    ] {
        let outcome = case.run(&["-l", "-f", &format!("@/{name}")]);
        assert_eq!(outcome.ending, Ending::Failed);
        assert_eq!((&outcome.said[..], &outcome.failed[..]), ("", line));
    }
    let escape = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH \x1b[2J\n";
    fs::write(case.path("escape"), escape).unwrap();
    let outcome = case.run(&["-l", "-f", "@/escape"]);
    assert!(outcome.said.contains("\\u{1b}[2J"), "{}", outcome.said);
}

/// Takes nothing.
struct Full(ErrorKind);

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_is_lost_is_a_failure() {
    for (kind, lines) in [
        (
            ErrorKind::StorageFull,
            &["adit-keygen: no storage space"][..],
        ),
        (ErrorKind::BrokenPipe, &[]),
    ] {
        let report = Report::memory(Level::Info);
        let mut world = World {
            me: &Me::find(),
            host: String::new(),
            person: &mut Script::default(),
            out: &mut Full(kind),
            report: &report,
        };
        let ending = run(command::Command::Version, &mut world);
        assert_eq!(ending, Ending::Failed);
        assert_eq!(report.kept(), lines);
    }
}
