//! What is to be forwarded, as options say it: `-L`, `-R`, `-D`, `-W` and their keywords.
//!
//! On the command line one word says all of a forward; a keyword takes where to listen and where to
//! as two, which together are that word. The same forward twice is one.

use adit_forward::policy::{BadPermit, PermitOpen};
use adit_forward::spec::{
    self, DynamicForward, LocalForward, Names, RemoteForward, SpecError, StdioForward,
};

use crate::client::option_error::{OptionError, bad};
use crate::client::options::{Options, first};

/// Most forwards of a kind. Each needs a descriptor or two, of which a process has 1024 by default
/// and seldom more than some thousands; a repetition is looked for among all that came before.
pub const FORWARDS_MAX: usize = 4096;

/// Largest `StreamLocalBindMask`.
const BIND_MASK_MAX: u32 = 0o777;

impl Options {
    /// Takes `-L`'s specification.
    ///
    /// # Errors
    /// The whole message.
    pub fn add_local_forward(&mut self, text: &str, names: &dyn Names) -> Result<(), String> {
        let forward = read("local", text, LocalForward::parse(text, names))?;
        push(&mut self.local_forwards, forward, "local")
    }

    /// Takes `-D`'s specification.
    ///
    /// # Errors
    /// As [`Self::add_local_forward`].
    pub fn add_dynamic_forward(&mut self, text: &str, names: &dyn Names) -> Result<(), String> {
        let forward = read("dynamic", text, DynamicForward::parse(text, names))?;
        push(&mut self.dynamic_forwards, forward, "dynamic")
    }

    /// Takes `-R`'s specification.
    ///
    /// # Errors
    /// As [`Self::add_local_forward`].
    pub fn add_remote_forward(&mut self, text: &str, names: &dyn Names) -> Result<(), String> {
        let forward = read("remote", text, RemoteForward::parse(text, names))?;
        push(&mut self.remote_forwards, forward, "remote")
    }

    /// Takes `-W`'s specification.
    ///
    /// # Errors
    /// As [`Self::add_local_forward`].
    pub fn set_stdio_forward(&mut self, text: &str, names: &dyn Names) -> Result<(), String> {
        if self.stdio_forward.is_some() {
            return Err("stdio forward already specified".to_owned());
        }
        let forward = read("stdio", text, StdioForward::parse(text, names))?;
        self.stdio_forward = Some(forward);
        Ok(())
    }

    /// Whether anything is to be forwarded.
    #[must_use]
    pub(super) fn forwards_something(&self) -> bool {
        !self.local_forwards.is_empty()
            || !self.dynamic_forwards.is_empty()
            || !self.remote_forwards.is_empty()
            || self.stdio_forward.is_some()
    }

    /// Forgets all forwards but `-W`'s.
    pub(super) fn clear_forwards(&mut self) {
        self.local_forwards.clear();
        self.dynamic_forwards.clear();
        self.remote_forwards.clear();
    }

    /// Whether a forward that cannot be had ends the program: unless somebody says, when standard
    /// input and output are forwarded.
    #[must_use]
    pub(super) fn exits_on_forward_failure(&self) -> bool {
        let unsaid = self.stdio_forward.is_some();
        self.exit_on_forward_failure.unwrap_or(unsaid)
    }

    /// Whether forwards are forgotten: unless somebody says, as above.
    #[must_use]
    pub(super) fn clears_all_forwardings(&self) -> bool {
        let unsaid = self.stdio_forward.is_some();
        self.clear_all_forwardings.unwrap_or(unsaid)
    }
}

fn read<T>(kind: &str, text: &str, parsed: Result<T, SpecError>) -> Result<T, String> {
    parsed.map_err(|error| format!("Bad {kind} forwarding specification '{text}': {error}"))
}

fn push<T: PartialEq>(forwards: &mut Vec<T>, forward: T, kind: &str) -> Result<(), String> {
    if forwards.len() >= FORWARDS_MAX {
        return Err(format!(
            "Too many {kind} forwards specified (max {FORWARDS_MAX})."
        ));
    }
    spec::add(forwards, forward);
    Ok(())
}

