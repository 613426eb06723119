//! The client's options: what `-o` and, by other spellings, the letters of the command line set.
//!
//! Names, values and messages are ssh_config(5)'s. As there, the first value given for a keyword
//! wins, and `IdentityFile` and forwards gather.

use std::time::Duration;

use adit_forward::policy::PermitOpen;
use adit_forward::spec::{
    DynamicForward, Family, GatewayPorts, LocalForward, Names, RemoteForward, StdioForward,
};
use adit_proto::pattern::{Case, Match, match_list};

use crate::client::config::Place;
use crate::client::config::others::{self, Other};
use crate::client::destination::Destination;
use crate::client::jump;
use crate::client::keywords::{self, Set};
use crate::client::option_error::{OptionError, bad};
use crate::report::Level;
use crate::value;

/// What was set. `None`: nothing, so that the default is taken where it is used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `AddressFamily`, `-4`, `-6`.
    pub address_family: Option<Family>,
    /// `BatchMode`: never ask a person.
    pub batch_mode: Option<bool>,
    /// `Ciphers`, `-c`: a list, as given.
    pub ciphers: Option<String>,
    /// `ClearAllForwardings`: forward nothing, whoever asked for it.
    pub clear_all_forwardings: Option<bool>,
    /// `ConnectTimeout`.
    pub connect_timeout: Option<Duration>,
    /// `ConnectionAttempts`.
    pub connection_attempts: Option<u32>,
    /// `DynamicForward`, `-D`: without repetitions.
    pub dynamic_forwards: Vec<DynamicForward>,
    /// `ExitOnForwardFailure`.
    pub exit_on_forward_failure: Option<bool>,
    /// `ForkAfterAuthentication`, `-f`: to the background when the forwards stand.
    pub fork_after_authentication: Option<bool>,
    /// `GatewayPorts`, `-g`.
    pub gateway_ports: Option<GatewayPorts>,
    /// `GlobalKnownHostsFile`: files to look a host key up in. `none` leaves none.
    pub global_known_hosts: Option<Vec<String>>,
    /// `HashKnownHosts`: new names in known_hosts are not readable there.
    pub hash_known_hosts: Option<bool>,
    /// `HostKeyAlgorithms`: a list, as given.
    pub host_key_algorithms: Option<String>,
    /// `HostKeyAlias`: the name under which the host key is looked up, instead of the host's.
    pub host_key_alias: Option<String>,
    /// `HostName`: where the host really is; as given, with tokens.
    pub host_name: Option<String>,
    /// `IdentityAgent`: as given; a path, `none`, `SSH_AUTH_SOCK` or `$` and a variable's name.
    pub identity_agent: Option<String>,
    /// `IdentityFile`, `-i`: as given, in order.
    pub identity_files: Vec<IdentityFile>,
    /// `IdentitiesOnly`: nothing of the agent but what `identity_files` name.
    pub identities_only: Option<bool>,
    /// `IgnoreUnknown`: keywords to pass over, a list of patterns.
    pub ignore_unknown: Option<String>,
    /// `KbdInteractiveAuthentication`.
    pub kbd_interactive_authentication: Option<bool>,
    /// `KexAlgorithms`: a list, as given.
    pub kex_algorithms: Option<String>,
    /// Where each list of algorithms was said, unless a letter of the command line did.
    pub list_places: Vec<(List, Place)>,
    /// `LocalForward`, `-L`: without repetitions.
    pub local_forwards: Vec<LocalForward>,
    /// `LogLevel`, `-v`, `-q`.
    pub log_level: Option<Level>,
    /// `MACs`, `-m`: a list, as given.
    pub macs: Option<String>,
    /// Keywords that ssh has and adit has not, each where it was said first.
    pub not_here: Vec<NotHere>,
    /// `NumberOfPasswordPrompts`: how often a person is asked for a password.
    pub number_of_password_prompts: Option<u32>,
    /// `PasswordAuthentication`.
    pub password_authentication: Option<bool>,
    /// `PermitRemoteOpen`: where those may go who connect to a `-R` without a destination.
    pub permit_remote_open: Option<PermitOpen>,
    /// `Port`, `-p`.
    pub port: Option<u16>,
    /// `PreferredAuthentications`: a list of methods, as given.
    pub preferred_authentications: Option<String>,
    /// `ProxyJump`, `-J` and `ProxyCommand`: whichever was said first.
    pub proxy: Option<Route>,
    /// `ProxyUseFdpass`.
    pub proxy_use_fdpass: Option<bool>,
    /// `PubkeyAuthentication`.
    pub pubkey_authentication: Option<PubkeyAuthentication>,
    /// `RekeyLimit`.
    pub rekey_limit: Option<RekeyLimit>,
    /// `RemoteForward`, `-R`: without repetitions.
    pub remote_forwards: Vec<RemoteForward>,
    /// `ServerAliveCountMax`.
    pub server_alive_count_max: Option<u32>,
    /// `ServerAliveInterval`; zero turns it off.
    pub server_alive_interval: Option<Duration>,
    /// `SessionType`; `none` is `-N`.
    pub session_type: Option<SessionType>,
    /// `-W`.
    pub stdio_forward: Option<StdioForward>,
    /// `StreamLocalBindMask`.
    pub stream_local_bind_mask: Option<u32>,
    /// `StreamLocalBindUnlink`.
    pub stream_local_bind_unlink: Option<bool>,
    /// `StrictHostKeyChecking`.
    pub strict_host_key_checking: Option<StrictHostKeyChecking>,
    /// `-y`: what is said goes to the system's log.
    pub syslog: bool,
    /// `User`, `-l`.
    pub user: Option<String>,
    /// `UserKnownHostsFile`: as `global_known_hosts`; the first one is where new keys go.
    pub user_known_hosts: Option<Vec<String>>,
    /// `WarnWeakCrypto`: whether to warn of a key exchange without a post-quantum half.
    pub warn_weak_crypto: Option<bool>,
}

