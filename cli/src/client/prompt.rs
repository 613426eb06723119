//! Asks a person on the terminal. It waits, so it never runs on the event loop's thread.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write};

use adit_auth::Fingerprint;

/// Longest line that is read from a terminal.
const ANSWER_MAX: u64 = 1024;

/// What a person decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Go on.
    Yes,
    /// Do not.
    No,
}

/// Where a question is put and answered.
pub trait Conversation {
    /// Shows `text` and reads a line; `None` at the end of input.
    ///
    /// # Errors
    /// The system's.
    fn ask(&mut self, text: &str) -> io::Result<Option<String>>;
}

/// The terminal that controls this process, whatever stdin and stderr are.
#[derive(Debug)]
pub struct Terminal {
    input: BufReader<File>,
    output: File,
}

impl Terminal {
    /// Opens it.
    ///
    /// # Errors
    /// When there is none.
    pub fn open() -> io::Result<Self> {
        let output = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let input = BufReader::new(output.try_clone()?);
        Ok(Self { input, output })
    }
}

impl Conversation for Terminal {
    fn ask(&mut self, text: &str) -> io::Result<Option<String>> {
        self.output.write_all(text.as_bytes())?;
        let mut line = Vec::new();
        let mut limited = (&mut self.input).take(ANSWER_MAX);
        let n = limited.read_until(b'\n', &mut line)?;
        Ok((n > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
    }
}

/// Asks until the answer is `yes`, `no` or the fingerprint, as ssh does.
///
/// # Errors
/// The system's.
pub fn confirm(
    conversation: &mut impl Conversation,
    question: &str,
    fingerprint: Fingerprint,
) -> io::Result<Reply> {
    let mut text =
        format!("{question}Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
    loop {
        let Some(answer) = conversation.ask(&text)? else {
            return Ok(Reply::No);
        };
        let answer = answer.trim();
        if answer.is_empty() || answer.eq_ignore_ascii_case("no") {
            return Ok(Reply::No);
        }
        let typed = Fingerprint::parse(answer.as_bytes());
        if answer.eq_ignore_ascii_case("yes") || typed == Some(fingerprint) {
            return Ok(Reply::Yes);
        }
        "Please type 'yes', 'no' or the fingerprint: ".clone_into(&mut text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Script {
        answers: Vec<&'static str>,
        shown: Vec<String>,
    }

    impl Conversation for Script {
        fn ask(&mut self, text: &str) -> io::Result<Option<String>> {
            self.shown.push(text.to_owned());
            let answered = !self.answers.is_empty();
            Ok(answered.then(|| self.answers.remove(0).to_owned()))
        }
    }

    const PRINT: &str = "SHA256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

    #[test]
    fn only_yes_and_the_right_fingerprint_go_on() {
        let fingerprint = Fingerprint::parse(PRINT.as_bytes()).unwrap();
        for (answers, reply, asked) in [
            (&["yes\n"][..], Reply::Yes, 1),
            (&["YES\r\n"], Reply::Yes, 1),
            (&[" yes \n"], Reply::Yes, 1),
            (&["no\n"], Reply::No, 1),
            (&["\n"], Reply::No, 1),
            (&[], Reply::No, 1),
            (&["y\n", "yes\n"], Reply::Yes, 2),
            (&["yes please\n", "ja\n", "No\n"], Reply::No, 3),
            (
                &["SHA256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n"],
                Reply::Yes,
                1,
            ),
            (
                &[
                    "SHA256:CwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n",
                    "no\n",
                ],
                Reply::No,
                2,
            ),
            (&["what\n"], Reply::No, 2),
        ] {
            let mut script = Script {
                answers: answers.to_vec(),
                shown: Vec::new(),
            };
            let got = confirm(&mut script, "Who?\n", fingerprint).unwrap();
            assert_eq!((got, script.shown.len()), (reply, asked), "{answers:?}");
            assert_eq!(
                script.shown[0],
                "Who?\nAre you sure you want to continue connecting (yes/no/[fingerprint])? "
            );
        }
    }
}
