//! Files as people have them, and as they should not be.

use std::os::unix::fs::PermissionsExt as _;

use adit_auth::public_key::to_line;

use super::*;
use crate::provider::PROVIDER;
use crate::report::Level;
use crate::testing::Directory;

/// An Ed25519 key blob; which one does not matter here.
fn blob(seed: u8) -> Vec<u8> {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend_from_slice(&[seed; 32]);
    blob
}

fn line(seed: u8) -> String {
    to_line(&blob(seed), "someone").unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A home directory with `.ssh/authorized_keys`, as sshd wants them.
struct Home(Directory);

impl Home {
    fn with(contents: &str) -> Self {
        let home = Self(Directory::new());
        fs::create_dir(home.0.join(".ssh")).unwrap();
        for directory in [&*home.0, &home.0.join(".ssh")] {
            set_mode(directory, 0o755);
        }
        home.write(".ssh/authorized_keys", contents);
        home
    }

    fn write(&self, name: &str, contents: &str) {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        set_mode(&path, 0o600);
    }

    /// Whether key 1 may log in, and what was logged.
    fn decide(&self, user: &str, words: Option<&[&str]>, strict: StrictModes) -> (bool, String) {
        let report = Arc::new(Report::memory(Level::Debug1));
        let words: Option<Vec<String>> = words.map(|w| w.iter().map(|w| (*w).into()).collect());
        let authorizer = Authorizer::new(
            PROVIDER,
            words.as_deref(),
            Some(self.0.to_path_buf()),
            strict,
            nix::unistd::geteuid().as_raw(),
            Arc::clone(&report),
        );
        let client = Client {
            connection: 7,
            address: Some(IpAddr::from([192, 0, 2, 1])),
            now: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        };
        let decision = authorizer
            .unwrap()
            .decide(client, user.as_bytes(), &blob(1));
        let allowed = matches!(decision, Decision::Allowed(_));
        (allowed, report.kept().join("\n"))
    }

    fn allows(&self, user: &str, words: &[&str]) -> bool {
        self.decide(user, Some(words), StrictModes::Yes).0
    }
}

#[test]
fn a_key_in_the_default_file_logs_in_under_any_name() {
    let home = Home::with(&format!("# mine\n{}{}", line(2), line(1)));
    for user in ["alice", "", "../x", "\u{1b}[2J"] {
        let (allowed, log) = home.decide(user, None, StrictModes::Yes);
        assert!(allowed);
        assert!(log.contains("/.ssh/authorized_keys:3"), "{log}");
    }
}

#[test]
fn the_file_is_read_anew_for_each_question() {
    let home = Home::with(&line(2));
    assert!(!home.decide("a", None, StrictModes::Yes).0);
    home.write(".ssh/authorized_keys", &line(1));
    assert!(home.decide("a", None, StrictModes::Yes).0);
    fs::remove_file(home.0.join(".ssh/authorized_keys")).unwrap();
    let (allowed, log) = home.decide("a", None, StrictModes::Yes);
    assert!(
        !allowed && log.contains("debug1: Could not open user 'a'"),
        "{log}"
    );
}

#[test]
fn several_files_are_looked_through_and_none_is_none() {
    let home = Home::with(&line(1));
    home.write("keys-alice", &line(1));
    home.write("keys-bob", &line(2));
    assert!(home.allows("alice", &["keys-%u"]));
    assert!(home.allows("alice", &["%h/keys-%u"]));
    assert!(home.allows("bob", &["keys-%u", "missing", ".ssh/authorized_keys"]));
    assert!(!home.allows("bob", &["keys-%u"]));
    assert!(!home.allows("carol", &["keys-%u"]));
    assert!(!home.allows("alice", &["none"]));
    let absolute = home.0.join("keys-alice").display().to_string();
    assert!(home.allows("x", &[&absolute]));
}

#[test]
fn a_name_that_could_lead_elsewhere_has_no_place_in_a_path() {
    let home = Home::with(&line(1));
    for user in [
        "../.ssh/authorized_keys",
        ".ssh/authorized_keys",
        "..",
        "",
        "a/b",
        "x\0",
    ] {
        assert!(!home.allows(user, &["%u"]), "{user:?}");
        assert!(!home.allows(user, &["x/%u"]), "{user:?}");
    }
    home.write("alice", &line(1));
    assert!(home.allows("alice", &["%u"]));
}

#[test]
fn others_may_write_neither_to_the_file_nor_to_a_directory_above_it() {
    for (name, mode) in [
        (".ssh/authorized_keys", 0o620),
        (".ssh/authorized_keys", 0o602),
        (".ssh", 0o775),
        (".ssh", 0o1777),
        ("", 0o770),
    ] {
        let home = Home::with(&line(1));
        set_mode(&home.0.join(name), mode);
        let (allowed, log) = home.decide("a", None, StrictModes::Yes);
        assert!(!allowed, "{name:?} {mode:o}");
        let refused = "Authentication refused: bad ownership or modes for ";
        assert!(log.contains(refused), "{log}");
        assert!(
            home.decide("a", None, StrictModes::No).0,
            "{name:?} {mode:o}"
        );
    }
}

#[test]
fn a_link_is_followed_and_where_it_leads_is_looked_at() {
    let home = Home::with("");
    fs::create_dir(home.0.join("open")).unwrap();
    home.write("open/keys", &line(1));
    let path = home.0.join(".ssh/authorized_keys");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(home.0.join("open/keys"), &path).unwrap();
    set_mode(&home.0.join("open"), 0o755);
    assert!(home.decide("a", None, StrictModes::Yes).0);
    set_mode(&home.0.join("open"), 0o777);
    assert!(!home.decide("a", None, StrictModes::Yes).0);
}

#[test]
fn what_is_no_regular_file_or_too_large_is_not_read() {
    let home = Home::with("");
    let path = home.0.join(".ssh/authorized_keys");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    let (allowed, log) = home.decide("a\nb", None, StrictModes::No);
    assert!(!allowed && log.contains("Not a regular file"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    fs::remove_file(&path).unwrap();
    fs::File::create(&path).unwrap().set_len(1 << 34).unwrap();
    let (allowed, log) = home.decide("a", None, StrictModes::No);
    assert!(!allowed && log.contains("too large"), "{log}");
}

#[test]
fn one_attempt_complains_of_few_lines() {
    let many = format!("{}\n", "x".repeat(9000)).repeat(NOTES_MAX + 5);
    let home = Home::with(&format!("{many}{}", line(1)));
    let (allowed, log) = home.decide("a", None, StrictModes::Yes);
    assert!(allowed);
    assert_eq!(log.matches("longer than").count(), NOTES_MAX);
}

#[test]
fn a_word_that_names_no_file_is_an_error_at_the_start() {
    let home = Some(Path::new("/home/a"));
    for (word, expected) in [
        ("keys", Ok("/home/a/keys")),
        ("/etc/keys", Ok("/etc/keys")),
        ("/etc/%u", Ok("/etc/bob")),
        ("%h/x", Ok("/home/a/x")),
        ("/a%%b", Ok("/a%b")),
        ("/%u%u", Ok("/bobbob")),
        ("/%x", Err(BadTemplate::UnknownToken)),
        ("/%", Err(BadTemplate::UnknownToken)),
    ] {
        let path = Template::parse(word, home).map(|t| t.expand(b"bob", home).unwrap());
        assert_eq!(path, expected.map(PathBuf::from), "{word}");
    }
    assert_eq!(Template::parse("keys", None), Err(BadTemplate::NoHome));
    assert_eq!(Template::parse("/%h", None), Err(BadTemplate::NoHome));
    assert!(Template::parse("/etc/keys", None).is_ok());
}

#[test]
fn the_options_of_the_line_come_with_the_key() {
    let home = Home::with(&format!("restrict,port-forwarding {}", line(1)));
    assert!(home.allows("a", &[".ssh/authorized_keys"]));
    let text = format!("permitopen=\"a\" {}#\nfoo {}", line(1), line(1));
    let (allowed, log) = Home::with(&text).decide("a", None, StrictModes::Yes);
    assert!(!allowed);
    let why = |line: usize, why: &str| {
        log.contains(&format!(
            "authorized_keys:{line}: bad key option {why}, so the key is refused"
        ))
    };
    assert!(why(1, "\"permitopen\": missing port"), "{log}");
    assert!(why(3, "\"foo\": unknown key option"), "{log}");
}

#[test]
fn a_key_is_taken_from_where_its_line_says_and_until_then() {
    // The client of these tests is 192.0.2.1, the time 2001-09-09T01:46:40Z.
    for (options, expected) in [
        ("from=\"192.0.2.1\"", ""),
        ("from=\"10.0.0.1,192.0.2.0/24\"", ""),
        ("from=\"192.0.2.*\"", ""),
        ("from=\"!192.0.2.9,*\"", ""),
        ("expiry-time=\"20010909014640Z\"", ""),
        (
            "from=\"!192.0.2.1,*\"",
            "Authentication tried for a with correct key but not from a permitted host \
             (host=192.0.2.1, ip=192.0.2.1, required=!192.0.2.1,*).",
        ),
        (
            "from=\"10.0.0.0/8\"",
            "Authentication tried for a with correct key but not from a permitted host \
             (host=192.0.2.1, ip=192.0.2.1, required=10.0.0.0/8).",
        ),
        (
            "from=\"*.example\"",
            "bad key option \"from\": not a list of addresses, so the key is refused",
        ),
        (
            "from=\"192.0.2.1/33\"",
            "bad key option \"from\": not a list of addresses, so the key is refused",
        ),
        (
            "expiry-time=\"20010909014639Z\"",
            "entry expired at 2001-09-09T01:46:39Z",
        ),
    ] {
        let home = Home::with(&format!("{options} {}", line(1)));
        let (allowed, log) = home.decide("a", None, StrictModes::Yes);
        assert_eq!(allowed, expected.is_empty(), "{options}: {log}");
        assert!(
            log.contains(&format!("authorized_keys:1: {expected}")) || allowed,
            "{log}"
        );
    }
}

#[test]
fn a_line_that_does_not_suit_leaves_the_key_to_those_behind_it() {
    let text = format!("from=\"10.0.0.1\" {}{}", line(1), line(1));
    let (allowed, log) = Home::with(&text).decide("a", None, StrictModes::Yes);
    assert!(allowed && log.contains("/.ssh/authorized_keys:2"), "{log}");
}
