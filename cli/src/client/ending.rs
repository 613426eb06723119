//! Why a session is over, in the words of ssh.

use std::io::ErrorKind;
use std::time::Instant;

use adit_auth::{Method, Refused};
use adit_forward::observer::{Gone, PeerInfo};
use adit_proto::NameList;
use adit_proto::reason::Disconnect;

use crate::client::about::About;
use crate::client::words::Whence;
use crate::escape::escaped;
use crate::file::reason;
use crate::report::Report;

/// Says what ssh says first when a server went away without having said that it is one: it has too
/// many clients already, or is none. [`say`] follows.
pub fn say_no_identification(report: &Report, why: &Gone<'_>) {
    let say = |what| report.error(format_args!("kex_exchange_identification: {what}"));
    if matches!(why, Gone::Closed) {
        say("Connection closed by remote host");
    } else if matches!(why, Gone::Socket(e) if e.kind() == ErrorKind::ConnectionReset) {
        say("read: Connection reset by peer");
    }
}

/// Says it. `authenticated`: since when.
pub fn say(
    report: &Report,
    about: &About,
    peer: &PeerInfo<'_>,
    why: &Gone<'_>,
    authenticated: Option<Instant>,
) {
    let About { host, .. } = about;
    let at = Whence(peer.address);
    match why {
        Gone::Closed if authenticated.is_some() => {
            report.fatal(format_args!("Connection to {host} closed by remote host."));
        }
        Gone::Closed => report.fatal(format_args!("Connection closed by {at}")),
        Gone::Disconnected {
            reason_code,
            description,
            keys_tried,
        } => {
            report.fatal(format_args!(
                "Received disconnect from {at}:{reason_code}: {}",
                escaped(description)
            ));
            report.fatal(format_args!("Disconnected from {at}"));
            if authenticated.is_none() && is_too_many(*reason_code, description) {
                say_too_many(report, *keys_tried);
            }
        }
        Gone::Socket(error) if error.kind() == ErrorKind::ConnectionReset => {
            report.fatal(format_args!("Connection reset by {at}"));
        }
        Gone::Socket(error) => report.fatal(format_args!("Connection to {at}: {}", reason(error))),
        Gone::Silent => report.fatal(format_args!("Timeout, server {host} not responding.")),
        Gone::TooSlow => {
            report.fatal(format_args!("Connection to {at} timed out"));
        }
        Gone::NoCommon { what, offer } => report.fatal(format_args!(
            "Unable to negotiate with {at}: no matching {what} found. Their offer: {}",
            escaped(offer)
        )),
        Gone::NoStrictKex { cipher } => report.fatal(format_args!(
            "{host} negotiated {cipher} without strict key exchange (CVE-2023-48795). \
             Try -c aes256-gcm@openssh.com,aes128-gcm@openssh.com."
        )),
        Gone::Error(text) => report.fatal(format_args!(
            "Connection to {at}: {}",
            escaped(text.as_bytes())
        )),
        Gone::HostKeyChanged => {
            report.error(format_args!(
                "{host} showed another host key when it was connected to again than the one that \
                 was just accepted: somebody else may answer in its place."
            ));
            report.fatal("Host key verification failed.");
        }
        // The policy about host keys has said it.
        Gone::HostKeyRefused => {}
        Gone::AuthenticationRefused(refused) => say_refused(report, about, refused),
        Gone::Stopped => report.debug("Disconnected."),
        Gone::Panicked => report.fatal("adit has a fault and ended this session."),
        _ => report.fatal(format_args!("Connection to {at} ended")),
    }
}

/// What sshd says when MaxAuthTries is reached, and others in other words: with this code.
fn is_too_many(reason_code: u32, description: &[u8]) -> bool {
    let sshds = b"Too many authentication failures";
    description.windows(sshds.len()).any(|text| text == sshds)
        || reason_code == Disconnect::NoMoreAuthMethodsAvailable.code()
}

/// A server counts each key as a try, and an agent may hold more keys than it allows tries.
fn say_too_many(report: &Report, keys_tried: usize) {
    if keys_tried > 1 {
        report.error(format_args!(
            "It was shown {keys_tried} keys and counts each as a failure. Name the right one with \
             -o IdentitiesOnly=yes -i FILE, or have fewer keys in the agent."
        ));
    }
}

