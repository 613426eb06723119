use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use nix::pty::openpty;
use nix::sys::termios::{FlowArg, LocalFlags, SetArg, tcflow, tcgetattr, tcsetattr};

use super::answer::Answer;
use super::*;
use crate::testing::Directory;

fn askpass(when: When, program: impl Into<OsString>) -> Askpass {
    let program = program.into();
    Askpass { when, program }
}

fn person() -> Person {
    Person::new(askpass(When::Never, ""), Interrupts::Elsewhere)
}

#[test]
fn a_program_asks_when_ssh_would_have_it_ask() {
    use When::{Always, Never, WithoutTerminal};
    for (require, display, when) in [
        ("", None, Never),
        ("", Some(":0"), WithoutTerminal),
        ("else", Some(":0"), WithoutTerminal),
        ("force", None, Always),
        ("FORCE", Some(":0"), Always),
        ("prefer", None, Never),
        ("Prefer", Some(":0"), Always),
        ("never", Some(":0"), Never),
        ("never", None, Never),
    ] {
        assert_eq!(
            When::new(require, display.map(OsStr::new)),
            when,
            "{require} {display:?}"
        );
    }
}

fn answered(bytes: &[u8], at_once: usize) -> Result<Vec<u8>, String> {
    let mut answer = Answer::new();
    for piece in bytes.chunks(at_once) {
        let mut piece = piece;
        while !piece.is_empty() {
            answer.read(&mut piece).unwrap();
        }
    }
    let secret = answer.into_secret().map_err(|error| error.to_string())?;
    Ok(secret.expose().to_vec())
}

#[test]
fn an_answer_is_a_line_of_a_longest_length() {
    let too_long = Err("the answer is longer than 1023 bytes".to_owned());
    for at_once in [1, 7, 5000] {
        assert_eq!(answered(b"secret\n", at_once), Ok(b"secret".to_vec()));
        assert_eq!(answered(b"a b \r\nmore\n", at_once), Ok(b"a b ".to_vec()));
        assert_eq!(answered(b"no end", at_once), Ok(b"no end".to_vec()));
        assert_eq!(answered(b"\n", at_once), Ok(vec![]));
        for (len, fits) in [
            (ANSWER_MAX - 1, true),
            (ANSWER_MAX, true),
            (ANSWER_MAX + 1, false),
            (ANSWER_MAX * 3, false),
        ] {
            let typed = vec![b'x'; len];
            let expected = if fits {
                Ok(typed.clone())
            } else {
                too_long.clone()
            };
            let line = [&typed[..], b"\n"].concat();
            assert_eq!(answered(&line, at_once), expected, "{len} by {at_once}");
        }
    }
}

/// A terminal with a person at it.
struct Keyboard {
    person: Person,
    master: File,
    slave: File,
    result: mpsc::Receiver<Result<Secret, NoAnswer>>,
}

impl Keyboard {
    /// Somebody asks on it.
    fn asked(echo: Echo) -> Self {
        let pty = openpty(None, None).unwrap();
        let (master, slave) = (File::from(pty.master), File::from(pty.slave));
        let (sender, result) = mpsc::channel();
        let person = person();
        let (asking, tty) = (person.clone(), Tty::over(slave.try_clone().unwrap()));
        thread::spawn(move || sender.send(tty.ask(&asking.0, "Secret: ", echo)));
        let keyboard = Self {
            person,
            master,
            slave,
            result,
        };
        assert_eq!(keyboard.shown("\rSecret: ".len()), "\rSecret: ");
        keyboard
    }

    fn shown(&self, len: usize) -> String {
        let mut shown = vec![0; len];
        (&self.master).read_exact(&mut shown).unwrap();
        String::from_utf8(shown).unwrap()
    }

    fn types(&self, text: &[u8]) {
        (&self.master).write_all(text).unwrap();
    }

    fn echoes(&self) -> bool {
        let settings = tcgetattr(&self.slave).unwrap();
        settings.local_flags.contains(LocalFlags::ECHO)
    }

    fn answer(&self) -> Result<Vec<u8>, String> {
        let answer = self.result.recv().unwrap();
        let secret = answer.map_err(|error| error.to_string())?;
        Ok(secret.expose().to_vec())
    }
}

#[test]
fn a_secret_is_not_shown_and_echo_is_back_afterwards() {
    let keyboard = Keyboard::asked(Echo::No);
    assert!(!keyboard.echoes());
    keyboard.types(b"wrong\x15s3cret\n"); // Ctrl-U takes the line back
    assert_eq!(keyboard.answer(), Ok(b"s3cret".to_vec()));
    assert!(keyboard.echoes());
    assert_eq!(keyboard.shown(2), "\r\n");
}

#[test]
fn what_may_be_seen_is_shown() {
    let keyboard = Keyboard::asked(Echo::Yes);
    assert!(keyboard.echoes());
    keyboard.types(b"yes\n");
    assert_eq!(keyboard.answer(), Ok(b"yes".to_vec()));
    assert_eq!(keyboard.shown(5), "yes\r\n");
}

#[test]
fn the_end_of_input_is_no_answer() {
    for (typed, answer) in [
        (&b"\x04"[..], Err("there was no answer".to_owned())),
        (b"a\x04b\x04\x04", Ok(b"ab".to_vec())),
        (b"\n", Ok(vec![])),
    ] {
        let keyboard = Keyboard::asked(Echo::No);
        keyboard.types(typed);
        assert_eq!(keyboard.answer(), answer);
        assert!(keyboard.echoes());
    }
}

