//! The command line of `adit-keygen`: ssh-keygen's letters where it has them.

use std::ffi::OsString;
use std::path::PathBuf;

use adit_auth::keyfile::{ROUNDS_DEFAULT, ROUNDS_MAX};
use adit_crypto::Secret;

use crate::args::{Arg, Args};
use crate::value;

/// Longest comment. A file has at most 64 KiB, and a line of authorized_keys should be readable.
pub const COMMENT_MAX: usize = 1024;

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Print what there is.
    Help,
    /// Print the version.
    Version,
    /// Make a key.
    Make(Make),
    /// `-l`: show fingerprints.
    Show(Option<PathBuf>),
    /// `-y`: print the public half of a private key.
    Public(Public),
}

/// A key that is to be made.
#[derive(Debug)]
pub struct Make {
    /// `-f`; asked for when it is missing.
    pub file: Option<PathBuf>,
    /// `-C`; `user@host` when it is missing.
    pub comment: Option<String>,
    /// `-N`; asked for when it is missing, and none when it is empty.
    pub passphrase: Option<Passphrase>,
    /// `-a`.
    pub rounds: u32,
    /// `-q`.
    pub talk: Talk,
}

/// A private key whose public half is wanted.
#[derive(Debug)]
pub struct Public {
    /// `-f`; asked for when it is missing.
    pub file: Option<PathBuf>,
    /// `-P`; asked for when it is missing.
    pub passphrase: Option<Passphrase>,
}

/// Whether what is done is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Talk {
    /// As it goes.
    Aloud,
    /// Only failures.
    Quiet,
}

/// A passphrase from the command line.
pub struct Passphrase(pub Secret);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A command line that cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommandError {
    /// This line, and no usage.
    Refused(String),
    /// This line, and the usage.
    Usage(String),
}

/// What `adit-keygen` prints for a wrong command line. Lines of at most 80 characters.
pub const USAGE: &str = "\
usage: adit-keygen [-q] [-a rounds] [-C comment] [-f output_keyfile]
                   [-N new_passphrase] [-t ed25519]
       adit-keygen -l [-f input_keyfile]
       adit-keygen -y [-f input_keyfile] [-P passphrase]
       adit-keygen -h | -V";

/// What `--help` adds to it.
pub const HELP: &str = "
adit-keygen makes a key for adit, aditd, ssh and sshd: FILE for yourself, and
FILE.pub for the servers, whose authorized_keys it goes into.

  adit-keygen                      asks for the file and the passphrase
  adit-keygen -f FILE -N ''        asks nothing; a file that is there is not
                                   written over
  adit-keygen -l -f FILE           fingerprints of a private or public key, of
                                   known_hosts, of authorized_keys
  adit-keygen -y -f FILE           the public half of a private key

Options mean what they mean to ssh-keygen(1):
  -a  Rounds of bcrypt between a passphrase and the key, 24 unless said. More
      make guessing dearer, and every use: a hundred take about a second.
  -C  What is written behind the key: user@host unless said.
  -f  The file; for -l and -y, - is standard input.
  -b, -o  Mean nothing for keys of this type.
  -E  sha256, and no other hash.
  -N  The passphrase; others on this machine can see it while this runs.
  -P  The passphrase of a key that there is, for -y; the same goes for it.
  -t  ed25519 is the only type that is made here. Keys of other types are made
      by ssh-keygen, and adit uses them.";

const LETTERS: &str = "a:b:C:E:f:hlN:oP:qt:Vy";

/// What a command line is about.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mode {
    Make,
    Show,
    Public,
}