pub(super) fn local_forward(
    options: &mut Options,
    values: &[String],
    names: &dyn Names,
) -> Result<(), OptionError> {
    match values {
        [listen, to] if !to.is_empty() => {
            let forward = in_file(LocalForward::parse(&format!("{listen}:{to}"), names))?;
            push(&mut options.local_forwards, forward, "local").or_else(bad)
        }
        [_] | [_, _] => bad("Missing target argument."),
        _ => bad("keyword localforward extra arguments at end of line"),
    }
}

pub(super) fn dynamic_forward(
    options: &mut Options,
    values: &[String],
    names: &dyn Names,
) -> Result<(), OptionError> {
    let [listen] = values else {
        return bad("keyword dynamicforward extra arguments at end of line");
    };
    let forward = in_file(DynamicForward::parse(listen, names))?;
    push(&mut options.dynamic_forwards, forward, "dynamic").or_else(bad)
}

pub(super) fn remote_forward(
    options: &mut Options,
    values: &[String],
    names: &dyn Names,
) -> Result<(), OptionError> {
    let forward = match values {
        // Where to is a word of its own, if there is one.
        [listen] => {
            let forward = in_file(DynamicForward::parse(listen, names))
                .and_then(|_| in_file(RemoteForward::parse(listen, names)));
            forward?
        }
        [listen, to] => in_file(RemoteForward::parse(&format!("{listen}:{to}"), names))?,
        _ => return bad("keyword remoteforward extra arguments at end of line"),
    };
    push(&mut options.remote_forwards, forward, "remote").or_else(bad)
}

fn in_file<T>(parsed: Result<T, SpecError>) -> Result<T, OptionError> {
    parsed.or_else(|error| bad(format!("Bad forwarding specification: {error}.")))
}

pub(super) fn permit_remote_open(
    options: &mut Options,
    values: &[String],
    _: &dyn Names,
) -> Result<(), OptionError> {
    let words: Vec<&str> = values.iter().map(String::as_str).collect();
    match PermitOpen::parse(&words) {
        Ok(permits) => first(&mut options.permit_remote_open, permits),
        Err((BadPermit::MissingHost, _)) => {
            return bad("missing host in PermitRemoteOpen specification");
        }
        Err((BadPermit::BadPort | BadPermit::MissingPort, _)) => {
            return bad("bad port number in PermitRemoteOpen specification");
        }
        Err((BadPermit::NotAlone, word)) => {
            return bad(format!(
                "keyword permitremoteopen \"{word}\" argument must appear alone."
            ));
        }
        Err((_, word)) => return bad(format!("bad PermitRemoteOpen specification '{word}'")),
    }
    Ok(())
}

