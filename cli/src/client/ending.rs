//! Why a session is over, in the words of ssh.

use std::io::ErrorKind;
use std::time::Instant;

use adit_forward::observer::{Gone, PeerInfo};

use crate::client::program::About;
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
    let About { host, user, .. } = about;
    let (ip, port) = (peer.address.ip(), peer.address.port());
    match why {
        Gone::Closed if authenticated.is_some() => {
            report.fatal(format_args!("Connection to {host} closed by remote host."));
        }
        Gone::Closed => report.fatal(format_args!("Connection closed by {ip} port {port}")),
        Gone::Disconnected {
            reason_code,
            description,
            ..
        } => {
            report.fatal(format_args!(
                "Received disconnect from {ip} port {port}:{reason_code}: {}",
                escaped(description)
            ));
            report.fatal(format_args!("Disconnected from {ip} port {port}"));
        }
        Gone::Socket(error) if error.kind() == ErrorKind::ConnectionReset => {
            report.fatal(format_args!("Connection reset by {ip} port {port}"));
        }
        Gone::Socket(error) => report.fatal(format_args!(
            "Connection to {ip} port {port}: {}",
            reason(error)
        )),
        Gone::Silent => report.fatal(format_args!("Timeout, server {host} not responding.")),
        Gone::TooSlow => {
            report.fatal(format_args!("Connection to {ip} port {port} timed out"));
        }
        Gone::NoCommon { what, offer } => report.fatal(format_args!(
            "Unable to negotiate with {ip} port {port}: no matching {what} found. Their offer: {}",
            escaped(offer)
        )),
        Gone::NoStrictKex { cipher } => report.fatal(format_args!(
            "{host} negotiated {cipher} without strict key exchange (CVE-2023-48795). \
             Try -c aes256-gcm@openssh.com,aes128-gcm@openssh.com."
        )),
        Gone::Error(text) => report.fatal(format_args!(
            "Connection to {ip} port {port}: {}",
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
        Gone::AuthenticationRefused(refused) => {
            for line in &about.left_out {
                report.error(line);
            }
            if refused.tried_keys == 0 {
                report.error(
                    "There was no key to log in with: give one with -i, or add one to ssh-agent.",
                );
            }
            if refused.partial_success {
                report.error("The server accepted a key and asks for more than adit can give.");
            }
            report.fatal(format_args!(
                "{user}@{host}: Permission denied ({}).",
                escaped(&refused.methods)
            ));
        }
        Gone::Stopped => report.debug("Disconnected."),
        Gone::Panicked => report.fatal("adit has a fault and ended this session."),
        _ => report.fatal(format_args!("Connection to {ip} port {port} ended")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use adit_auth::Refused;
    use adit_forward::observer::PeerId;

    use super::*;
    use crate::report::Level;

    const PEER: PeerInfo<'_> = PeerInfo {
        id: PeerId(1),
        address: std::net::SocketAddr::new(
            std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
            2222,
        ),
        user: None,
    };

    fn said(why: &Gone<'_>, authenticated: Option<Instant>) -> Vec<String> {
        let report = Report::memory(Level::Info);
        let about = About {
            host: "hostb".into(),
            port: 2222,
            user: "me".into(),
            forwards: vec![],
            left_out: vec!["Load key \"x\": bad".into()],
        };
        say(&report, &about, &PEER, why, authenticated);
        report.kept()
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
    fn a_refused_login_says_what_was_not_tried() {
        let mut refused = Refused {
            methods: b"publickey,password".to_vec(),
            tried_keys: 1,
            skipped_keys: 0,
            passwords_tried: 0,
            partial_success: false,
        };
        assert_eq!(
            said(&Gone::AuthenticationRefused(&refused), None),
            [
                "Load key \"x\": bad",
                "me@hostb: Permission denied (publickey,password)."
            ]
        );
        refused.tried_keys = 0;
        refused.partial_success = true;
        let lines = said(&Gone::AuthenticationRefused(&refused), None);
        assert_eq!(lines.len(), 4, "{lines:?}");
    }
}