/// The server takes nothing of what there was. What was not tried is named first, so that ssh's
/// line is the last.
fn say_refused(report: &Report, about: &About, refused: &Refused) {
    for line in about.missed.all() {
        report.error(line);
    }
    if refused.partial_success {
        report.error("The server accepted what it was given, and asks for more.");
    }
    let nothing_tried = refused.tried_keys == 0 || refused.partial_success;
    if nothing_tried
        && refused.passwords_tried == 0
        && let Some(why) = why_nothing(about, refused)
    {
        report.error(why);
    }
    let About { host, user, .. } = about;
    report.fatal(format_args!(
        "{user}@{host}: Permission denied ({}).",
        escaped(&refused.methods)
    ));
}

/// Why nothing was tried of what the server would take, if this side is why.
fn why_nothing(about: &About, refused: &Refused) -> Option<&'static str> {
    let methods = NameList::parse(&refused.methods).unwrap_or(NameList::EMPTY);
    let takes = |method: Method| methods.contains(method.name().as_bytes());
    let both = |method: Method| takes(method) && about.methods.order.contains(&method);
    let asks = [Method::KeyboardInteractive, Method::Password];
    if !Method::ALL.into_iter().any(takes) {
        Some("adit logs in with keys and passwords, and the server takes neither.")
    } else if !Method::ALL.into_iter().any(both) {
        Some("The options turn off whatever the server takes.")
    } else if asks.into_iter().any(both) {
        // With somebody to ask there is a word about the answer already.
        let why = if both(Method::Publickey) {
            "There was no key to log in with, and nobody is asked for a password (BatchMode, or \
             NumberOfPasswordPrompts 0)."
        } else {
            "The server would take a password, but nobody is asked (BatchMode, or \
             NumberOfPasswordPrompts 0)."
        };
        (about.methods.prompts == 0).then_some(why)
    } else if refused.skipped_keys > 0 {
        Some("No key here is of a type that the server takes.")
    } else {
        Some("There was no key to log in with: give one with -i, or add one to ssh-agent.")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use adit_auth::Methods;

    use super::*;
    use crate::client::about::{Stays, WeakCrypto};
    use crate::report::Level;
    use crate::testing::PEER;

    fn about() -> About {
        About {
            host: "hostb".into(),
            port: 2222,
            user: "me".into(),
            forwards: vec![],
            remote_forwards: vec![],
            on_forward_failure: adit_forward::reactor::OnForwardFailure::GoOn,
            methods: Methods::default(),
            stays: Stays::Foreground,
            weak_crypto: WeakCrypto::WarnedOf,
            missed: vec!["Load key \"x\": bad".into()].into(),
        }
    }

    fn said_about(about: &About, why: &Gone<'_>, authenticated: Option<Instant>) -> Vec<String> {
        let report = Report::memory(Level::Info);
        say(&report, about, &PEER, why, authenticated);
        report.kept()
    }

    fn said(why: &Gone<'_>, authenticated: Option<Instant>) -> Vec<String> {
        said_about(&about(), why, authenticated)
    }

    #[test]
    fn each_end_has_the_words_of_ssh() {
        let (reset, unreachable) = (
            Error::from_raw_os_error(nix::libc::ECONNRESET),
            Error::from_raw_os_error(nix::libc::EHOSTUNREACH),
        );
        for (why, line) in [
            (Gone::Closed, "Connection closed by 192.0.2.1 port 2222"),
            (
                Gone::Socket(&reset),
                "Connection reset by 192.0.2.1 port 2222",
            ),
            (
                Gone::Socket(&unreachable),
                "Connection to 192.0.2.1 port 2222: No route to host",
            ),
            (Gone::Silent, "Timeout, server hostb not responding."),
            (Gone::TooSlow, "Connection to 192.0.2.1 port 2222 timed out"),
            (
                Gone::NoCommon {
                    what: "cipher",
                    offer: b"aes\x1b,x",
                },
                "Unable to negotiate with 192.0.2.1 port 2222: no matching cipher found. Their \
                 offer: aes\\u{1b},x",
            ),
            (
                Gone::NoStrictKex {
                    cipher: "aes128-ctr",
                },
                "hostb negotiated aes128-ctr without strict key exchange (CVE-2023-48795). Try -c \
                 aes256-gcm@openssh.com,aes128-gcm@openssh.com.",
            ),
            (
                Gone::Error("packet too long"),
                "Connection to 192.0.2.1 port 2222: packet too long",
            ),
        ] {
            assert_eq!(said(&why, None), [line]);
        }
        assert_eq!(
            said(&Gone::Closed, Some(Instant::now())),
            ["Connection to hostb closed by remote host."]
        );
        assert_eq!(said(&Gone::HostKeyRefused, None), [""; 0]);
        assert_eq!(said(&Gone::Stopped, None), [""; 0]);
    }

    #[test]
    fn what_a_server_says_at_the_end_is_escaped() {
        let why = Gone::Disconnected {
            reason_code: 2,
            description: b"bye\n\x1b[2J",
            keys_tried: 0,
        };
        assert_eq!(
            said(&why, None),
            [
                "Received disconnect from 192.0.2.1 port 2222:2: bye\\n\\u{1b}[2J",
                "Disconnected from 192.0.2.1 port 2222"
            ]
        );
    }

    #[test]
    fn too_many_failures_are_explained() {
        let said = |reason_code, description, keys_tried, authenticated| {
            let why = Gone::Disconnected {
                reason_code,
                description,
                keys_tried,
            };
            said(&why, authenticated).get(2).cloned()
        };
        let text = b"Too many authentication failures for me";
        let remedy = "It was shown 6 keys and counts each as a failure. Name the right one with \
                      -o IdentitiesOnly=yes -i FILE, or have fewer keys in the agent.";
        assert_eq!(said(2, text, 6, None).as_deref(), Some(remedy));
        assert_eq!(said(14, b"no more", 6, None).as_deref(), Some(remedy));
        assert_eq!(said(2, text, 1, None), None);
        assert_eq!(said(2, b"protocol error", 6, None), None);
        assert_eq!(said(2, text, 6, Some(Instant::now())), None);
    }

    fn refused(methods: &str) -> Refused {
        Refused {
            methods: methods.into(),
            tried_keys: 0,
            skipped_keys: 0,
            passwords_tried: 0,
            partial_success: false,
        }
    }

    #[test]
    fn a_refused_login_says_what_was_not_tried() {
        let mut refused = refused("publickey,password");
        refused.tried_keys = 1;
        assert_eq!(
            said(&Gone::AuthenticationRefused(&refused), None),
            [
                "Load key \"x\": bad",
                "me@hostb: Permission denied (publickey,password)."
            ]
        );
        refused.partial_success = true;
        for (methods, more) in [("password", 3), ("publickey", 4), ("hostbased", 4)] {
            refused.methods = methods.into();
            let lines = said(&Gone::AuthenticationRefused(&refused), None);
            assert_eq!(lines.len(), more, "{lines:?}");
            assert!(lines[1].contains("asks for more"), "{lines:?}");
        }
    }

    #[test]
    fn a_login_with_nothing_says_why() {
        let all = Method::ALL.to_vec();
        let (key, password) = (vec![Method::Publickey], vec![Method::Password]);
        for (methods, order, prompts, why) in [
            ("publickey", &all, 3, "There was no key"),
            ("publickey", &all, 0, "There was no key"),
            ("publickey", &password, 3, "options turn off"),
            ("password", &key, 3, "options turn off"),
            ("publickey,password", &key, 3, "There was no key"),
            (
                "publickey,password",
                &all,
                0,
                "no key to log in with, and nobody",
            ),
            (
                "publickey,password",
                &password,
                0,
                "take a password, but nobody",
            ),
            ("keyboard-interactive", &all, 0, "BatchMode"),
            ("publickey,password", &all, 3, ""),
            ("hostbased,gssapi-with-mic", &all, 3, "takes neither"),
        ] {
            let about = About {
                methods: Methods {
                    order: order.clone(),
                    prompts,
                    ..Methods::default()
                },
                ..about()
            };
            let refused = refused(methods);
            let lines = said_about(&about, &Gone::AuthenticationRefused(&refused), None);
            let said = lines.get(1..lines.len() - 1).unwrap().concat();
            assert!(
                said.contains(why),
                "{methods} {order:?} {prompts}: {lines:?}"
            );
            assert_eq!(said.is_empty(), why.is_empty(), "{methods}: {lines:?}");
        }
    }
}