/// Reads a command line, without the program's name.
///
/// # Errors
/// [`CommandError`]: whatever is read first from left to right.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, CommandError> {
    let mut args = Args::new(LETTERS, &["--help"], args);
    let wrong = |text: &dyn ToString| CommandError::Usage(text.to_string());
    let mut mode = Mode::Make;
    let mut make = Make {
        file: None,
        comment: None,
        passphrase: None,
        rounds: ROUNDS_DEFAULT,
        talk: Talk::Aloud,
    };
    let mut old_passphrase = None;
    while let Some(arg) = args.next_arg().map_err(|error| wrong(&error))? {
        match arg {
            Arg::Operand(word) if word == "--help" && !args.terminated() => {
                return Ok(Command::Help);
            }
            Arg::Operand(_) => return Err(wrong(&"Too many arguments.")),
            Arg::Flag('h') => return Ok(Command::Help),
            Arg::Flag('V') => return Ok(Command::Version),
            Arg::Flag('q') => make.talk = Talk::Quiet,
            // As with ssh-keygen: there is no other format for keys of this type.
            Arg::Flag('o') => {}
            Arg::Flag(letter) => {
                let asked = match letter {
                    'l' => Mode::Show,
                    _ => Mode::Public,
                };
                if mode != Mode::Make && mode != asked {
                    return Err(wrong(&"-l and -y do not go together."));
                }
                mode = asked;
            }
            Arg::Value('P', word) => {
                old_passphrase = Some(Passphrase(Secret::new(word.into_bytes())));
            }
            Arg::Value(letter, word) => make.value(letter, word)?,
        }
    }
    Ok(match mode {
        Mode::Make => Command::Make(make),
        Mode::Show => Command::Show(make.file),
        Mode::Public => Command::Public(Public {
            file: make.file,
            passphrase: old_passphrase,
        }),
    })
}

impl Make {
    fn value(&mut self, letter: char, word: String) -> Result<(), CommandError> {
        match letter {
            'a' => {
                self.rounds = value::number(&word)
                    .filter(|rounds| (1..=ROUNDS_MAX).contains(rounds))
                    .ok_or_else(|| {
                        refused(&format!("Invalid number: rounds are 1 to {ROUNDS_MAX}."))
                    })?;
            }
            // As with ssh-keygen: keys of this type have one length. Many notes on the web say -b.
            'b' => {
                let _: u32 = value::number(&word)
                    .ok_or_else(|| refused(&format!("Invalid number: '{word}' is no length.")))?;
            }
            'C' if word.len() > COMMENT_MAX => {
                return Err(refused(&format!(
                    "Comment longer than {COMMENT_MAX} bytes."
                )));
            }
            'C' => self.comment = Some(word),
            'E' if !word.eq_ignore_ascii_case("sha256") => {
                return Err(refused("-E: fingerprints are shown in SHA256 alone."));
            }
            'E' => {}
            'f' if word.is_empty() => return Err(refused("-f needs the name of a file.")),
            'f' => self.file = Some(word.into()),
            'N' => self.passphrase = Some(Passphrase(Secret::new(word.into_bytes()))),
            't' => key_type(&word)?,
            other => return Err(CommandError::Usage(format!("unknown option -- {other}"))),
        }
        Ok(())
    }
}

/// Only one type is made; others are known.
fn key_type(word: &str) -> Result<(), CommandError> {
    match word.to_ascii_lowercase().as_str() {
        "ed25519" | "ssh-ed25519" => Ok(()),
        "rsa" | "ecdsa" | "ed25519-sk" | "ecdsa-sk" => Err(refused(&format!(
            "adit-keygen makes ed25519 keys alone; \"ssh-keygen -t {word}\" makes that one."
        ))),
        "dsa" => Err(refused(
            "DSA keys are not made: no server should accept them. Use ed25519.",
        )),
        _ => Err(refused(&format!("unknown key type {word}"))),
    }
}

