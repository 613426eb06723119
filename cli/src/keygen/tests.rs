//! What is asked, said and written, with a person who follows a script.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use adit_auth::Fingerprint;
use adit_auth::keyfile::{KeyFile, KeyFileError, Parsed};
use adit_auth::public_key::{self, PublicKey};
use adit_crypto::Secret;

use super::ask::Ask;
use super::command;
use super::run::{Ending, World, run};
use crate::me::Me;
use crate::provider::PROVIDER;
use crate::report::{Level, Report};
use crate::terminal::NoAnswer;
use crate::testing::Directory;

/// Answers from a list; nobody, when there is none.
#[derive(Default)]
struct Script {
    answers: Option<Vec<&'static str>>,
    asked: Vec<String>,
}

impl Script {
    fn answer(&mut self, prompt: &str) -> Result<&'static str, NoAnswer> {
        self.asked.push(prompt.to_owned());
        match &mut self.answers {
            None => Err(NoAnswer::Nobody),
            Some(answers) if answers.is_empty() => Err(NoAnswer::Cancelled),
            Some(answers) => Ok(answers.remove(0)),
        }
    }
}

impl Ask for Script {
    fn line(&mut self, prompt: &str) -> Result<String, NoAnswer> {
        self.answer(prompt).map(str::to_owned)
    }

    fn secret(&mut self, prompt: &str) -> Result<Secret, NoAnswer> {
        self.answer(prompt).map(|a| Secret::copy_of(a.as_bytes()))
    }
}

struct Case {
    directory: Directory,
    person: Script,
}

struct Outcome {
    ending: Ending,
    said: String,
    failed: String,
    asked: Vec<String>,
}

impl Case {
    fn new() -> Self {
        Self {
            directory: Directory::new(),
            person: Script::default(),
        }
    }