/// A file to take a key from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityFile {
    /// As given: with `~` and tokens.
    pub path: String,
    /// Whether its absence is worth a word.
    pub named_by: NamedBy,
}

/// Who asked for a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NamedBy {
    /// A person, with `-i`.
    Person,
    /// `IdentityFile`, which may name files that not every machine has.
    Option,
    /// Nobody: it is where such files usually are.
    Default,
}

/// A list of algorithms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// `Ciphers`.
    Ciphers,
    /// `HostKeyAlgorithms`.
    HostKeys,
    /// `KexAlgorithms`.
    Kex,
    /// `MACs`.
    Macs,
}

/// What ssh would open on the server. Here it is always nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionType {
    /// A shell or a command.
    Default,
    /// Nothing: being connected is enough.
    None,
    /// Such as sftp.
    Subsystem,
}

/// A keyword that ssh has and adit has not.
#[derive(Clone, Debug)]
pub struct NotHere {
    /// Which one, and what that means.
    pub other: &'static Other,
    /// Its first value.
    pub value: String,
    /// Whether adit behaves as if it were not there.
    pub weight: Weight,
    /// Where it was said first.
    pub place: Place,
}

/// Whether what is not here makes a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weight {
    /// Its value asks for what adit does anyway.
    None,
    /// ssh would do something that adit does not do.
    Some,
}

/// What leads to the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// This program, as written.
    Command(String),
    /// Nothing: `none` was said.
    Direct,
    /// These hosts, in the order in which they are gone through.
    Jump(Vec<Destination>),
}

/// Whether keys are used to log in, and by which of the two methods.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PubkeyAuthentication {
    /// Signatures name the server's host key if the server knows how.
    #[default]
    Yes,
    /// No keys at all.
    No,
    /// As [`Self::Yes`]: ssh's word for wanting exactly that.
    HostBound,
    /// Signatures are RFC 4252's, even if the server knows more.
    Unbound,
}

/// What to do about a host key that is not known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StrictHostKeyChecking {
    /// Ask a person.
    #[default]
    Ask,
    /// Take it, note it, go on.
    AcceptNew,
    /// As [`Self::AcceptNew`]: a changed key is refused here too.
    No,
    /// Refuse.
    Yes,
}

/// How much or how long until keys are exchanged again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RekeyLimit {
    /// `None`: what the cipher allows.
    pub bytes: Option<u64>,
    /// `None`: the default.
    pub time: Option<Duration>,
}

/// Smallest `RekeyLimit` in bytes that is taken: OpenSSH's, too.
pub const REKEY_BYTES_MIN: u64 = 16;

/// Most files that keys are taken from: OpenSSH's SSH_MAX_IDENTITY_FILES.
pub const IDENTITY_FILES_MAX: usize = 100;