fn refused(text: &str) -> CommandError {
    CommandError::Refused(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Command, CommandError> {
        parse(args.iter().map(OsString::from))
    }

    fn make(args: &[&str]) -> Make {
        let Command::Make(make) = read(args).unwrap() else {
            panic!("{args:?}");
        };
        make
    }

    fn line(args: &[&str]) -> String {
        match read(args).unwrap_err() {
            CommandError::Refused(line) | CommandError::Usage(line) => line,
        }
    }

    #[test]
    fn without_options_a_key_is_made_and_everything_asked() {
        let make = make(&[]);
        assert!(make.file.is_none() && make.comment.is_none() && make.passphrase.is_none());
        assert_eq!((make.rounds, make.talk), (24, Talk::Aloud));
    }

    #[test]
    fn the_letters_are_those_of_ssh_keygen() {
        let make = make(&[
            "-qted25519",
            "-f",
            "key",
            "-C",
            "a b",
            "-Nsecret",
            "-a",
            "100",
        ]);
        assert_eq!(make.file, Some(PathBuf::from("key")));
        assert_eq!(make.comment.as_deref(), Some("a b"));
        let Passphrase(passphrase) = make.passphrase.unwrap();
        assert_eq!(passphrase.expose(), b"secret");
        assert_eq!((make.rounds, make.talk), (100, Talk::Quiet));
        assert!(matches!(
            read(&["-lf", "key"]),
            Ok(Command::Show(Some(file))) if file.as_os_str() == "key"
        ));
        assert!(matches!(
            read(&["-y", "-P", "x", "-f", "key"]),
            Ok(Command::Public(Public {
                file: Some(_),
                passphrase: Some(_)
            }))
        ));
        assert!(matches!(read(&["-h"]), Ok(Command::Help)));
        assert!(matches!(read(&["--help"]), Ok(Command::Help)));
        assert!(matches!(read(&["-V"]), Ok(Command::Version)));
    }

    #[test]
    fn a_passphrase_may_be_empty_and_is_never_shown() {
        let make = make(&["-N", ""]);
        let shown = format!("{make:?}");
        let Passphrase(passphrase) = make.passphrase.unwrap();
        assert_eq!(passphrase.expose(), b"");
        assert!(!shown.contains('['), "{shown}");
    }

    #[test]
    fn other_types_name_who_makes_them() {
        for (args, expected) in [
            (
                &["-t", "rsa"],
                "adit-keygen makes ed25519 keys alone; \"ssh-keygen -t rsa\" makes that one.",
            ),
            (
                &["-t", "dsa"],
                "DSA keys are not made: no server should accept them. Use ed25519.",
            ),
            (&["-t", "foo"], "unknown key type foo"),
        ] {
            assert_eq!(line(args), expected);
        }
        assert!(read(&["-t", "ED25519"]).is_ok());
    }

    #[test]
    fn what_notes_on_the_web_add_changes_nothing() {
        let make = make(&[
            "-o", "-a", "100", "-b", "4096", "-t", "ed25519", "-E", "SHA256",
        ]);
        assert_eq!((make.rounds, make.talk), (100, Talk::Aloud));
        assert!(read(&["-lE", "sha256", "-f", "key"]).is_ok());
        assert_eq!(line(&["-b", "x"]), "Invalid number: 'x' is no length.");
        assert_eq!(
            line(&["-l", "-E", "md5"]),
            "-E: fingerprints are shown in SHA256 alone."
        );
    }

    #[test]
    fn rounds_have_limits() {
        for (rounds, is_allowed) in [
            ("0", false),
            ("1", true),
            ("1023", true),
            ("1024", true),
            ("1025", false),
            ("4294967295", false),
            ("-1", false),
            ("x", false),
            ("", false),
        ] {
            assert_eq!(read(&["-a", rounds]).is_ok(), is_allowed, "{rounds}");
        }
    }

    #[test]
    fn comments_have_a_longest_length() {
        for (len, is_allowed) in [
            (COMMENT_MAX - 1, true),
            (COMMENT_MAX, true),
            (COMMENT_MAX + 1, false),
        ] {
            assert_eq!(read(&["-C", &"x".repeat(len)]).is_ok(), is_allowed, "{len}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (args, expected) in [
            (&["-x"][..], "unknown option -- x"),
            (&["-f"], "option requires an argument -- f"),
            (&["-f", ""], "-f needs the name of a file."),
            (&["key"], "Too many arguments."),
            (&["-l", "-y"], "-l and -y do not go together."),
            (&["--", "--help"], "Too many arguments."),
        ] {
            assert_eq!(line(args), expected);
        }
    }

    #[test]
    fn what_is_printed_fits_a_terminal() {
        for text in [USAGE, HELP] {
            assert!(
                text.lines().all(|line| line.chars().count() <= 80),
                "{text}"
            );
        }
    }
}
