//! Asks a person whether to go on. It waits, so it never runs on the event loop's thread.

use adit_auth::{Echo, Fingerprint};

use crate::terminal::{NoAnswer, Person};

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
    /// Shows `text` and reads a line.
    ///
    /// # Errors
    /// [`NoAnswer`].
    fn ask(&mut self, text: &str) -> Result<String, NoAnswer>;
}

impl Conversation for Person {
    fn ask(&mut self, text: &str) -> Result<String, NoAnswer> {
        let answer = Self::ask(self, text, Echo::Yes)?;
        Ok(String::from_utf8_lossy(answer.expose()).into_owned())
    }
}

/// Asks until the answer is `yes`, `no` or the fingerprint, as ssh does. Whoever does not answer has
/// not said yes.
///
/// # Errors
/// [`NoAnswer::Nobody`] or [`NoAnswer::Io`]: the question was not seen.
pub fn confirm(
    conversation: &mut impl Conversation,
    question: &str,
    fingerprint: Fingerprint,
) -> Result<Reply, NoAnswer> {
    let mut text =
        format!("{question}Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
    loop {
        let answer = match conversation.ask(&text) {
            Ok(answer) => answer,
            Err(NoAnswer::Cancelled | NoAnswer::TooLong) => return Ok(Reply::No),
            Err(error @ (NoAnswer::Nobody | NoAnswer::Io(_))) => return Err(error),
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
        fn ask(&mut self, text: &str) -> Result<String, NoAnswer> {
            self.shown.push(text.to_owned());
            if self.answers.is_empty() {
                return Err(NoAnswer::Cancelled);
            }
            Ok(self.answers.remove(0).to_owned())
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