impl Options {
    /// Takes one line, `Keyword value` or `Keyword=value`.
    ///
    /// # Errors
    /// [`OptionError`]; nothing is changed.
    pub fn set(&mut self, line: &str, names: &dyn Names) -> Result<(), OptionError> {
        let Ok(words) = value::words_or_rest(line, jump::takes_rest) else {
            return bad("invalid quotes");
        };
        let Some((keyword, values)) = words.split_first() else {
            return Ok(());
        };
        let keyword = keyword.to_ascii_lowercase();
        if matches!(keyword.as_str(), "host" | "match" | "include") {
            let keyword = words.first().map_or("", String::as_str);
            return bad(format!(
                "{keyword} directive not supported as a command-line option"
            ));
        }
        self.take(&keyword, values, &Place::CommandLine, names)
    }

    /// Takes the values of a keyword in lower case that was said at `place`.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub(super) fn take(
        &mut self,
        keyword: &str,
        values: &[String],
        place: &Place,
        names: &dyn Names,
    ) -> Result<(), OptionError> {
        let Some(first) = values.first() else {
            return bad(format!("no argument after keyword \"{keyword}\""));
        };
        let set = keywords::find(keyword);
        let other = match set {
            Some(_) => None,
            None => others::find(keyword),
        };
        if set.is_none() && other.is_none() {
            return match self.ignores(keyword) {
                true => Ok(()),
                false => Err(OptionError::Unknown(keyword.to_owned())),
            };
        }
        let result = match (set, values) {
            // Where there are several, it depends on what they are.
            (None | Some(Set::List(_) | Set::One(_)), _) if first.is_empty() => {
                bad("Missing argument.")
            }
            (Some(Set::List(list)), [_]) => {
                self.set_list(*list, first, place);
                Ok(())
            }
            (Some(Set::One(set)), [_]) => set(self, first),
            (Some(Set::List(_) | Set::One(_)), _) => {
                bad(format!("keyword {keyword} extra arguments at end of line"))
            }
            (Some(Set::Many(set)), _) => set(self, values, names),
            (None, _) => Ok(()),
        };
        other
            .into_iter()
            .for_each(|other| self.note(other, values, place));
        result
    }

    fn set_list(&mut self, list: List, names: &str, place: &Place) {
        let slot = match list {
            List::Ciphers => &mut self.ciphers,
            List::HostKeys => &mut self.host_key_algorithms,
            List::Kex => &mut self.kex_algorithms,
            List::Macs => &mut self.macs,
        };
        if slot.is_none() {
            *slot = Some(names.to_owned());
            self.list_places.push((list, place.clone()));
        }
    }

    /// Where a list of algorithms was said.
    #[must_use]
    pub fn place_of(&self, list: List) -> &Place {
        let found = self.list_places.iter().find(|(there, _)| *there == list);
        found.map_or(&Place::CommandLine, |(_, place)| place)
    }

    /// Whether `IgnoreUnknown` covers a keyword.
    #[must_use]
    pub(super) fn ignores(&self, keyword: &str) -> bool {
        let patterns = self.ignore_unknown.as_deref().unwrap_or_default();
        let found = match_list(patterns.as_bytes(), keyword.as_bytes(), Case::Folded);
        found == Match::Yes
    }

    /// The first value wins here, too: `RevokedHostKeys none` is an answer to a later one.
    fn note(&mut self, other: &'static Other, values: &[String], place: &Place) {
        let said = |there: &NotHere| there.other.keyword == other.keyword;
        if other.is_nothing() || self.not_here.iter().any(said) {
            return;
        }
        self.not_here.push(NotHere {
            other,
            value: values.first().cloned().unwrap_or_default(),
            weight: other.weight(values),
            place: place.clone(),
        });
    }

    /// Adds a file to take a key from; the same one twice is one.
    pub fn add_identity_file(&mut self, path: &str, named_by: NamedBy) {
        if self.identity_files.iter().all(|file| file.path != path) {
            let path = path.to_owned();
            self.identity_files.push(IdentityFile { path, named_by });
        }
    }
}

