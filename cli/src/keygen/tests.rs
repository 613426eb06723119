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

mod shown;

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