/// Octal, as for chmod(1).
pub(super) fn bind_mask(options: &mut Options, text: &str) -> Result<(), OptionError> {
    let octal = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mask = u32::from_str_radix(text, 8).ok();
    match mask.filter(|mask| octal && *mask <= BIND_MASK_MAX) {
        Some(mask) => first(&mut options.stream_local_bind_mask, mask),
        None => return bad("Bad mask."),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NoNames;

    fn set(lines: &[&str]) -> Result<Options, String> {
        let mut options = Options::default();
        for line in lines {
            let set = options.set(line, &NoNames);
            set.map_err(|error| error.on_command_line())?;
        }
        Ok(options)
    }

    fn texts<T: ToString>(forwards: &[T]) -> Vec<String> {
        forwards.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keywords_take_where_to_listen_and_where_to_as_two_words() {
        let options = set(&[
            "LocalForward 80 h:81",
            "LocalForward /a /b",
            "LocalForward *:80 /b",
            "LocalForward 80 h:81",
            "RemoteForward 80 h:81",
            "RemoteForward *:80 /b",
            "RemoteForward 80",
            "RemoteForward 80 h:81",
            "DynamicForward 1080",
            "DynamicForward [::1]:1080",
            "DynamicForward 1080",
        ])
        .unwrap();
        assert_eq!(
            texts(&options.local_forwards),
            ["80:h:81", "/a:/b", "*:80:/b"]
        );
        assert_eq!(
            texts(&options.remote_forwards),
            ["80:h:81", "*:80:/b", "80"]
        );
        assert_eq!(texts(&options.dynamic_forwards), ["1080", "[::1]:1080"]);
    }

    #[test]
    fn what_is_wrong_with_a_forward_is_said_in_the_words_of_ssh() {
        let bad = "Bad forwarding specification:";
        for (line, text) in [
            ("LocalForward 80", "Missing target argument.".to_owned()),
            (
                "LocalForward 80 \"\"",
                "Missing target argument.".to_owned(),
            ),
            (
                "LocalForward 1 h:2 x",
                "keyword localforward extra arguments at end of line".to_owned(),
            ),
            (
                "RemoteForward 80:h:81",
                format!(
                    "{bad} more fields than [bind_address:]port; an IPv6 address goes in \
                     [brackets]."
                ),
            ),
            (
                "RemoteForward 1 h:2 x",
                "keyword remoteforward extra arguments at end of line".to_owned(),
            ),
            (
                "DynamicForward 1080 h:1",
                "keyword dynamicforward extra arguments at end of line".to_owned(),
            ),
            (
                "DynamicForward x",
                format!(
                    "{bad} the port to listen on, 'x', is not a number from 0 to 65535 or a \
                     service."
                ),
            ),
            (
                "PermitRemoteOpen any h:1",
                "keyword permitremoteopen \"any\" argument must appear alone.".to_owned(),
            ),
            (
                "PermitRemoteOpen h",
                "bad port number in PermitRemoteOpen specification".to_owned(),
            ),
            (
                "PermitRemoteOpen :1",
                "missing host in PermitRemoteOpen specification".to_owned(),
            ),
            ("StreamLocalBindMask 1000", "Bad mask.".to_owned()),
            ("StreamLocalBindMask 8", "Bad mask.".to_owned()),
            ("StreamLocalBindMask +7", "Bad mask.".to_owned()),
        ] {
            let text = format!("command-line line 0: {text}");
            assert_eq!(set(&[line]).unwrap_err(), text, "{line}");
        }
    }

    #[test]
    fn masks_are_octal_and_the_first_one_wins() {
        for (lines, mask) in [
            (&["StreamLocalBindMask 0177"][..], 0o177),
            (&["StreamLocalBindMask 777"], 0o777),
            (&["StreamLocalBindMask 0", "StreamLocalBindMask 1"], 0),
        ] {
            let options = set(lines).unwrap();
            assert_eq!(options.stream_local_bind_mask, Some(mask), "{lines:?}");
        }
    }

    #[test]
    fn with_standard_input_and_output_other_forwards_have_to_be_asked_for() {
        let mut options = Options::default();
        assert!(!options.exits_on_forward_failure() && !options.clears_all_forwardings());
        options.set_stdio_forward("h:22", &NoNames).unwrap();
        assert!(options.exits_on_forward_failure() && options.clears_all_forwardings());
        let again = options.set_stdio_forward("h:22", &NoNames).unwrap_err();
        assert_eq!(again, "stdio forward already specified");
        options.exit_on_forward_failure = Some(false);
        options.clear_all_forwardings = Some(false);
        assert!(!options.exits_on_forward_failure() && !options.clears_all_forwardings());
        assert_eq!(
            Options::default().set_stdio_forward("22", &NoNames),
            Err("Bad stdio forwarding specification '22': host:port is needed".to_owned())
        );
    }

    #[test]
    fn a_kind_of_forward_has_a_greatest_number() {
        let mut options = Options::default();
        for n in 0..FORWARDS_MAX {
            options
                .add_remote_forward(&format!("{n}:h:1"), &NoNames)
                .unwrap();
        }
        let error = options.set("RemoteForward 1 h:1", &NoNames).unwrap_err();
        let text = "Too many remote forwards specified (max 4096).";
        assert_eq!(error.to_string(), text);
        let error = options.add_remote_forward("1:h:1", &NoNames).unwrap_err();
        assert_eq!(error, text);
    }
}