#[test]
fn a_line_that_is_too_long_is_taken_off_the_terminal() {
    let keyboard = Keyboard::asked(Echo::No);
    keyboard.types(&[&[b'x'; ANSWER_MAX + 1][..], b"\n"].concat());
    assert!(keyboard.answer().unwrap_err().contains("longer than"));
    assert!(keyboard.echoes());
}

#[test]
fn the_terminal_is_as_it_was_when_the_program_ends_meanwhile() {
    let keyboard = Keyboard::asked(Echo::No);
    keyboard.types(b"half a sec");
    keyboard.person.dismiss();
    assert!(keyboard.echoes());
    assert_eq!(keyboard.answer(), Err("there was no answer".to_owned()));
    assert!(keyboard.echoes());
    let tty = Tty::over(keyboard.slave.try_clone().unwrap());
    let asked_again = tty.ask(&keyboard.person.0, "Secret: ", Echo::No);
    assert!(matches!(asked_again, Err(NoAnswer::Cancelled)));
    assert!(keyboard.echoes());
}

#[test]
fn a_terminal_whose_output_is_stopped_does_not_keep_the_program() {
    let keyboard = Keyboard::asked(Echo::No);
    tcflow(&keyboard.slave, FlowArg::TCOOFF).unwrap();
    keyboard.person.dismiss();
    assert!(keyboard.echoes());
    tcflow(&keyboard.slave, FlowArg::TCOON).unwrap();
}

#[test]
fn echo_that_somebody_else_turned_on_is_off_again() {
    let keyboard = Keyboard::asked(Echo::No);
    let mut loud = tcgetattr(&keyboard.slave).unwrap();
    loud.local_flags.insert(LocalFlags::ECHO);
    tcsetattr(&keyboard.slave, SetArg::TCSANOW, &loud).unwrap();
    let since = Instant::now();
    while keyboard.echoes() {
        assert!(since.elapsed() < 20 * tty::TICK);
        thread::yield_now();
    }
    keyboard.types(b"s\n");
    assert_eq!(keyboard.answer(), Ok(b"s".to_vec()));
}

fn asked(script: &str) -> Result<String, String> {
    let directory = Directory::new();
    let program = directory.program(script);
    let person = Person::by_program(&program);
    match person.ask("It's $HOME; \"x\": ", Echo::No) {
        Ok(secret) => Ok(String::from_utf8(secret.expose().to_vec()).unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_programs_first_line_is_the_answer() {
    assert_eq!(asked("echo one; echo two"), Ok("one".to_owned()));
    assert_eq!(asked("printf 'no end'"), Ok("no end".to_owned()));
    assert_eq!(asked("true"), Ok(String::new()));
    // No shell between us and it.
    assert_eq!(
        asked("echo \"$#$1\""),
        Ok("1It's $HOME; \"x\": ".to_owned())
    );
    assert_eq!(asked("exec >&-; sleep 0.1"), Ok(String::new()));
}

#[test]
fn a_program_that_fails_has_no_answer() {
    let cancelled = Err("there was no answer".to_owned());
    assert_eq!(asked("echo secret; exit 1"), cancelled);
    assert_eq!(asked("echo secret; kill -TERM $$"), cancelled);
    let too_long = "the answer is longer than 1023 bytes";
    assert_eq!(
        asked("trap '' PIPE; yes | tr -d '\\n'; exit 0"),
        Err(too_long.to_owned())
    );
    let missing = Person::by_program(Path::new("/none/such"));
    let error = missing.ask("?", Echo::No).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ssh_askpass: exec(/none/such): No such file or directory"
    );
}

#[test]
fn a_program_can_be_interrupted_even_if_we_cannot() {
    let mask = "grep SigBlk /proc/self/status | tr -d '[:space:]'";
    let said = thread::spawn(move || {
        let mut set = nix::sys::signal::SigSet::empty();
        set.add(nix::sys::signal::Signal::SIGINT);
        set.thread_block().unwrap();
        let said = asked(mask);
        let still = nix::sys::signal::SigSet::thread_get_mask().unwrap();
        assert!(still.contains(nix::sys::signal::Signal::SIGINT));
        said
    });
    assert_eq!(
        said.join().unwrap(),
        Ok("SigBlk:0000000000000000".to_owned())
    );
}

#[test]
fn a_program_that_asks_ends_with_us() {
    let directory = Directory::new();
    let started = directory.join("started");
    let script = format!("echo $$ > {}; exec sleep 1000", started.display());
    let program = directory.program(&script);
    let person = Person::by_program(&program);
    let asking = person.clone();
    let asked = thread::spawn(move || asking.ask("?", Echo::No).map(|_| ()));
    let pid = loop {
        let text = fs::read_to_string(&started).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            break pid.to_owned();
        }
        thread::yield_now();
    };
    person.dismiss();
    // Reaped, too: a process that is not has its place there still.
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
    assert!(matches!(asked.join().unwrap(), Err(NoAnswer::Cancelled)));
    assert!(matches!(
        person.ask("?", Echo::No),
        Err(NoAnswer::Cancelled)
    ));
}