/// The first value given for a keyword wins.
pub(crate) fn first<T>(slot: &mut Option<T>, value: T) {
    if slot.is_none() {
        *slot = Some(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NoNames;

    fn set(lines: &[&str]) -> Result<Options, String> {
        let mut options = Options::default();
        for line in lines {
            options
                .set(line, &NoNames)
                .map_err(|error| error.on_command_line())?;
        }
        Ok(options)
    }

    #[test]
    fn each_keyword_sets_its_option() {
        let options = set(&[
            "AddressFamily=inet6",
            "BATCHMODE yes",
            "Ciphers aes256-gcm@openssh.com",
            "ConnectionAttempts 3",
            "ConnectTimeout 1m",
            "ExitOnForwardFailure=true",
            "ForkAfterAuthentication YES",
            "GatewayPorts yes",
            "GlobalKnownHostsFile none",
            "HashKnownHosts yes",
            "HostKeyAlgorithms ssh-ed25519",
            "HostKeyAlias Known",
            "HostName %h.example",
            "IdentityAgent ~/agent",
            "IdentitiesOnly yes",
            "IdentityFile ~/.ssh/a",
            "KbdInteractiveAuthentication no",
            "KexAlgorithms curve25519-sha256",
            "LocalForward *:8080 [::1]:80",
            "LogLevel debug2",
            "MACs hmac-sha2-256",
            "NumberOfPasswordPrompts 0",
            "PasswordAuthentication no",
            "Port 2222",
            "PreferredAuthentications password,publickey",
            "PubkeyAuthentication Unbound",
            "RekeyLimit 1M 1h",
            "ServerAliveCountMax 5",
            "ServerAliveInterval 15s",
            "StrictHostKeyChecking accept-new",
            "User \"a b\"",
            "UserKnownHostsFile a \"b c\"",
        ])
        .unwrap();
        assert_eq!(options.address_family, Some(Family::Inet6));
        assert_eq!(options.batch_mode, Some(true));
        assert_eq!(options.ciphers.as_deref(), Some("aes256-gcm@openssh.com"));
        assert_eq!(options.connection_attempts, Some(3));
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(60)));
        assert_eq!(options.exit_on_forward_failure, Some(true));
        assert_eq!(options.gateway_ports, Some(GatewayPorts::Yes));
        assert_eq!(options.global_known_hosts, Some(vec![]));
        assert_eq!(options.fork_after_authentication, Some(true));
        assert_eq!(options.hash_known_hosts, Some(true));
        assert_eq!(options.host_key_algorithms.as_deref(), Some("ssh-ed25519"));
        assert_eq!(options.host_key_alias.as_deref(), Some("Known"));
        assert_eq!(options.host_name.as_deref(), Some("%h.example"));
        assert_eq!(options.identity_agent.as_deref(), Some("~/agent"));
        assert_eq!(options.kbd_interactive_authentication, Some(false));
        assert_eq!(options.number_of_password_prompts, Some(0));
        assert_eq!(options.password_authentication, Some(false));
        assert_eq!(
            options.preferred_authentications.as_deref(),
            Some("password,publickey")
        );
        assert_eq!(
            options.pubkey_authentication,
            Some(PubkeyAuthentication::Unbound)
        );
        assert_eq!(options.identities_only, Some(true));
        assert_eq!(
            options.identity_files,
            [IdentityFile {
                path: "~/.ssh/a".into(),
                named_by: NamedBy::Option
            }]
        );
        assert_eq!(options.kex_algorithms.as_deref(), Some("curve25519-sha256"));
        assert_eq!(options.local_forwards[0].to_string(), "*:8080:[::1]:80");
        assert_eq!(options.log_level, Some(Level::Debug2));
        assert_eq!(options.macs.as_deref(), Some("hmac-sha2-256"));
        assert_eq!(options.port, Some(2222));
        assert_eq!(
            options.rekey_limit,
            Some(RekeyLimit {
                bytes: Some(1 << 20),
                time: Some(Duration::from_secs(3600))
            })
        );
        assert_eq!(options.server_alive_count_max, Some(5));
        assert_eq!(options.server_alive_interval, Some(Duration::from_secs(15)));
        assert_eq!(
            options.strict_host_key_checking,
            Some(StrictHostKeyChecking::AcceptNew)
        );
        assert_eq!(options.user.as_deref(), Some("a b"));
        assert_eq!(
            options.user_known_hosts,
            Some(vec!["a".into(), "b c".into()])
        );
    }

    #[test]
    fn the_first_value_wins_and_lists_gather() {
        let options = set(&[
            "Port 1",
            "Port 2",
            "User a",
            "User b",
            "RekeyLimit default",
            "RekeyLimit 1G",
            "IdentityFile a",
            "IdentityFile b",
            "IdentityFile a",
            "LocalForward 1 h:2",
            "LocalForward 3 h:4",
            "LocalForward 1 h:2",
        ])
        .unwrap();
        assert_eq!(options.port, Some(1));
        assert_eq!(options.user.as_deref(), Some("a"));
        assert_eq!(options.rekey_limit, Some(RekeyLimit::default()));
        assert_eq!(options.identity_files.len(), 2);
        assert_eq!(options.local_forwards.len(), 2);
    }

    #[test]
    fn lists_do_not_gather_without_end() {
        let mut options = Options::default();
        for n in 1..=IDENTITY_FILES_MAX {
            options.set(&format!("IdentityFile {n}"), &NoNames).unwrap();
        }
        let error = options.set("IdentityFile x", &NoNames).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Too many identity files specified (max 100)."
        );
    }

    #[test]
    fn words_that_mean_the_same_do_the_same() {
        use StrictHostKeyChecking::{AcceptNew, Ask, No, Yes};
        for (word, meaning) in [
            ("ask", Ask),
            ("accept-new", AcceptNew),
            ("no", No),
            ("off", No),
            ("yes", Yes),
        ] {
            let options = set(&[&format!("StrictHostKeyChecking {word}")]).unwrap();
            assert_eq!(options.strict_host_key_checking, Some(meaning), "{word}");
        }
        for (word, meaning) in [
            ("yes", PubkeyAuthentication::Yes),
            ("TRUE", PubkeyAuthentication::Yes),
            ("no", PubkeyAuthentication::No),
            ("false", PubkeyAuthentication::No),
            ("host-bound", PubkeyAuthentication::HostBound),
        ] {
            let options = set(&[&format!("PubkeyAuthentication {word}")]).unwrap();
            assert_eq!(options.pubkey_authentication, Some(meaning), "{word}");
        }
        let options = set(&["ChallengeResponseAuthentication no"]).unwrap();
        assert_eq!(options.kbd_interactive_authentication, Some(false));
        for line in [
            "RekeyLimit default none",
            "RekeyLimit none",
            "RekeyLimit 0 0",
        ] {
            let options = set(&[line]).unwrap();
            assert_eq!(options.rekey_limit, Some(RekeyLimit::default()), "{line}");
        }
    }

    #[test]
    fn errors_are_in_the_words_of_ssh() {
        for (line, text) in [
            (
                "Foo=1",
                "command-line: line 0: Bad configuration option: foo",
            ),
            ("=x", "command-line: line 0: Bad configuration option: "),
            (
                "Port",
                "command-line line 0: no argument after keyword \"port\"",
            ),
            (
                "User=",
                "command-line line 0: no argument after keyword \"user\"",
            ),
            ("User \"\"", "command-line line 0: Missing argument."),
            (
                "Host x",
                "command-line line 0: Host directive not supported as a command-line option",
            ),
            (
                "Foo",
                "command-line line 0: no argument after keyword \"foo\"",
            ),
            ("Port abc", "command-line line 0: Bad port 'abc'."),
            ("Port 0", "command-line line 0: Bad port '0'."),
            ("Port 65536", "command-line line 0: Bad port '65536'."),
            (
                "Port 1 2",
                "command-line line 0: keyword port extra arguments at end of line",
            ),
            (
                "StrictHostKeyChecking maybe",
                "command-line line 0: unsupported option \"maybe\".",
            ),
            (
                "AddressFamily x",
                "command-line line 0: unsupported option \"x\".",
            ),
            (
                "BatchMode x",
                "command-line line 0: unsupported option \"x\".",
            ),
            (
                "ConnectTimeout x",
                "command-line line 0: invalid time value.",
            ),
            (
                "ServerAliveInterval 5x",
                "command-line line 0: invalid time value.",
            ),
            (
                "ServerAliveCountMax x",
                "command-line line 0: integer value invalid.",
            ),
            (
                "ServerAliveCountMax 2147483648",
                "command-line line 0: integer value too large.",
            ),
            (
                "ConnectionAttempts 0",
                "command-line line 0: integer value too small.",
            ),
            (
                "ConnectionAttempts -1",
                "command-line line 0: integer value too small.",
            ),
            (
                "LogLevel x",
                "command-line line 0: unsupported log level 'x'",
            ),
            (
                "RekeyLimit x",
                "command-line line 0: Bad number 'x': Invalid argument",
            ),
            ("RekeyLimit 15", "command-line line 0: RekeyLimit too small"),
            (
                "RekeyLimit 1G x",
                "command-line line 0: invalid time value.",
            ),
            (
                "LocalForward 1:h:2",
                "command-line line 0: Missing target argument.",
            ),
            (
                "LocalForward a h:2",
                "command-line line 0: Bad forwarding specification: the port to listen on, 'a', \
                 is not a number from 0 to 65535 or a service.",
            ),
            (
                "UserKnownHostsFile a none",
                "command-line line 0: keyword userknownhostsfile \"none\" argument must appear alone.",
            ),
            ("User \"a", "command-line line 0: invalid quotes"),
        ] {
            assert_eq!(set(&[line]).map(|_| ()), Err(text.to_owned()), "{line}");
        }
        assert!(set(&["RekeyLimit 16", "", "# nothing"]).is_ok());
    }
}