    fn answering(answers: &[&'static str]) -> Self {
        let mut case = Self::new();
        case.person.answers = Some(answers.to_vec());
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// `@` in an argument stands for the directory.
    fn run(&mut self, args: &[&str]) -> Outcome {
        let here = self.directory.display().to_string();
        let args = args
            .iter()
            .map(|arg| OsString::from(arg.replace('@', &here)));
        let command = command::parse(args).unwrap();
        let report = Report::memory(Level::Info);
        let mut out = Vec::new();
        let mut world = World {
            me: &Me {
                home: self.directory.to_path_buf(),
                name: Some("bob".to_owned()),
                uid: nix::unistd::getuid().as_raw(),
            },
            host: "host".to_owned(),
            person: &mut self.person,
            out: &mut out,
            report: &report,
        };
        let ending = run(command, &mut world);
        Outcome {
            ending,
            said: String::from_utf8(out).unwrap().replace(&here, "@"),
            failed: report.kept().join("\n").replace(&here, "@"),
            asked: std::mem::take(&mut self.person.asked)
                .iter()
                .map(|prompt| prompt.replace(&here, "@"))
                .collect(),
        }
    }

    fn parse(&self, name: &str) -> Parsed {
        let text = fs::read(self.path(name)).unwrap();
        KeyFile::parse(&text, PROVIDER.keys).unwrap()
    }

    fn line(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<OsString> {
        let entries = fs::read_dir(&*self.directory).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_key_is_made_in_the_words_of_ssh_keygen() {
    let mut case = Case::answering(&["", "", ""]);
    let outcome = case.run(&[]);
    assert_eq!((outcome.ending, &outcome.failed[..]), (Ending::Done, ""));
    assert_eq!(
        outcome.asked,
        [
            "Enter file in which to save the key (@/.ssh/id_ed25519): ",
            "Enter passphrase (empty for no passphrase): ",
            "Enter same passphrase again: ",
        ]
    );
    let line = case.line(".ssh/id_ed25519.pub");
    let public = PublicKey::parse_file(line.as_bytes()).unwrap();
    assert_eq!(public.comment, b"bob@host");
    let fingerprint = Fingerprint::of(PROVIDER, &public.blob);
    assert_eq!(
        outcome.said,
        format!(
            "Generating public/private ed25519 key pair.\n\
             Created directory '@/.ssh'.\n\
             Your identification has been saved in @/.ssh/id_ed25519\n\
             Your public key has been saved in @/.ssh/id_ed25519.pub\n\
             The key fingerprint is:\n\
             {fingerprint} bob@host\n"
        )
    );
    let key = case.parse(".ssh/id_ed25519").plain().unwrap();
    assert_eq!(key.public_blob(), public.blob);
    assert_eq!(key.comment(), b"bob@host");
    assert_eq!(mode(&case.path(".ssh")), 0o700);
    assert_eq!(mode(&case.path(".ssh/id_ed25519")), 0o600);
    assert_eq!(mode(&case.path(".ssh/id_ed25519.pub")), 0o644);
}

#[test]
fn with_everything_given_nothing_is_asked_and_quiet_says_nothing() {
    let mut case = Case::new();
    let outcome = case.run(&["-q", "-f", "@/key", "-N", "", "-C", "x y"]);
    assert_eq!(outcome.ending, Ending::Done);
    assert_eq!((&outcome.said[..], &outcome.failed[..]), ("", ""));
    assert_eq!(outcome.asked, [""; 0]);
    assert_eq!(case.parse("key").plain().unwrap().comment(), b"x y");
    assert!(case.line("key.pub").ends_with(" x y\n"));
    let outcome = case.run(&["-q", "-f", "@/none", "-N", "", "-C", ""]);
    assert_eq!(outcome.ending, Ending::Done);
    assert_eq!(case.line("none.pub").split(' ').count(), 2);
}

#[test]
fn a_passphrase_is_asked_for_until_it_is_the_same_twice() {
    let mut case = Case::answering(&["one", "two", "secret", "secret"]);
    let outcome = case.run(&["-f", "@/key", "-a", "2"]);
    assert_eq!(outcome.ending, Ending::Done);
    assert_eq!(outcome.asked.len(), 4);
    assert!(
        outcome
            .said
            .contains("\nPassphrases do not match.  Try again.\n"),
        "{}",
        outcome.said
    );
    let Parsed::Locked(locked) = case.parse("key") else {
        panic!("it has no passphrase");
    };
    assert!(locked.unlock(&Secret::copy_of(b"secret"), PROVIDER).is_ok());
    assert_eq!(
        locked.unlock(&Secret::copy_of(b"one"), PROVIDER).err(),
        Some(KeyFileError::WrongPassphrase)
    );
}

#[test]
fn nothing_is_written_over_unless_a_person_says_so() {
    for file in ["key", "key.pub"] {
        for (answers, ending) in [
            (None, Ending::Declined),
            (Some(vec!["n"]), Ending::Declined),
            (Some(vec![""]), Ending::Declined),
            (Some(vec!["no, y"]), Ending::Declined),
            (Some(vec![]), Ending::Declined),
            (Some(vec!["y"]), Ending::Done),
            (Some(vec!["Yes"]), Ending::Done),
        ] {
            let mut case = Case::new();
            case.person.answers = answers.clone();
            fs::write(case.path(file), "precious").unwrap();
            let before = case.names();
            let outcome = case.run(&["-f", "@/key", "-N", ""]);
            assert_eq!(outcome.ending, ending, "{answers:?}");
            let question = format!("@/{file} already exists.\nOverwrite (y/n)? ");
            assert_eq!(outcome.asked, [question]);
            if ending == Ending::Declined {
                assert_eq!(case.line(file), "precious");
                assert_eq!(case.names(), before);
            } else {
                assert!(case.parse("key").plain().is_ok());
                assert_eq!(mode(&case.path("key")), 0o600);
                assert_eq!(mode(&case.path("key.pub")), 0o644);
                assert_eq!(case.names(), ["key", "key.pub"]);
            }
            if answers.is_none() {
                assert_eq!(
                    outcome.failed,
                    format!("@/{file} already exists.\nadit-keygen: there is nobody to ask")
                );
            }
        }
    }
}

#[test]
fn a_pair_is_asked_about_once() {
    let mut case = Case::answering(&["y"]);
    for name in ["key", "key.pub"] {
        fs::write(case.path(name), "old").unwrap();
    }
    let outcome = case.run(&["-f", "@/key", "-N", ""]);
    assert_eq!(outcome.ending, Ending::Done);
    assert_eq!(outcome.asked.len(), 1);
    assert!(case.line("key.pub").starts_with("ssh-ed25519 "));
    assert_eq!(case.names(), ["key", "key.pub"]);
}

#[test]
fn a_link_is_something_and_what_it_leads_to_stays() {
    let mut case = Case::answering(&["y"]);
    fs::write(case.path("target"), "precious").unwrap();
    symlink(case.path("target"), case.path("key")).unwrap();
    assert_eq!(case.run(&["-f", "@/key", "-N", ""]).ending, Ending::Done);
    assert_eq!(case.line("target"), "precious");
    assert!(case.parse("key").plain().is_ok());
    let mut case = Case::new();
    symlink(case.path("nowhere"), case.path("key")).unwrap();
    let outcome = case.run(&["-f", "@/key", "-N", ""]);
    assert_eq!(outcome.ending, Ending::Declined);
    assert_eq!(case.names(), ["key"]);
}

#[test]
fn what_cannot_be_saved_is_said_before_anything_is_asked() {
    for (name, why) in [
        ("none/key", "No such file or directory"),
        ("directory", "is a directory"),
        ("file/key", "Not a directory"),
    ] {
        let mut case = Case::new();
        fs::create_dir(case.path("directory")).unwrap();
        fs::write(case.path("file"), "").unwrap();
        let outcome = case.run(&["-f", &format!("@/{name}"), "-N", ""]);
        assert_eq!(outcome.ending, Ending::Failed);
        assert_eq!(
            outcome.failed,
            format!("Saving key \"@/{name}\" failed: {why}")
        );
        assert_eq!(outcome.asked, [""; 0]);
    }
}

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
